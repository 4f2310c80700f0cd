"""Voice through the whole service with real engines, and with engines that fail: faster-whisper and espeak-ng of
deploy/local-speech, and Tests/Engines/faulty_speech_server.py. `make test` starts both."""
import json
import os
import pathlib
import sys
import urllib.request

import pytest

from contract import pb
from person import COMPLETE_PROFILE, Events, Person, open_channel
from samples import TRADITIONAL, error_rate, letters, sample, text_of
from server import Server

sys.path.insert(0, str(pathlib.Path(__file__).parent / "voice"))

from speaking import speak  # noqa: E402

# A recognition takes a second or two of a core, and there may be no core free.
PATIENCE_S = 150
pytestmark = pytest.mark.timeout(200)

def awaited(person, conversation, kind):
    """The events of a kind, when there is one. Listens instead of asking again and again: recognition takes its time."""
    with person.connect(
        conversation, intent=pb.INTENT_OBSERVE, resume=pb.Resume(after_sequence=0), timeout=PATIENCE_S
    ) as live:
        live.wait_kind(kind, seconds=PATIENCE_S)
        return [getattr(event, kind) for event in live.of(kind)]


def spoken(person, conversation):
    return [message.text for message in awaited(person, conversation, "user_message")]


def failed(person, conversation):
    return awaited(person, conversation, "transcription_failed")


def engine(name):
    url = os.environ.get(name)
    assert url, f"{name} is not set: run the tests with `make test`"
    return url


def person_at(server, channel):
    return Person(channel, server.secret).provision(**COMPLETE_PROFILE)


@pytest.fixture(scope="module")
def local(tmp_path_factory):
    """Real engines."""
    url = engine("TEST_SPEECH_URL")
    settings = {
        "LIFEECHO_SPEECH_RECOGNIZER": "openai", "LIFEECHO_SPEECH_RECOGNIZER_URL": url,
        "LIFEECHO_SPEECH_RECOGNIZER_TIMEOUT": "140s", "LIFEECHO_SPEECH_SYNTHESIZER": "openai",
        "LIFEECHO_SPEECH_SYNTHESIZER_URL": url, "LIFEECHO_VOICE_BACKOFF": "50ms",
    }
    with Server(tmp_path_factory.mktemp("local"), env=settings) as server, open_channel(server.target) as channel:
        yield lambda: person_at(server, channel)


@pytest.fixture(scope="module")
def faulty(tmp_path_factory):
    """A recogniser that fails as it is told."""
    url = engine("TEST_FAULTY_SPEECH_URL")
    settings = {
        "LIFEECHO_SPEECH_RECOGNIZER": "openai", "LIFEECHO_SPEECH_RECOGNIZER_URL": url,
        "LIFEECHO_SPEECH_RECOGNIZER_TIMEOUT": "1s", "LIFEECHO_VOICE_BACKOFF": "50ms",
    }
    with Server(tmp_path_factory.mktemp("faulty"), env=settings) as server, open_channel(server.target) as channel:
        yield person_at(server, channel)


def script(*answers):
    url = engine("TEST_FAULTY_SPEECH_URL").removesuffix("/v1") + "/_script"
    with urllib.request.urlopen(urllib.request.Request(url, json.dumps(answers).encode(), method="POST"), timeout=10):
        pass


def test_spoken_chinese_becomes_one_message_and_is_answered(local, conversation):
    speaker = local()
    speak(speaker, conversation, "s", *(sample(f"{name}.kokoro.m4a") for name in ("zh1", "zh2", "zh3")))
    heard = spoken(speaker, conversation)
    assert len(heard) == 1
    said = "".join(text_of(name) for name in ("zh1", "zh2", "zh3"))
    assert error_rate(heard[0], said) <= 0.1, heard[0]
    assert not TRADITIONAL & set(heard[0])
    assert speaker.wait_idle(conversation)
    assert "agent_message" in [Events.kind(event) for event in speaker.replay(conversation)]


@pytest.mark.parametrize("name", ["aac.3gp", "adts.aac", "live.webm", "opus.ogg", "tagged.mp3", "samples.wav"])
def test_every_container_is_understood(local, conversation, name):
    """Whatever the client calls it: here all are said to be M4A. 3gp and AAC are converted."""
    speaker = local()
    speak(speaker, conversation, "s", sample(f"formats/{name}"))
    heard = spoken(speaker, conversation)
    assert error_rate(heard[0], text_of("zh1")) <= 0.1, heard[0]


def test_silence_is_no_message(local, conversation):
    speaker = local()
    speak(speaker, conversation, "s", sample("silence-5s.m4a"))
    event = failed(speaker, conversation)[0]
    assert "NO_SPEECH" in str(event.error)
    assert "user_message" not in [Events.kind(event) for event in speaker.replay(conversation)]


