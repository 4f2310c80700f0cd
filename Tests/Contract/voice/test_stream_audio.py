"""StreamAudio against a foreign client: durability, order, refusals, generations."""
import contextlib

import grpc
import pytest
from google.rpc import error_details_pb2

from contract import pb, resources
from person import COMPLETE_PROFILE, Events, Person, fresh, gapless
from refusals import read
from speaking import AudioStream, audio, config, failed, segment, session_of, speak, spoken
import tokens

MIB = 1 << 20


def reason(rejection):
    """The ErrorInfo reason of a rejected segment."""
    for detail in rejection.status.details:
        info = error_details_pb2.ErrorInfo()
        if detail.Is(info.DESCRIPTOR):
            detail.Unpack(info)
            return info.reason
    return None


def test_every_segment_is_answered_after_it_is_durable(person, conversation):
    with AudioStream(person, conversation, "s") as stream:
        first = stream.say(0, "我小时候")
        assert (first.durable_through, list(first.durable), list(first.missing)) == (0, [], [])
        assert first.state == resources.VOICE_SESSION_STATE_RECORDING
        assert first.quota.turns_used == 1 and first.quota.speech_used.ToMilliseconds() == 1000
        assert session_of(person, conversation, "s").durable_through == 0
        third = stream.say(2, "河边。", last=True)
        assert (third.durable_through, list(third.durable), list(third.missing)) == (0, [2], [1])
        assert third.state == resources.VOICE_SESSION_STATE_TRANSCRIBING
        second = stream.say(1, "住在")
        assert (second.durable_through, list(second.durable), list(second.missing)) == (2, [], [])
        assert stream.finish() == []
    assert spoken(person, conversation) == ["我小时候住在河边。"]
    log = gapless(person.wait_idle(conversation))
    assert [Events.kind(event) for event in log[:2]] == ["user_message", "turn_started"]
    assert Events.kind(log[-1]) == "turn_completed"
    message = log[0].user_message
    assert message.voice_session_id == "s" and message.audio_duration.ToMilliseconds() == 3000
    done = session_of(person, conversation, "s")
    assert done.state == resources.VOICE_SESSION_STATE_COMPLETED and done.message_id == message.message_id


def test_repetitions_are_duplicates_on_any_stream(person, conversation):
    speak(person, conversation, "s", "一", "二", last=False)
    with AudioStream(person, conversation, "s") as stream:
        assert stream.say(1, "二").duplicate
        assert not stream.say(2, "三", last=True).duplicate
        assert stream.say(0, "一").duplicate
    assert spoken(person, conversation) == ["一二三"]
    # After the end too: the answer was lost, not the speech.
    assert all(answer.duplicate for answer in speak(person, conversation, "s", "一", "二", "三"))
    assert spoken(person, conversation) == ["一二三"]


def test_a_refused_segment_is_refused_alone(person, conversation):
    with AudioStream(person, conversation, "s") as stream:
        stream.say(0, "一")
        cases = [
            (segment(0, "别的"), 0, "SEGMENT_CONFLICT", grpc.StatusCode.ALREADY_EXISTS),
            (segment(-1, "x"), -1, "FIELD_INVALID", grpc.StatusCode.INVALID_ARGUMENT),
            (segment(4096, "x"), 4096, "VOICE_SESSION_FULL", grpc.StatusCode.RESOURCE_EXHAUSTED),
            (segment(1, b""), 1, "FIELD_INVALID", grpc.StatusCode.INVALID_ARGUMENT),
            (segment(1, "x", duration=-1), 1, "FIELD_INVALID", grpc.StatusCode.INVALID_ARGUMENT),
            (segment(1, "x", duration=3600), 1, "VOICE_SESSION_FULL", grpc.StatusCode.RESOURCE_EXHAUSTED),
            (segment(1, audio("x", MIB + 1)), 1, "SEGMENT_TOO_LARGE", grpc.StatusCode.RESOURCE_EXHAUSTED),
        ]
        for request, index, why, code in cases:
            stream.outgoing.put(request)
            answer = stream.answer()
            assert [(r.index, reason(r), r.status.code) for r in answer.rejected] == [(index, why, code.value[0])]
            assert answer.durable_through == 0
        assert not stream.say(2, "三", last=True).rejected
        beyond = stream.say(3, "四")
        assert reason(beyond.rejected[0]) == "FIELD_INVALID"
        assert not stream.say(1, "二").rejected
    assert spoken(person, conversation) == ["一二三"]
    late = speak(person, conversation, "s", "晚", first=5, last=False)
    assert reason(late[0].rejected[0]) == "VOICE_SESSION_FINISHED"


