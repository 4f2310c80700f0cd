"""The service behind the bridge goes away and comes back: phones stay, nothing is lost or doubled."""
import pathlib
import shutil
import signal
import tempfile
import threading
import uuid

import pytest

from bridge import texts
from bridge.bridged import House
from bridge.engines import Script
from bridge.phone import Phone, url
from bridge.rawphone import attempt
from bridge.recordings import spoken
from bridge.separate import Clock, SeparateBridge, free_port
from bridge.voice import send_segment, user_texts
from person import Events, fresh
from server import Server
from waiting import wait_until

# An outage that phones must not notice by being dropped.
OUTAGE_S = 10


class Site:
    """A server that can be killed and started again at the same address, and a bridge in front of it."""

    def __init__(self, folder, engines):
        self.server = Server(folder, ephemeral=False, grpc=f"127.0.0.1:{free_port()}", env=engines.environment).start()
        self.house = House(self.server)
        self.separate = SeparateBridge(folder, self.server.target, self.server.secret)

    def __enter__(self):
        self.separate.__enter__()
        return self

    def __exit__(self, *_):
        self.separate.__exit__()
        self.house.close()
        self.server.stop()

    @property
    def bridge(self):
        return self.separate.bridge

    def phone(self, person, conversation, **query):
        return Phone(url(self.bridge, conversation, self.house.token(person), **query), conversation=conversation,
                     legacy="v" not in query)

    def kill(self):
        self.server.kill()

    def restart(self):
        self.server.start()
        self.house.close()
        self.house.__init__(self.server)


@pytest.fixture
def site(engines):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="lifeecho-site-"))
    folder.chmod(0o755)
    try:
        with Site(folder, engines) as running:
            yield running
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def again(site, person):
    """The same person on the restarted server's channel."""
    from person import Person
    return Person(site.house.channel, site.server.secret, person.user)


@pytest.mark.timeout(90)
def test_a_recording_that_begins_in_an_outage_is_listened_to(site):
    """“I am listening” was asked for while the service was away."""
    person = site.house.person()
    conversation, session = site.house.begun(person), fresh("s")
    with site.phone(person, conversation, v=2) as phone:
        phone.wait_type("topic_suggestions")
        site.kill()
        phone.send("recording_started", voice_session_id=session)
        send_segment(phone, session, 0, "我小时候")
        site.restart()
        phone.wait_type("audio_ack", seconds=30)
        phone.wait_type("listening_feedback", seconds=30)


@pytest.mark.timeout(90)
def test_a_long_recording_survives_a_short_outage(site):
    """What counts is how long the service has been away, not how old the recording is."""
    person = site.house.person()
    conversation, session = site.house.begun(person), fresh("s")
    with site.phone(person, conversation, v=2) as phone:
        phone.wait_type("topic_suggestions")
        begin = Clock()
        phone.send("recording_started", voice_session_id=session)
        send_segment(phone, session, 0, "我小时候,")
        phone.wait_type("audio_ack")
        wait_until(lambda: begin.seconds > OUTAGE_S, "it is older than an outage may be", OUTAGE_S + 5)
        # Frozen first, so that the segment is on its way when the service dies.
        site.server.process.send_signal(signal.SIGSTOP)
        send_segment(phone, session, 1, "住在河边。", last=True)
        assert phone.ping() < 1
        site.kill()
        site.restart()
        transcript = phone.wait_type("transcript", seconds=30)
        assert transcript.data["text"] == "我小时候,住在河边。" and phone.errors() == []


@pytest.mark.timeout(90)
def test_phones_stay_through_a_short_outage(site):
    person = site.house.person()
    conversation = site.house.begun(person)
    with site.phone(person, conversation) as phone, site.phone(person, conversation, v=2) as second:
        for opened in (phone, second):
            opened.wait_type("topic_suggestions")
        site.kill()
        outage = Clock()
        assert phone.ping() < 1, "the bridge itself is there"
        phone.send("text", text="有人吗?")
        phone.wait_error(texts.FAILED, seconds=OUTAGE_S + 5)
        answer, _ = attempt(site.bridge, f"/ws/conversation/{fresh('c')}?token={site.house.token(person)}")
        assert answer.status == 503 and int(answer.headers["retry-after"]) >= 1
        site.restart()
        assert outage.seconds < OUTAGE_S, f"the restart took {outage.seconds:.1f} s: no short outage"
        wait_until(lambda: try_to_say(phone, "我还在。"), phone.describe, 20)
        second.wait_for(lambda log: "回:我还在。" in log.replies(), "what is new arrives at every socket")
        assert not phone.over.is_set() and not second.over.is_set()
        assert phone.replies().count("回:我还在。") == user_texts(again(site, person), conversation).count("我还在。")
        sequences = [f.value["seq"] for f in second.frames if "seq" in f.value]
        assert sequences == sorted(sequences)


def try_to_say(phone, text):
    """Once the channel is back a text is answered; until then it is an error."""
    before = len(phone.errors())
    phone.send("text", text=text)
    phone.wait_for(lambda log: len(log.errors()) > before or "回:" + text in log.replies(), "an answer", 20)
    return "回:" + text in phone.replies()


