"""Protocol 2: what a client with `v=2` gets in addition, and that nobody else does."""
import base64
import datetime
import json
import struct
import uuid

import pytest

from bridge import texts
from bridge.engines import Script
from bridge.recordings import recording
from bridge.voice import send_segment, stored, user_texts
from contract import pb, resources
from person import Events, fresh
from waiting import wait_until

V2 = {"v": 2}


def connect(house, person, conversation, **query):
    return house.phone(person, conversation, query={**V2, **query})


def logged(phone):
    """The frames that show events of the log."""
    return [frame for frame in phone.frames if "seq" in frame.value]


def codes(phone):
    return [frame.data.get("code") for frame in phone.of("error")]


def binary_segment(session, index, content, last=False, duration_ms=1000):
    name = session.encode()
    return struct.pack("!BBIIB", 1, 1 if last else 0, index, duration_ms, len(name)) + name + content


def test_connect_tells_where_things_are(house, person):
    conversation = house.begun(person)
    head = person.replay(conversation)[-1].sequence
    with connect(house, person, conversation) as phone:
        data = phone.wait_type("connect").data
        assert set(data) == {"status", "protocol", "head", "recovered", "created", "expires_at", "quota"}
        assert (data["status"], data["protocol"], data["head"]) == ("connected", 2, head)
        assert data["created"] is False and data["recovered"] is True
        assert set(data["quota"]) == {
            "turns_limit", "turns_used", "turns_remaining", "speech_limit", "speech_used", "speech_remaining",
            "reset_time", "warning"}
        assert data["quota"]["turns_used"] == 1


@pytest.mark.parametrize("version", ["1", "3", "", "two", "2.0"])
def test_other_versions_are_the_first_protocol(house, person, version):
    conversation = house.begun(person)
    with house.phone(person, conversation, query={"v": version}, legacy=True) as phone:
        phone.wait_type("topic_suggestions")
        phone.send("text", text="好。", client_msg_id="m")
        phone.wait_for(lambda log: "回:好。" in log.replies(), "the reply")
        phone.ping()
        assert set(phone.types()) <= {"connect", "agent_response", "topic_suggestions", "pong"}


def test_events_carry_gapless_order_and_the_epoch(house, person):
    conversation = fresh("conversation")
    with connect(house, person, conversation, after=0) as phone:
        phone.wait_type("topic_suggestions")
        phone.send("text", text=Script.THREE, client_msg_id=str(uuid.uuid4()))
        phone.wait_for(lambda log: "第三句。" in log.replies(), "the reply")
        phone.wait_for(lambda log: [f for f in log.of("turn") if f.data["state"] == "completed" and f.data["kind"] == "reply"],
                       "the turn's end")
        acknowledged = [frame for frame in logged(phone) if frame.type == "ack"]
        events = [frame for frame in logged(phone) if frame.type != "ack"]
        sequences = [frame.value["seq"] for frame in events]
        assert sequences == sorted(sequences) and sequences[0] > 0
        log = person.replay(conversation)
        assert {frame.value["log_epoch"] for frame in logged(phone)} == {log[0].log_epoch}
        assert acknowledged[0].value["seq"] == [e.sequence for e in log if Events.kind(e) == "user_message"][0]
        # Each agent_message of the log is there once, with its number.
        assert [(f.value["seq"], f.data["text"]) for f in phone.of("agent_response")] == [
            (e.sequence, e.agent_message.text) for e in log if Events.kind(e) == "agent_message"]


def test_resume_at_every_number(house, person):
    conversation = house.begun(person)
    person.say(conversation, Script.THREE)
    log = person.wait_idle(conversation)
    epoch = log[0].log_epoch
    for after in range(len(log) + 1):
        with connect(house, person, conversation, after=after, epoch=epoch) as phone:
            phone.wait_type("replay_completed")
            data = phone.frames[0].data
            assert data["recovered"] is True and data["head"] == log[-1].sequence
            shown = [frame.data["text"] for frame in phone.of("agent_response")]
            assert shown == [e.agent_message.text for e in log if Events.kind(e) == "agent_message" and e.sequence > after]
            said = [frame.data["text"] for frame in phone.of("message")]
            assert said == [e.user_message.text for e in log if Events.kind(e) == "user_message" and e.sequence > after]
            assert all(frame.value["seq"] > after for frame in logged(phone))