def test_parts_make_one_segment(person, conversation):
    whole = audio("很长的一段", 3 * MIB)
    with AudioStream(person, conversation, "s") as stream:
        for part in range(3):
            stream.send(0, whole[part * MIB:(part + 1) * MIB], part=part, more_parts=part < 2)
        assert stream.answer().durable_through == 0
        # A part that is missing refuses that segment, and the next one goes on.
        stream.send(1, whole[:MIB], part=0, more_parts=True).send(1, b"x", part=2)
        assert reason(stream.answer().rejected[0]) == "FIELD_INVALID"
        assert reason(stream.say(0, whole[:MIB]).rejected[0]) == "SEGMENT_CONFLICT"
        # The same bytes in other parts are the same segment.
        cuts = [0, 100, MIB, 2 * MIB, 3 * MIB]
        for part, (start, end) in enumerate(zip(cuts, cuts[1:])):
            stream.send(0, whole[start:end], part=part, more_parts=part < 3, last=True)
        assert stream.answer().duplicate
    assert spoken(person, conversation) == ["很长的一段"]


def test_a_segment_of_twelve_mib_is_taken_and_a_byte_more_is_not(person, conversation):
    whole = audio("十二兆", 12 * MIB)
    with AudioStream(person, conversation, "s", kind=pb.AUDIO_KIND_WHOLE_MESSAGE) as stream:
        for part in range(12):
            stream.send(0, whole[part * MIB:(part + 1) * MIB], part=part, more_parts=True, duration=600)
        stream.send(0, b"x", part=12)
        assert reason(stream.answer().rejected[0]) == "SEGMENT_TOO_LARGE"
        for part in range(12):
            stream.send(0, whole[part * MIB:(part + 1) * MIB], part=part, more_parts=part < 11, duration=600)
        answer = stream.answer(60)
        assert answer.durable_through == 0 and answer.state == resources.VOICE_SESSION_STATE_TRANSCRIBING
    assert spoken(person, conversation, seconds=60) == ["十二兆"]


def test_is_last_may_come_early_late_or_twice(person, conversation):
    early = fresh("c")
    with AudioStream(person, early, "s") as stream:
        stream.say(1, "二", last=True)
        stream.say(0, "一")
        stream.say(1, "二", last=True)
    assert spoken(person, early) == ["一二"]
    late = fresh("c")
    speak(person, late, "s", "一", "二", last=False)
    with AudioStream(person, late, "s") as stream:
        assert stream.say(1, "二", last=True).duplicate
    assert spoken(person, late) == ["一二"]


def test_a_reused_id_is_a_new_recording_after_the_end(person, conversation):
    speak(person, conversation, "s", "上午")
    spoken(person, conversation)
    speak(person, conversation, "s", "下午")
    assert spoken(person, conversation, 2) == ["上午", "下午"]
    assert session_of(person, conversation, "s").generation == 2


def test_a_reused_id_on_a_later_stream_abandons_what_was_not_ended(person, conversation):
    speak(person, conversation, "s", "没说完", last=False)
    speak(person, conversation, "s", "重新", "开始")
    assert sorted(spoken(person, conversation, 2)) == ["没说完", "重新开始"]
    log = person.wait_idle(conversation)
    turns = {e.user_message.text: e.turn_id for e in log if Events.kind(e) == "user_message"}
    assert turns["没说完"] == "" and turns["重新开始"] != ""
    # A stream that still belongs to the first generation cannot disturb the second.
    with AudioStream(person, conversation, "t") as first:
        first.say(0, "甲一")
        with AudioStream(person, conversation, "t") as second:
            second.say(0, "乙一")
            assert reason(first.say(1, "甲二", last=True).rejected[0]) == "VOICE_SESSION_FINISHED"
            second.say(1, "乙二", last=True)
    assert "乙一乙二" in spoken(person, conversation, 4)


def test_only_eight_are_unanswered_and_then_the_client_waits(person, conversation):
    # More than the flow-control window holds, all at once: nothing is refused, everything is answered in order.
    count = 200
    with AudioStream(person, conversation, "s") as stream:
        for index in range(count):
            stream.send(index, audio(f"{index} ", 32 << 10), last=index == count - 1, duration=0.5)
        answers = stream.finish(60)
    assert len(answers) == count and not any(answer.rejected for answer in answers)
    through = [answer.durable_through for answer in answers]
    assert through == sorted(through) and through[-1] == count - 1
    assert all(answer >= index for index, answer in enumerate(through))
    assert spoken(person, conversation, seconds=60) == [" ".join(str(index) for index in range(count))]