@pytest.mark.timeout(90)
def test_a_reply_that_was_in_progress_arrives_once(site, engines):
    person = site.house.person()
    conversation = site.house.begun(person)
    with site.phone(person, conversation) as phone, engines.hold("慢慢说") as gate:
        phone.wait_type("topic_suggestions")
        phone.send("text", text="慢慢说")
        wait_until(lambda: engines.waiting["慢慢说"], "the reply is in progress")
        site.kill()
        site.restart()
        gate.set()
        phone.wait_for(lambda log: "回:慢慢说" in log.replies(), "the reply", 40)
        assert try_to_say(phone, "好。") or try_to_say(phone, "好。")
        assert phone.replies().count("回:慢慢说") == 1
    assert user_texts(again(site, person), conversation).count("慢慢说") == 1


@pytest.mark.timeout(90)
def test_texts_with_ids_are_stored_exactly_once_through_an_outage(site):
    """A phone of protocol 2 that sends each message until it is acknowledged."""
    person = site.house.person()
    conversation = site.house.begun(person)
    ids = {str(uuid.uuid4()): f"第{n}件事。" for n in range(12)}
    with site.phone(person, conversation, v=2) as phone:
        phone.wait_type("topic_suggestions")

        def acknowledged():
            return {frame.data["client_msg_id"] for frame in phone.of("ack")}

        def send_missing():
            for message, text in ids.items():
                if message not in acknowledged():
                    phone.send("text", text=text, client_msg_id=message)
        sender = threading.Thread(target=send_missing)
        sender.start()
        wait_until(lambda: acknowledged(), "the first acknowledgement")
        site.kill()
        sender.join()
        site.restart()
        for _ in range(6):
            send_missing()
            try:
                phone.wait_for(lambda log: acknowledged() == set(ids), "every acknowledgement", 5)
                break
            except AssertionError:
                assert not phone.over.is_set(), "the phone was dropped"
        assert acknowledged() == set(ids)
        phone.wait_for(lambda log: {"回:" + text for text in ids.values()} <= set(log.replies()), "every reply", 40)
        assert len(phone.replies()) == len(set((f.value["seq"]) for f in phone.of("agent_response")))
    log = again(site, person).wait_idle(conversation, 40)
    said = [e.user_message.text for e in log if Events.kind(e) == "user_message"]
    assert sorted(said[1:]) == sorted(ids.values())


@pytest.mark.timeout(90)
def test_a_recording_through_an_outage(site):
    person = site.house.person()
    conversation, session = site.house.begun(person), fresh("s")
    with site.phone(person, conversation, v=2) as phone:
        phone.wait_type("topic_suggestions")
        phone.send("recording_started", voice_session_id=session)
        send_segment(phone, session, 0, "一")
        phone.wait_type("audio_ack")
        site.kill()
        send_segment(phone, session, 1, "二")
        site.restart()

        def durable_through():
            return max([ack.data["durable_through"] for ack in phone.of("audio_ack")], default=-1)
        for _ in range(8):
            if durable_through() >= 1:
                break
            send_segment(phone, session, 1, "二")
            try:
                phone.wait_for(lambda log: durable_through() >= 1, "the segment is durable", 3)
            except AssertionError:
                assert not phone.over.is_set(), "the phone was dropped"
        send_segment(phone, session, 2, "三", last=True)
        assert phone.wait_type("transcript", seconds=30).data["text"] == "一二三"
        phone.wait_for(lambda log: "回:一二三" in log.replies(), "the reply", 30)
    assert user_texts(again(site, person), conversation).count("一二三") == 1


@pytest.mark.timeout(90)
def test_a_long_outage_sends_phones_away_and_they_come_back(site):
    person = site.house.person()
    conversation = site.house.begun(person)
    with site.phone(person, conversation) as phone:
        phone.wait_type("topic_suggestions")
        phone.say(Script.THREE, 3)
        site.kill()
        outage = Clock()
        code, reason = phone.wait_closed(40)
        assert outage.seconds > OUTAGE_S - 1, f"dropped after {outage.seconds:.1f} s"
        assert code in (1011, 1012, 1013), (code, reason)
    site.restart()
    wait_until(lambda: attempt(site.bridge, url("", conversation, site.house.token(person)).partition("ws://")[2])[0]
               .status == 101, "the bridge lets in again", 20)
    with site.phone(person, conversation) as phone:
        phone.send("transcribe_only", audio_base64=spoken("回来了。"))
        phone.wait_for(lambda log: log.of("transcript"), "an answer")


def test_a_bridge_of_its_own_is_the_same_bridge(site):
    """The whole way once: greeting, text, end."""
    person = site.house.person()
    conversation = fresh("conversation")
    with site.phone(person, conversation) as phone:
        phone.wait_type("topic_suggestions")
        assert phone.types() == ["connect", "agent_response", "agent_response", "topic_suggestions"]
        assert phone.say("我小时候住在河边。") == ["回:我小时候住在河边。"]
        phone.send("end_conversation")
        assert phone.wait_closed()[0] == 1000
    stranger = site.house.person()
    with site.phone(stranger, conversation) as phone:
        assert phone.wait_closed() == (1008, texts.FORBIDDEN)
    for token in ("garbage", ""):
        answer, body = attempt(site.bridge, f"/ws/conversation/c?token={token}")
        assert (answer.status, body) == (403, b"")