@pytest.mark.parametrize("query", [dict(after=1, epoch="another"), dict(after=100000)])
def test_a_resume_that_cannot_be_honoured_is_no_partial_one(house, person, query):
    conversation = house.begun(person)
    with connect(house, person, conversation, **query) as phone:
        assert phone.wait_type("connect").data["recovered"] is False
        phone.send("text", text="接着说。", client_msg_id="m1")
        phone.wait_for(lambda log: "回:接着说。" in log.replies(), "what is new")
        assert phone.replies() == ["回:接着说。"]


def test_live_and_replayed_frames_are_the_same(house, person):
    conversation = house.begun(person)
    with connect(house, person, conversation, device="watcher", after=0) as watcher:
        watcher.wait_type("replay_completed")
        with connect(house, person, conversation, device="speaker") as speaker:
            speaker.wait_type("connect")
            for n in range(3):
                speaker.send("text", text=f"第{n}件事。", client_msg_id=str(uuid.uuid4()))
                speaker.wait_for(lambda log, n=n: f"回:第{n}件事。" in log.replies(), "the reply")
        watcher.wait_for(
            lambda log: len([f for f in log.of("turn") if f.data["state"] == "completed"]) >= 4, "every turn's end")
        with connect(house, person, conversation, device="late", after=0) as late:
            late.wait_type("replay_completed")
            live = [(f.type, f.value["seq"], f.data) for f in logged(watcher)]
            replayed = [(f.type, f.value["seq"], f.data) for f in logged(late)]
            assert live == replayed


# Text


def test_a_text_with_an_id_is_stored_once(house, person):
    conversation, message = house.begun(person), str(uuid.uuid4())
    first = None
    for attempt in range(4):
        with connect(house, person, conversation) as phone:
            for _ in range(2):
                phone.send("text", text="只说一遍。", client_msg_id=message)
            phone.wait_type("ack", 2)
            for number, ack in enumerate(phone.of("ack")):
                assert ack.data["client_msg_id"] == message
                first = first or ack
                assert {**ack.data, "duplicate": False} == first.data and ack.value["seq"] == first.value["seq"]
                if attempt:
                    assert ack.data["duplicate"] is True
            if attempt == 0:
                assert sorted(ack.data["duplicate"] for ack in phone.of("ack")) == [False, True]
                phone.wait_for(lambda log: "回:只说一遍。" in log.replies(), "the reply")
    assert user_texts(person, conversation).count("只说一遍。") == 1


@pytest.mark.parametrize("message", ["m1", "消息-1", "a" * 128, "F47AC10B-58CC-4372-A567-0E02B2C3D479", " spaced "])
def test_ids_of_messages_are_any_string(house, person, message):
    conversation = house.begun(person)
    with connect(house, person, conversation) as phone:
        for text in ("好。", "好。"):
            phone.send("text", text=text, client_msg_id=message)
        phone.wait_type("ack", 2)
        assert [ack.data["client_msg_id"] for ack in phone.of("ack")] == [message] * 2
        assert sorted(ack.data["duplicate"] for ack in phone.of("ack")) == [False, True]
    assert user_texts(person, conversation).count("好。") == 1


@pytest.mark.parametrize("message", ["", 7, None, True, [], {}, "a" * 129])
def test_what_is_no_id_of_a_message(house, person, message):
    """Absent, or an error: never an exactly-once that is none."""
    conversation = house.begun(person)
    with connect(house, person, conversation) as phone:
        phone.send("text", text="好。", client_msg_id=message)
        phone.wait_for(lambda log: log.errors() or "回:好。" in log.replies(), "an error or a reply")
        assert not phone.of("ack") or message == ""
        assert codes(phone) in ([], ["FRAME_INVALID"], ["FIELD_INVALID"])