@pytest.mark.parametrize("name", ["broken-garbage.m4a", "broken-truncated.m4a"])
def test_what_is_no_audio_is_said_to_have_failed(local, conversation, name):
    speaker = local()
    speak(speaker, conversation, "s", sample(name))
    assert failed(speaker, conversation)
    assert "user_message" not in [Events.kind(event) for event in speaker.replay(conversation)]


def test_a_broken_segment_leaves_the_others(local, conversation):
    speaker = local()
    speak(speaker, conversation, "s", sample("zh1.kokoro.m4a"), sample("broken-garbage.m4a"), sample("zh3.kokoro.m4a"))
    heard = spoken(speaker, conversation)[0]
    first, _, second = heard.partition("……")
    assert error_rate(first, text_of("zh1")) <= 0.1 and error_rate(second, text_of("zh3")) <= 0.1, heard
    assert list(failed(speaker, conversation)[0].indices) == [1]


def test_a_reply_is_read_aloud_and_can_be_recognised(local, conversation):
    """espeak-ng's Chinese is hard to recognise, for people too: some of it must come back, and all of it must be audio."""
    speaker = local()
    speaker.say(conversation, "您好")
    speaker.wait_idle(conversation)
    with speaker.connect(conversation, speech=pb.SpeechOptions(format="mp3"), intent=pb.INTENT_OBSERVE) as live:
        live.wait_kind("connected")
        speak(speaker, conversation, "s", sample("zh1.kokoro.m4a"))
        live.wait_for(
            lambda events: any(event.speech_chunk.is_last for event in events.of("speech_chunk")), "speech", PATIENCE_S)
        message = live.of("agent_message")[0].agent_message
        chunks = [event.speech_chunk for event in live.of("speech_chunk")]
    said = message.text
    piece = [chunk for chunk in chunks if (chunk.message_id, chunk.piece_index) == (message.message_id, message.index)]
    assert [chunk.chunk_index for chunk in piece] == list(range(len(piece))) and piece[-1].is_last
    audio = b"".join(chunk.audio for chunk in piece)
    # A character takes espeak-ng more than 0.1 s, and 0.1 s of its MP3 600 bytes.
    assert len(audio) > 600 * len(letters(said))
    requests = [pb.TranscribeRequest(config=pb.TranscribeConfig(format=pb.AUDIO_FORMAT_MP3)), pb.TranscribeRequest(content=audio)]
    heard = speaker.stub.Transcribe(iter(requests), metadata=speaker.metadata, timeout=PATIENCE_S).text
    assert set(letters(heard)) & set(letters(said)), (heard, said)


@pytest.mark.parametrize("fault", [
    {"fault": "close"}, {"fault": "cut"}, {"fault": "malformed"}, {"fault": "huge"}, {"fault": "stall"},
    {"status": 500}, {"status": 503, "retry_after": 1}, {"status": 429},
], ids=lambda fault: "-".join(str(value) for value in fault.values()))
def test_a_recogniser_that_fails_twice_is_asked_a_third_time(faulty, conversation, fault):
    script(fault, fault, {"text": "我小时候住在河边。"})
    speak(faulty, conversation, "s", sample("formats/amr.3gp"))
    assert spoken(faulty, conversation) == ["我小时候住在河边。"]


@pytest.mark.parametrize("fault", [{"status": 500}, {"fault": "malformed"}, {"fault": "stall"}],
                         ids=lambda fault: "-".join(str(value) for value in fault.values()))
def test_a_recogniser_that_goes_on_failing_is_given_up(faulty, conversation, fault):
    script(fault)
    speak(faulty, conversation, "s", sample("zh1.kokoro.m4a"))
    event = failed(faulty, conversation)[0]
    assert event.retryable
    assert "user_message" not in [Events.kind(e) for e in faulty.replay(conversation)]
    # The audio is still there: a later attempt finds it.
    script({"text": "我小时候住在河边。"})
    faulty.call("RetryTranscription", pb.RetryTranscriptionRequest(
        conversation_id=conversation, voice_session_id="s", request_id="11111111-1111-4111-8111-111111111111"))
    assert spoken(faulty, conversation) == ["我小时候住在河边。"]


def test_a_slow_recogniser_is_waited_for(faulty, conversation):
    script({"fault": "slow", "pause_s": 0.05, "text": "慢慢说"})
    speak(faulty, conversation, "s", sample("formats/amr.3gp"))
    assert spoken(faulty, conversation) == ["慢慢说"]


def test_what_a_recogniser_makes_up_is_no_message(faulty, conversation):
    script({"text": "请不吝点赞 订阅 转发 打赏支持明镜与点点栏目"})
    speak(faulty, conversation, "s", sample("formats/amr.3gp"))
    assert "NO_SPEECH" in str(failed(faulty, conversation)[0].error)
