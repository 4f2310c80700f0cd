"""kill -9 at every stage, and two servers on one database: no acknowledged segment is lost, nothing is said twice."""
import shutil
import threading

import grpc
import pytest

from conftest import SPEECH
from contract import pb
from database import Database
from person import COMPLETE_PROFILE, Events, Person, fresh, gapless, open_channel
from server import Server
from speaking import AudioStream, audio, session_of, speak, spoken
from waiting import wait_until

WORDS = [f"第{n}句。" for n in range(12)]


class Life:
    """A server on a data directory that is killed and started again, and one user."""

    def __init__(self, folder, **settings):
        self.server = Server(folder, ephemeral=False, env=SPEECH | settings)
        self.user = None

    def __enter__(self):
        self.start()
        self.person.provision(**COMPLETE_PROFILE)
        return self

    def start(self):
        self.server.start()
        self.channel = open_channel(self.server.target)
        self.person = Person(self.channel, self.server.secret, self.user)
        self.user = self.person.user

    def kill(self):
        self.server.kill()
        self.channel.close()
        self.start()

    def __exit__(self, *_):
        self.channel.close()
        self.server.stop()


def once(life, conversation, text):
    """Exactly one message, and its turn ended once."""
    assert spoken(life.person, conversation, seconds=60) == [text]
    log = gapless(life.person.wait_idle(conversation, seconds=60))
    assert spoken(life.person, conversation) == [text]
    assert len([e for e in log if Events.kind(e) == "turn_completed"]) == 1
    assert not [e for e in log if Events.kind(e) == "transcription_failed"]


def recognition(life, what, count=1):
    """Waits until so many segments were begun, or ended, in this life of the server."""
    name = f"lifeecho_recognition_{what}"
    wait_until(lambda: life.server.metric(name) >= count, f"{name}: {count}", 30)


@pytest.mark.parametrize("delay", [0.0, 0.02, 0.06, 0.15])
def test_killed_while_segments_come_in(tmp_path, delay):
    with Life(tmp_path / "data") as life:
        conversation = fresh("conversation")
        stream = AudioStream(life.person, conversation, "s")
        killer = threading.Timer(delay, life.server.process.kill)
        killer.start()
        for index, words in enumerate(WORDS):
            stream.send(index, audio(words, 20_000), last=index == len(WORDS) - 1)
        assert stream.done.wait(20)
        acknowledged = -1
        while (answer := stream.answers.get()) is not None:
            acknowledged = max(acknowledged, answer.durable_through)
        killer.join()
        life.kill()
        try:
            assert session_of(life.person, conversation, "s").durable_through >= acknowledged
        except grpc.RpcError:
            assert acknowledged == -1
        # The phone sends what it is not sure of: everything.
        with AudioStream(life.person, conversation, "s") as again:
            for index, words in enumerate(WORDS):
                again.send(index, audio(words, 20_000), last=index == len(WORDS) - 1)
            answers = again.finish()
        assert answers[-1].durable_through == len(WORDS) - 1 and not any(a.rejected for a in answers)
        once(life, conversation, "".join(WORDS))


def test_killed_when_everything_is_durable(tmp_path):
    with Life(tmp_path / "data") as life:
        conversation = fresh("conversation")
        answers = speak(life.person, conversation, "s", *WORDS)
        assert answers[-1].durable_through == len(WORDS) - 1
        life.kill()
        once(life, conversation, "".join(WORDS))


def test_killed_in_the_middle_of_the_recognition(tmp_path):
    with Life(tmp_path / "data") as life:
        conversation = fresh("conversation")
        speak(life.person, conversation, "s", *(f"!slow 700\n{words}" for words in WORDS[:6]))
        recognition(life, "wait_duration_seconds_count")
        life.kill()
        recognition(life, "segments_total")
        life.kill()
        once(life, conversation, "".join(WORDS[:6]))


def test_killed_between_recognition_and_the_last_segment(tmp_path):
    with Life(tmp_path / "data") as life:
        conversation = fresh("conversation")
        speak(life.person, conversation, "s", *WORDS[:5], last=False)
        recognition(life, "segments_total", 5)
        life.kill()
        speak(life.person, conversation, "s", *WORDS[5:7], first=5)
        once(life, conversation, "".join(WORDS[:7]))


def test_killed_as_soon_as_the_message_is_there(tmp_path):
    with Life(tmp_path / "data") as life:
        for _ in range(3):
            conversation = fresh("conversation")
            with life.person.connect(conversation, intent=pb.INTENT_INTERACTIVE) as live:
                live.wait_kind("turn_completed")
                speak(life.person, conversation, "s", *WORDS[:3])
                live.wait_for(lambda e: e.of("user_message"), "the spoken message")
                life.kill()
            assert spoken(life.person, conversation) == ["".join(WORDS[:3])]
            log = gapless(life.person.wait_idle(conversation))
            replies = {e.turn_id for e in log if Events.kind(e) == "turn_completed"}
            message = [e for e in log if Events.kind(e) == "user_message"]
            assert len(message) == 1 and message[0].turn_id in replies


def test_two_servers_one_recording_and_one_queue(tmp_path):
    with Database() as database:
        servers = []
        for number in range(2):
            folder = tmp_path / str(number)
            folder.mkdir()
            if servers:
                shutil.copy(servers[0].data_dir / "jwt-secret", folder / "jwt-secret")
            servers.append(
                Server(folder, "--database-url", database.url, ephemeral=False,
                       env=SPEECH | {"LIFEECHO_LISTENING_FEEDBACK_DELAY": "1s"}).start())
        try:
            with open_channel(servers[0].target) as one, open_channel(servers[1].target) as two:
                here = Person(one, servers[0].secret).provision(subscription_type=2, **COMPLETE_PROFILE)
                there = Person(two, servers[0].secret, here.user)
                conversation = fresh("conversation")
                # Listening is told to who follows on the other server.
                here.say(conversation, "你好")
                with there.connect(conversation, intent=pb.INTENT_OBSERVE) as live:
                    live.wait_kind("connected")
                    with AudioStream(here, conversation, "s", recording_started=True) as stream:
                        stream.say(0, "一")
                        live.wait_kind("listening_feedback")
                        with AudioStream(there, conversation, "s") as other:
                            other.say(2, "三", last=True)
                            assert other.say(0, "一").duplicate
                        assert stream.say(1, "二").durable_through == 2
                    assert spoken(there, conversation) == ["一二三"]
                    assert len(live.of("listening_feedback")) == 1
                # 500 segments at once, on both.
                count = 10
                conversations = [fresh("conversation") for _ in range(count)]
                words = [f"{n} " for n in range(50)]
                for place, each in enumerate(conversations):
                    speak((here, there)[place % 2], each, "s", *words)
                for each in conversations:
                    assert spoken(here, each, seconds=120) == [" ".join(str(n) for n in range(50))]
            rows = database.query("SELECT count(*), max(attempts), max(lease_number) FROM lifeecho.audio_segments")
            assert rows == ["503|1|1"]
        finally:
            for server in servers:
                server.stop()