def test_the_same_id_for_another_text(house, person):
    with connect(house, person, house.begun(person)) as phone:
        phone.send("text", text="一", client_msg_id="same")
        phone.wait_type("ack")
        phone.send("text", text="二", client_msg_id="same")
        phone.wait_type("error")
        assert codes(phone) == ["REQUEST_ID_REUSED"]
        assert phone.of("error")[0].data["client_msg_id"] == "same"


def test_ids_of_two_conversations_do_not_meet(house, person):
    for conversation in (house.begun(person), house.begun(person)):
        with connect(house, person, conversation) as phone:
            phone.send("text", text="好。", client_msg_id="m1")
            assert phone.wait_type("ack").data["duplicate"] is False


def test_an_acknowledgement_overtakes_everything(house, person, engines):
    with connect(house, person, house.begun(person)) as phone, engines.hold("想一想") as gate:
        phone.send("text", text="想一想", client_msg_id="m1")
        wait_until(lambda: engines.waiting["想一想"], "the reply is in progress")
        phone.send("text", text="还有", client_msg_id="m2")
        phone.wait_type("ack", 2)
        assert "回:想一想" not in phone.replies()
        gate.set()
        phone.wait_for(lambda log: "回:还有" in log.replies(), "both replies")


def test_an_acknowledged_text_is_in_the_log(house, person):
    conversation = house.begun(person)
    with connect(house, person, conversation) as phone:
        for n in range(10):
            phone.send("text", text=f"第{n}件事。", client_msg_id=f"m{n}")
        phone.wait_type("ack", 10)
        phone.vanish()
        acknowledged = {ack.value["seq"]: ack.data["message_id"] for ack in phone.of("ack")}
    log = {e.sequence: e for e in person.replay(conversation)}
    assert all(log[seq].user_message.message_id == message for seq, message in acknowledged.items())


def test_a_chip_by_its_id(house, person):
    with connect(house, person, fresh("conversation")) as phone:
        chip = phone.wait_type("topic_suggestions").data["suggestions"][0]
        phone.send("text", text=chip["text"], chip_id=chip["id"], client_msg_id="m1")
        phone.wait_type("ack")
        conversation = phone.conversation
    message = [e for e in person.wait_idle(conversation) if Events.kind(e) == "user_message"][0].user_message
    assert message.source == resources.MESSAGE_SOURCE_CHIP and message.chip_id == chip["id"]


def test_chips_and_quota_follow_a_turn(house, person):
    with connect(house, person, house.begun(person)) as phone:
        phone.wait_type("topic_suggestions")
        phone.send("text", text="好。", client_msg_id="m1")
        quota = phone.wait_type("quota")
        assert quota.data["turns_used"] == 2
        phone.wait_for(lambda log: "turn" in [f.data["reason"] for f in log.of("topic_suggestions")], "chips of the turn")
        states = [f.data["state"] for f in phone.of("turn") if f.data["kind"] == "reply"][-2:]
        assert states == ["started", "completed"]


def test_a_failed_turn_can_be_tried_again(house, person, engines):
    with connect(house, person, house.begun(person)) as phone:
        phone.send("text", text=Script.FAIL, client_msg_id="m1")
        phone.wait_for(lambda log: "TURN_FAILED" in codes(log), "the failure")
        failure = phone.of("error")[0].data
        assert failure["message"] == texts.FAILED and failure["turn_id"] == phone.of("ack")[0].data["turn_id"]
        assert failure["retryable"] in (True, False)
        phone.send("retry", turn_id=failure["turn_id"])
        phone.wait_for(lambda log: codes(log).count("TURN_FAILED") >= 2 or [
            f for f in log.of("turn") if f.data.get("attempt") == 2] or len(codes(log)) >= 2, "the second attempt")