def test_the_config_comes_first_and_once(person, conversation):
    call = person.stub.StreamAudio(iter([segment(0, "x")]), metadata=person.metadata, timeout=10)
    with pytest.raises(grpc.RpcError) as caught:
        list(call)
    assert read(caught.value).fields == ["config"]
    twice = iter([config(conversation, "s"), config(conversation, "s")])
    with pytest.raises(grpc.RpcError) as caught:
        list(person.stub.StreamAudio(twice, metadata=person.metadata, timeout=10))
    assert read(caught.value).fields == ["segment"]


@pytest.mark.parametrize(("fields", "path"), [
    (dict(conversation_id="", voice_session_id="s"), "config.conversation_id"),
    (dict(conversation_id="c", voice_session_id=""), "config.voice_session_id"),
    (dict(conversation_id="c", voice_session_id="s" * 257), "config.voice_session_id"),
    (dict(conversation_id="c", voice_session_id="s", kind=9), "config.kind"),
    (dict(conversation_id="c", voice_session_id="s", format=99), "config.format"),
])
def test_a_bad_config_is_refused_by_its_field(person, fields, path):
    requests = iter([pb.StreamAudioRequest(config=pb.AudioConfig(**fields)), segment(0, "x")])
    with pytest.raises(grpc.RpcError) as caught:
        list(person.stub.StreamAudio(requests, metadata=person.metadata, timeout=10))
    refusal = read(caught.value)
    assert refusal.code == grpc.StatusCode.INVALID_ARGUMENT and refusal.fields == [path]


def test_nobody_speaks_into_someone_elses_conversation(person, stranger, conversation):
    person.say(conversation, "你好")
    for fields in ({}, {"recording_started": True}):
        with AudioStream(stranger, conversation, "s", **fields) as stream:
            with pytest.raises(grpc.RpcError) as caught:
                stream.say(0, "偷听")
            assert read(caught.value).reason == "CONVERSATION_FORBIDDEN"
    with pytest.raises(grpc.RpcError) as caught:
        session_of(stranger, conversation, "s")
    assert read(caught.value).reason == "CONVERSATION_FORBIDDEN"
    with pytest.raises(grpc.RpcError) as caught:
        session_of(person, conversation, "s")
    assert read(caught.value).reason == "VOICE_SESSION_UNKNOWN"


def test_a_deleted_conversation_takes_no_speech(person, conversation):
    with AudioStream(person, conversation, "s") as stream:
        stream.say(0, "一")
        person.call("DeleteConversation", pb.DeleteConversationRequest(conversation_id=conversation))
        with pytest.raises(grpc.RpcError) as caught:
            stream.say(1, "二")
        assert read(caught.value).reason == "CONVERSATION_DELETED"


def test_an_expired_token_ends_the_stream(server, channel, conversation):
    person = Person(channel, server.secret).provision(**COMPLETE_PROFILE)
    brief = Person(channel, server.secret, user=person.user, token=tokens.access(server.secret, person.user, ttl_s=-28))
    with AudioStream(brief, conversation, "s") as stream:
        stream.say(0, "一")
        assert stream.done.wait(15)
        assert read(stream.ended).reason == "TOKEN_EXPIRED"
    # What was acknowledged is there.
    assert session_of(person, conversation, "s").durable_through == 0


def test_end_conversation_keeps_what_was_being_said(person, conversation):
    speak(person, conversation, "s", "说到一半", last=False)
    person.call("EndConversation", pb.EndConversationRequest(conversation_id=conversation))
    assert spoken(person, conversation) == ["说到一半"]
    log = person.wait_idle(conversation)
    assert [Events.kind(e) for e in log] == ["conversation_ended", "user_message"]
    found = person.call("GetConversation", pb.GetConversationRequest(conversation_id=conversation)).conversation
    assert found.status == resources.CONVERSATION_STATUS_ENDED


def test_failures_are_tried_three_times_and_then_marked(person, conversation):
    with person.connect(conversation, intent=pb.INTENT_INTERACTIVE):
        speak(person, conversation, "s", "一", "!fail 2\n二", "!fail\n三", "四")
        assert spoken(person, conversation, seconds=60) == ["一二……四"]
        event = failed(person, conversation)[0]
        assert list(event.indices) == [2] and not event.retryable and event.voice_session_id == "s"


