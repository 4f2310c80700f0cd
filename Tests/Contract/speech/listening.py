"""What a stream with speech brings, put together again."""
import uuid

from contract import pb
from person import Events

MP3 = pb.SpeechOptions(format="mp3")


def quiet(person, conversation, speech=MP3, **fields):
    """A stream with speech on a conversation that has begun: no greeting comes."""
    live = person.connect(conversation, speech=speech, **fields)
    live.wait_kind("replay_completed")
    return live


def begun(person, conversation):
    """A conversation whose greeting is over."""
    with person.connect(conversation) as live:
        live.wait_kind("turn_completed")
    return conversation


def chunks(live, message_id=None):
    found = [event.speech_chunk for event in live.of("speech_chunk")]
    return [chunk for chunk in found if message_id in (None, chunk.message_id)]


def wait_spoken(live, pieces, seconds=20):
    """Until so many pieces were read to their end."""
    live.wait_for(lambda e: sum(c.is_last for c in chunks(e)) >= pieces, f"{pieces} pieces read aloud", seconds)
    return chunks(live)


def sentences(found):
    """The audio by (message, piece, sentence), in order; asserts what every stream keeps."""
    audio, last = {}, {}
    ended = set()
    for chunk in found:
        piece = (chunk.message_id, chunk.piece_index)
        assert piece not in ended, "a chunk after the piece's last one"
        assert chunk.chunk_index == last.get(piece, -1) + 1, "chunks in order"
        last[piece] = chunk.chunk_index
        assert len(chunk.audio) <= 32 << 10
        key = (*piece, chunk.sentence_index)
        audio[key] = audio.get(key, b"") + chunk.audio
        if chunk.is_last:
            ended.add(piece)
    return audio


def cancel(person, conversation, turn="", heard_ms=None, request_id=None, timeout=15, **fields):
    request = pb.CancelSpeechRequest(
        conversation_id=conversation, turn_id=turn, request_id=str(uuid.uuid4()) if request_id is None else request_id, **fields)
    if heard_ms is not None:
        request.heard.FromMilliseconds(int(heard_ms))
    return person.call("CancelSpeech", request, timeout)


def replies(events):
    return [event for event in events if Events.kind(event) == "agent_message"]