def test_failures_stand_where_they_happened(house, person):
    """Their errors carry the number, the epoch and the time of the event, live and in a replay."""
    conversation, session = house.begun(person), fresh("s")
    with connect(house, person, conversation) as phone:
        phone.wait_type("topic_suggestions")
        phone.send("text", text=Script.FAIL, client_msg_id="m1")
        phone.wait_for(lambda log: "TURN_FAILED" in codes(log), "the failed turn")
        send_segment(phone, session, 0, Script.UNREADABLE, last=True)
        phone.wait_for(lambda log: "TRANSCRIPTION_FAILED" in codes(log), "the failed recording", 45)
        phone.send("text", text="后来说的。", client_msg_id="m2")
        phone.wait_for(lambda log: "回:后来说的。" in log.replies(), "the reply")
        events = {Events.kind(e): e for e in person.wait_idle(conversation)}
        turn, recording = phone.of("error")
        for error, event in ((turn, events["turn_failed"]), (recording, events["transcription_failed"])):
            assert (error.value["seq"], error.value["log_epoch"]) == (event.sequence, event.log_epoch)
            shown = datetime.datetime.fromisoformat(error.value["timestamp"])
            assert shown == event.create_time.ToDatetime(tzinfo=datetime.timezone.utc)
    with connect(house, person, conversation, after=0) as phone:
        phone.wait_type("replay_completed")
        (replayed,) = phone.of("error")
        assert replayed.value == recording.value
        # A failed turn's own error is told once: whether it can be tried again is in its other frame, too.
        (failed,) = [f.data for f in phone.of("turn") if f.data["state"] == "failed"]
        assert failed["turn_id"] == turn.data["turn_id"] and failed["retryable"] == turn.data["retryable"]
        sequences = [frame.value["seq"] for frame in logged(phone)]
        assert sequences == sorted(sequences)


@pytest.mark.parametrize("message, code", [
    ("{", "FRAME_INVALID"), ("[]", "FRAME_INVALID"), ('{"type":"text","data":1}', "FRAME_INVALID"),
    ('{"type":"text","data":{"text":1}}', "FRAME_INVALID"),
    ('{"type":"audio_segment","data":{}}', "FRAME_INVALID"),
    ('{"type":"retry","data":{"turn_id":"nothing"}}', "TURN_UNKNOWN"),
    ('{"type":"retry","data":{"voice_session_id":"nothing","generation":1}}', "VOICE_SESSION_UNKNOWN"),
])
def test_errors_have_codes(house, person, message, code):
    with connect(house, person, house.begun(person)) as phone:
        phone.send_text(message)
        phone.wait_type("error")
        assert codes(phone) == [code]
        assert "seq" not in phone.of("error")[0].value
        # What a refused retry was about.
        named = {"turn_id", "voice_session_id"} & set(phone.of("error")[0].data)
        assert {phone.of("error")[0].data[name] for name in named} == ({"nothing"} if "nothing" in message else set())
        phone.ping()


def test_unknown_types_are_ignored(house, person):
    with connect(house, person, house.begun(person)) as phone:
        phone.send("tomorrow", anything=1)
        phone.ping()
        assert not phone.errors()


# Other devices


def test_what_another_device_said(house, person):
    conversation, message = house.begun(person), str(uuid.uuid4())
    with connect(house, person, conversation, device="tablet") as tablet, connect(
            house, person, conversation, device="phone") as phone:
        for opened in (tablet, phone):
            opened.wait_type("topic_suggestions")
        phone.send("text", text="从手机说。", client_msg_id=message)
        seen = tablet.wait_type("message")
        assert (seen.data["text"], seen.data["source"], seen.data["request_id"]) == ("从手机说。", "text", message)
        assert seen.data["message_id"] == phone.wait_type("ack").data["message_id"]
        phone.wait_for(lambda log: "回:从手机说。" in log.replies(), "the reply")
        assert not phone.of("message"), "its own message as another's"


def test_what_a_legacy_phone_and_a_service_said(house, person):
    conversation = house.begun(person)
    with connect(house, person, conversation) as watcher, house.phone(person, conversation) as legacy:
        watcher.wait_type("topic_suggestions")
        legacy.wait_type("topic_suggestions")
        legacy.say("旧手机说的。")
        person.say(conversation, "服务说的。")
        watcher.wait_type("message", 2)
        assert [f.data["text"] for f in watcher.of("message")] == ["旧手机说的。", "服务说的。"]


