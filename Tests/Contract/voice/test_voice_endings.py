"""What the clock and a missing engine do to voice sessions; listening feedback; recognising again."""
import grpc
import pytest

from conftest import SPEECH
from contract import pb, resources
from person import COMPLETE_PROFILE, Events, Person, fresh, open_channel
from refusals import read
from server import Server
from speaking import AudioStream, failed, session_of, speak, spoken


def somebody(folder, **settings):
    with Server(folder, env=SPEECH | settings) as server, open_channel(server.target) as channel:
        yield Person(channel, server.secret).provision(**COMPLETE_PROFILE)


@pytest.fixture(scope="module")
def hasty(tmp_path_factory):
    """Minutes are seconds here."""
    yield from somebody(
        tmp_path_factory.mktemp("hasty"), LIFEECHO_VOICE_ABANDONMENT="2s", LIFEECHO_VOICE_GAP_PATIENCE="2s")


@pytest.fixture(scope="module")
def heard(tmp_path_factory):
    """Somebody listens sooner than usual, but not before a short recording has ended on a busy machine."""
    yield from somebody(tmp_path_factory.mktemp("heard"), LIFEECHO_LISTENING_FEEDBACK_DELAY="2s")


def test_a_gap_is_marked_when_patience_ends(hasty, conversation):
    speak(hasty, conversation, "s", "一", "二", last=False)
    speak(hasty, conversation, "s", "五", first=4)
    assert spoken(hasty, conversation) == ["一二……五"]
    event = failed(hasty, conversation)[0]
    assert list(event.indices) == [2, 3] and not event.retryable
    assert hasty.wait_idle(conversation)[0].turn_id


def test_an_abandoned_recording_is_a_message_without_a_turn(hasty, conversation):
    speak(hasty, conversation, "s", "说着说着", "睡着了", last=False)
    assert spoken(hasty, conversation) == ["说着说着睡着了"]
    assert [Events.kind(e) for e in hasty.replay(conversation)] == ["user_message"]
    assert session_of(hasty, conversation, "s").state == resources.VOICE_SESSION_STATE_ABANDONED


def told(live, session):
    return [e for e in live.of("listening_feedback") if e.listening_feedback.voice_session_id == session]


def outlast(person, conversation, live):
    """Another recording is told that somebody listens: those that began before it would have been by then."""
    with AudioStream(person, conversation, "later", recording_started=True) as later:
        later.say(0, "后来")
        live.wait_for(lambda _: told(live, "later"), "the later recording's feedback")


def test_somebody_listens_to_a_long_recording_once(heard, conversation):
    heard.say(conversation, "你好")
    with heard.connect(conversation, intent=pb.INTENT_OBSERVE) as live:
        live.wait_kind("connected")
        with AudioStream(heard, conversation, "s", recording_started=True) as first:
            first.say(0, "一")
            # The same recording on another connection has the same clock, and is told no second time.
            with AudioStream(heard, conversation, "s", recording_started=True) as second:
                feedback = live.wait_kind("listening_feedback").listening_feedback
                assert feedback.voice_session_id == "s" and feedback.text == "嗯,我在听,您慢慢说"
                outlast(heard, conversation, live)
                second.say(1, "二", last=True)
        live.wait_for(lambda e: any(d.user_message.text == "一二" for d in e.of("user_message")), "the message")
        assert len(told(live, "s")) == 1
        assert all(event.sequence == 0 for event in live.of("listening_feedback"))


@pytest.mark.parametrize("how", ["last", "cancel", "end"])
def test_a_recording_that_is_over_is_not_listened_to(heard, conversation, how):
    heard.say(conversation, "你好")
    with heard.connect(conversation, intent=pb.INTENT_OBSERVE) as live:
        live.wait_kind("connected")
        with AudioStream(heard, conversation, "s", recording_started=True) as stream:
            stream.say(0, "一", last=how == "last")
            if how == "cancel":
                stream.cancel()
            elif how == "end":
                stream.finish()
            outlast(heard, conversation, live)
        assert not told(live, "s")


def test_without_an_engine_the_audio_is_kept_and_recognised_later(tmp_path):
    data = tmp_path / "data"
    with Server(data, ephemeral=False) as server, open_channel(server.target) as channel:
        person = Person(channel, server.secret).provision(**COMPLETE_PROFILE)
        conversation = fresh("conversation")
        speak(person, conversation, "s", "等有了引擎", "再说")
        event = failed(person, conversation)[0]
        assert event.retryable and "ENGINE_MISSING" in str(event.error)
        with pytest.raises(grpc.RpcError) as caught:
            requests = iter([pb.TranscribeRequest(config=pb.TranscribeConfig()), pb.TranscribeRequest(content=b"x")])
            person.stub.Transcribe(requests, metadata=person.metadata, timeout=15)
        assert read(caught.value).reason == "ENGINE_MISSING"
        request = pb.RetryTranscriptionRequest(conversation_id=conversation, voice_session_id="s")
        with pytest.raises(grpc.RpcError) as caught:
            person.call("RetryTranscription", request)
        assert read(caught.value).reason == "ENGINE_MISSING"
        user = person.user
    with Server(data, ephemeral=False, env=SPEECH) as server, open_channel(server.target) as channel:
        person = Person(channel, server.secret, user)
        assert person.call("RetryTranscription", request).state == resources.VOICE_SESSION_STATE_TRANSCRIBING
        assert spoken(person, conversation) == ["等有了引擎再说"]
        person.wait_idle(conversation)
        assert person.call("RetryTranscription", request).state == resources.VOICE_SESSION_STATE_COMPLETED
        assert spoken(person, conversation) == ["等有了引擎再说"]
        unknown = pb.RetryTranscriptionRequest(conversation_id=conversation, voice_session_id="other")
        with pytest.raises(grpc.RpcError) as caught:
            person.call("RetryTranscription", unknown)
        assert read(caught.value).reason == "VOICE_SESSION_UNKNOWN"


def test_speech_beyond_the_days_quota_is_refused_at_the_first_segment_only(tmp_path):
    settings = SPEECH | {"LIFEECHO_QUOTA_FREE_SPEECH": "10s"}
    with Server(tmp_path / "data", env=settings) as server, open_channel(server.target) as channel:
        person = Person(channel, server.secret).provision(**COMPLETE_PROFILE)
        conversation = fresh("conversation")
        with AudioStream(person, conversation, "s") as stream:
            stream.say(0, "一", duration=9)
            assert stream.say(1, "二", duration=60).durable_through == 1
            with AudioStream(person, conversation, "t") as other:
                with pytest.raises(grpc.RpcError) as caught:
                    other.say(0, "三")
                refusal = read(caught.value)
                assert refusal.code == grpc.StatusCode.RESOURCE_EXHAUSTED and refusal.reason == "QUOTA_EXCEEDED"
                assert refusal.text == "今天的语音时长已用完,可以用文字继续聊"
            assert stream.say(2, "三", last=True).quota.speech_remaining.seconds == 0
        assert spoken(person, conversation) == ["一二三"]