@pytest.mark.parametrize(("words", "why", "retryable"), [
    ("!silence", "NO_SPEECH", False), ("!garbage", "ENGINE_FAILED", True),
])
def test_nothing_recognised_is_said_and_costs_nothing(person, conversation, words, why, retryable):
    speak(person, conversation, "s", words)
    event = failed(person, conversation)[0]
    info = error_details_pb2.ErrorInfo()
    assert any(detail.Is(info.DESCRIPTOR) and detail.Unpack(info) for detail in event.error.details)
    assert info.reason == why and event.retryable == retryable and not event.indices
    assert session_of(person, conversation, "s").state == resources.VOICE_SESSION_STATE_FAILED
    quota = person.send(conversation, "那打字吧").quota
    assert quota.turns_used == 1 and quota.speech_used.ToMilliseconds() == 0


def test_service_tokens_learn_how_long_the_stages_took(server, channel, person, conversation):
    speak(person, conversation, "s", "一")
    spoken(person, conversation)
    service = Person(channel, server.secret, user=person.user, token=tokens.service(server.secret, "conversations"))
    service.metadata += (("x-life-echo-user", person.user),)
    event = service.replay(conversation)[0]
    times = [event.timings.receive_time, event.timings.durable_time, event.timings.recognize_time]
    assert [t.ToNanoseconds() for t in times] == sorted(t.ToNanoseconds() for t in times) and times[0].seconds > 0
    person.wait_idle(conversation)
    first, *others = [e for e in service.replay(conversation) if e.HasField("agent_message")]
    assert first.timings.first_piece_time.ToNanoseconds() >= times[2].ToNanoseconds()
    assert first.timings.first_piece_time.ToNanoseconds() <= first.create_time.ToNanoseconds()
    assert not any(e.HasField("timings") for e in others)
    assert not any(e.HasField("timings") for e in person.replay(conversation))


def test_transcribe_stores_nothing(person, conversation):
    def requests(*parts):
        yield pb.TranscribeRequest(config=pb.TranscribeConfig(format=pb.AUDIO_FORMAT_M4A))
        for part in parts:
            yield pb.TranscribeRequest(content=part)
    whole = audio("只是听听")
    answer = person.stub.Transcribe(requests(whole[:25], whole[25:]), metadata=person.metadata, timeout=15)
    assert answer.text == "只是听听"
    for parts, why in [((), "FIELD_INVALID"), ((audio("!garbage"),), "FIELD_INVALID"), ((audio("!fail"),), "ENGINE_FAILED")]:
        with pytest.raises(grpc.RpcError) as caught:
            person.stub.Transcribe(requests(*parts), metadata=person.metadata, timeout=15)
        assert read(caught.value).reason == why
    assert person.call("ListConversations", pb.ListConversationsRequest()).conversations == []


def test_transcribe_is_rationed(person):
    def requests(part):
        yield pb.TranscribeRequest(config=pb.TranscribeConfig())
        yield pb.TranscribeRequest(content=part)
    for _ in range(60):
        person.stub.Transcribe(requests(audio("好")), metadata=person.metadata, timeout=15)
    with pytest.raises(grpc.RpcError) as caught:
        person.stub.Transcribe(requests(audio("好")), metadata=person.metadata, timeout=15)
    refusal = read(caught.value)
    assert refusal.code == grpc.StatusCode.RESOURCE_EXHAUSTED and refusal.reason == "RATE_LIMITED"
    assert refusal.details["RetryInfo"].retry_delay.seconds > 3500


def test_unfinished_segments_of_one_person_stop_nobody_else(server, channel, person, conversation):
    """Memory is counted as it comes, not as it might become: sixteen of the longest segments would be all there is."""
    other = Person(channel, server.secret).provision(**COMPLETE_PROFILE)
    with contextlib.ExitStack() as opened:
        for number in range(20):
            stream = opened.enter_context(AudioStream(other, fresh("conversation"), "s"))
            stream.send(0, b"x", part=0, more_parts=True)
        with AudioStream(person, conversation, "s") as stream:
            stream.send(0, audio("我在说话"), part=0, more_parts=True).send(0, b"\1", part=1, last=True)
            assert stream.answer(timeout=5).durable_through == 0
        requests = iter([pb.TranscribeRequest(config=pb.TranscribeConfig()), pb.TranscribeRequest(content=audio("好"))])
        assert person.stub.Transcribe(requests, metadata=person.metadata, timeout=5).text == "好"