def test_devices_have_their_own_positions(house, person):
    """What the phone confirmed is news for the tablet."""
    conversation = house.begun(person)
    with connect(house, person, conversation, device="phone") as phone:
        phone.wait_type("topic_suggestions")
        phone.send("text", text="好。", client_msg_id="m1")
        phone.wait_for(lambda log: "回:好。" in log.replies(), "the reply")

        def confirmed():
            with person.connect(conversation, intent=pb.INTENT_OBSERVE, device_id="phone",
                                resume=pb.Resume(from_acknowledged=True)) as seen:
                seen.wait_kind("replay_completed")
                return not seen.of("agent_message")
        wait_until(confirmed, "the phone's position")
    with connect(house, person, conversation, device="tablet") as tablet:
        tablet.wait_type("topic_suggestions")
        assert "回:好。" in tablet.replies()
    with connect(house, person, conversation, device="phone") as phone:
        phone.wait_type("topic_suggestions")
        assert "回:好。" not in phone.replies()


# Speech


@pytest.mark.parametrize("form", ["json", "binary"])
def test_segments_are_acknowledged_when_they_are_durable(house, person, form):
    conversation, session = house.begun(person), fresh("s")
    with connect(house, person, conversation) as phone:
        for number, index in enumerate((2, 0, 1)):
            if form == "json":
                send_segment(phone, session, index, "一二三"[index], last=index == 2)
            else:
                phone.send_bytes(binary_segment(session, index, recording("一二三"[index]), last=index == 2))
            ack = phone.wait_type("audio_ack", number + 1)
            assert ack.data["voice_session_id"] == session and ack.data["rejected"] == []
            durable = {*range(ack.data["durable_through"] + 1), *ack.data["durable"]}
            assert index in durable
            found = stored(person, conversation, session)
            assert durable <= {*range(found.durable_through + 1), *found.durable}
        assert phone.wait_type("transcript").data["text"] == "一二三"
        assert phone.of("transcript")[0].value["seq"] > 0
        first, second, third = (ack.data for ack in phone.of("audio_ack"))
        assert (first["durable_through"], first["missing"]) == (-1, [0, 1])
        assert (second["durable_through"], second["missing"]) == (0, [1])
        assert (third["durable_through"], third["missing"]) == (2, [])


def test_both_forms_make_one_recording(house, person):
    conversation, session = house.begun(person), fresh("s")
    with connect(house, person, conversation) as phone:
        phone.send_bytes(binary_segment(session, 0, recording("一")))
        send_segment(phone, session, 1, "二")
        send_segment(phone, session, 0, "一")
        phone.send_bytes(binary_segment(session, 2, recording("三"), last=True))
        assert phone.wait_type("transcript").data["text"] == "一二三"
        assert any(ack.data["duplicate"] for ack in phone.of("audio_ack"))


def test_a_segment_sent_again_after_a_reconnect_is_a_duplicate(house, person):
    conversation, session = house.begun(person), fresh("s")
    with connect(house, person, conversation) as phone:
        phone.send_bytes(binary_segment(session, 0, recording("一")))
        phone.wait_type("audio_ack")
        phone.vanish()
    with connect(house, person, conversation) as phone:
        phone.send_bytes(binary_segment(session, 0, recording("一")))
        ack = phone.wait_type("audio_ack")
        assert ack.data["duplicate"] is True and ack.data["durable_through"] == 0
        phone.send_bytes(binary_segment(session, 1, recording("二"), last=True))
        assert phone.wait_type("transcript").data["text"] == "一二"


@pytest.mark.parametrize("content", [
    b"", b"\x00", b"\x02\x00", b"\x01", b"\x01\x00\x00\x00", binary_segment("s", 0, b""), binary_segment("", 0, b"x"),
    bytes([1, 2]) + binary_segment("s", 0, b"x")[2:], bytes([1, 0x80]) + binary_segment("s", 0, b"x")[2:],
    struct.pack("!BBIIB", 1, 0, 0, 0, 200) + b"short", struct.pack("!BBIIB", 1, 0, 0, 0, 2) + b"\xff\xffx",
    binary_segment("s", 4096, b"x"), binary_segment("s", 0xFFFFFFFF, b"x"), binary_segment(" ", 0, b"x"),
], ids=lambda content: content[:16].hex() or "empty")
def test_binary_frames_that_are_none(house, person, content):
    with connect(house, person, house.begun(person)) as phone:
        phone.send_bytes(content)
        phone.wait_type("error")
        assert codes(phone) in (["FRAME_INVALID"], ["FIELD_INVALID"])
        phone.ping()


