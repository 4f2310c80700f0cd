"""What `make run VOICE=local` runs: faster-whisper and espeak-ng beside `lifeecho serve`. People speak to it through gRPC
and through the page; what it answers is read aloud, and what was read is recognised again."""
import base64
import collections
import json
import os
import pathlib
import sys

import pytest

from contract import pb
from person import fresh
from samples import error_rate, letters, sample, text_of
from steps import messages, wait_idle, words
from test_real_bridge import Bridge, wait_same
from waiting import wait_until

CONTRACT = pathlib.Path(__file__).parents[1] / "Contract"
sys.path[:0] = [str(CONTRACT / "voice"), str(CONTRACT / "bridge")]

from separate import free_port  # noqa: E402
from speaking import speak  # noqa: E402

ROOT = pathlib.Path(__file__).parents[2]
LOCAL_SPEECH = os.environ.get("LOCAL_SPEECH_DIRECTORY", ROOT / ".build" / "local-speech")
# A recognition takes a second or two of a core, and there may be no core free.
PATIENCE_S = 150
pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with_speech = ("sh", str(ROOT / "deploy" / "local-speech" / "with.sh"), str(LOCAL_SPEECH))
    running = Bridge(tmp_path_factory.mktemp("speech"), env={"LOCAL_SPEECH_PORT": str(free_port())}, prefix=with_speech)
    try:
        yield running.start(seconds=PATIENCE_S)
    finally:
        running.stop()


def recognised(person, audio):
    requests = [
        pb.TranscribeRequest(config=pb.TranscribeConfig(format=pb.AUDIO_FORMAT_MP3)), pb.TranscribeRequest(content=audio)]
    return person.stub.Transcribe(iter(requests), metadata=person.metadata, timeout=PATIENCE_S).text


def assert_read_aloud(person, said, audio):
    """espeak-ng's Chinese is hard to recognise, for people too: some of it must come back, and all of it must be audio."""
    # A character takes espeak-ng more than 0.1 s, and 0.1 s of its MP3 600 bytes.
    assert len(audio) > 600 * len(letters(said))
    heard = recognised(person, audio)
    assert set(letters(heard)) & set(letters(said)), (heard, said)


def test_through_grpc(person):
    conversation = fresh("conversation")
    person.say(conversation, "您好")
    person.wait_idle(conversation)
    with person.connect(
        conversation, speech=pb.SpeechOptions(format="mp3"), intent=pb.INTENT_OBSERVE, timeout=PATIENCE_S
    ) as live:
        live.wait_kind("connected")
        speak(person, conversation, "s", *(sample(f"{name}.kokoro.m4a") for name in ("zh1", "zh2")))
        live.wait_for(
            lambda events: any(event.speech_chunk.is_last for event in events.of("speech_chunk")), "speech", PATIENCE_S)
        heard = live.of("user_message")[-1].user_message.text
        reply = live.of("agent_message")[-1].agent_message
        chunks = [event.speech_chunk for event in live.of("speech_chunk")]
    assert error_rate(heard, text_of("zh1") + text_of("zh2")) <= 0.1, heard
    said = next(piece for piece in person.replay(conversation)
                if (piece.agent_message.message_id, piece.agent_message.index) == (chunks[0].message_id, chunks[0].piece_index))
    assert said.agent_message.message_id == reply.message_id
    audio = b"".join(chunk.audio for chunk in chunks if chunk.piece_index == chunks[0].piece_index)
    assert_read_aloud(person, said.agent_message.text, audio)


def test_through_the_page(server, person, open_page):
    conversation = fresh("conversation")
    page = open_page(server.address(person, conversation))
    frames = []
    page.received = lambda text: frames.append(json.loads(text))
    page.wait("document.querySelector('#speech-play').checkVisibility()", "it offers to read", 60)
    wait_idle(page)
    before = len(messages(page))
    page.click("#speech-play")
    page.click("#mic")
    page.wait("document.querySelector('#recording-time').textContent >= '0:08'", "the whole sentence")
    page.click("#mic")
    page.wait(f"document.querySelectorAll('#log > .said').length > {before + 1} && !document.querySelector('.said.waiting')",
              "the transcript and a reply", PATIENCE_S)
    wait_idle(page)
    wait_same(page, person, conversation)
    (_, heard), (who, reply) = messages(page)[before:][:2]
    # The microphone says zh2 again after a pause: a beginning of it may be heard at the end.
    assert error_rate(heard[:len(text_of("zh2"))], text_of("zh2")) <= 0.2, heard
    assert who == "访谈员说" and reply in words(page)

    def spoken():
        """The audio of the reply's first piece, when all of it came."""
        pieces = collections.defaultdict(list)
        ids = [frame["data"]["assistant_message_id"] for frame in list(frames)
               if frame["type"] == "agent_response" and frame["data"]["text"] == reply]
        for frame in list(frames):
            if frame["type"] == "tts_audio" and frame["data"]["assistant_message_id"] in ids:
                pieces[frame["data"]["index"]].append(frame["data"])
        first = pieces.get(0, [])
        return first if first and first[-1]["is_last"] else None
    chunks = wait_until(spoken, lambda: f"speech of “{reply}”: {[frame['type'] for frame in frames]}", PATIENCE_S)
    assert_read_aloud(person, reply, b"".join(base64.b64decode(chunk["audio_base64"]) for chunk in chunks))
    page.wait("document.querySelector('.said.me ~ .said.agent.spoken')", "the reply is read", 60)