def test_a_recording_without_words(house, person):
    session = fresh("s")
    with connect(house, person, house.begun(person)) as phone:
        send_segment(phone, session, 0, "", last=True)
        phone.wait_for(lambda log: "TRANSCRIPTION_FAILED" in codes(log), "the failure", 45)
        failure = phone.of("error")[0].data
        assert phone.of("transcript")[0].data["text"] == ""
        assert (failure["voice_session_id"], failure["generation"], failure["reason"]) == (session, 1, "NO_SPEECH")


def test_speech_for_those_who_ask(house, person):
    conversation = house.begun(person)
    with connect(house, person, conversation, speech="mp3") as hears, connect(house, person, conversation) as reads:
        for phone in (hears, reads):
            phone.wait_type("topic_suggestions")
        hears.send("text", text=Script.THREE, client_msg_id="m1")
        hears.wait_for(lambda log: {f.data["index"] for f in log.of("tts_audio") if f.data["is_last"]} >= {0, 1, 2},
                       "the speech of three pieces", 30)
        pieces = {}
        for frame in hears.of("tts_audio"):
            if frame.data["assistant_message_id"] == hears.of("agent_response")[-1].data["assistant_message_id"]:
                pieces.setdefault(frame.data["index"], []).append(frame.data)
        for chunks in pieces.values():
            assert [chunk["chunk"] for chunk in chunks] == list(range(len(chunks)))
            assert [chunk["is_last"] for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
            audio = b"".join(base64.b64decode(chunk["audio_base64"], validate=True) for chunk in chunks)
            assert audio[:3] == b"ID3" or audio[0] == 0xFF and audio[1] & 0xE0 == 0xE0, "no MP3"
        reads.ping()
        assert not reads.of("tts_audio")


def test_no_speech_follows_its_cancellation(house, person):
    conversation = house.begun(person)
    with connect(house, person, conversation, speech="mp3") as phone:
        phone.wait_type("topic_suggestions")
        phone.send("text", text=Script.THREE, client_msg_id="m1")
        phone.wait_for(lambda log: log.of("agent_response") and "第一句。" in log.replies(), "the first piece")
        phone.send("tts_cancel")
        phone.wait_type("tts_cancelled")
        cancelled = phone.types().index("tts_cancelled")
        message = phone.of("agent_response")[-1].data["assistant_message_id"]
        phone.wait_for(lambda log: "第三句。" in log.replies(), "the rest of the text")
        phone.ping()
        late = [f for f in phone.frames[cancelled:] if f.type == "tts_audio" and f.data["assistant_message_id"] == message]
        assert not late


def test_legacy_sockets_get_no_speech(house, person):
    """`speech` without `v=2` means nothing."""
    with house.phone(person, house.begun(person), query={"speech": "mp3", "after": 0}, legacy=True) as phone:
        phone.wait_type("topic_suggestions")
        phone.send("text", text=Script.THREE)
        phone.send("tts_cancel")
        phone.wait_for(lambda log: "第三句。" in log.replies(), "the reply")
        phone.ping()


def test_frames_of_protocol_2_are_json_with_the_common_members(house, person):
    with connect(house, person, house.begun(person), after=0) as phone:
        phone.wait_type("topic_suggestions")
        phone.send("text", text="好。", client_msg_id="m1")
        phone.wait_type("quota")
        phone.ping()
        for frame in phone.frames:
            assert {"type", "data", "timestamp"} <= set(frame.value), frame.text
            assert ("seq" in frame.value) == ("log_epoch" in frame.value)
            assert frame.value.get("conversation_id") == phone.conversation
            assert json.loads(frame.text) == frame.value


