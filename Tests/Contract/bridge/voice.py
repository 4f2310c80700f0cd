"""A recording in progress, as a phone sends it, and what the service says is durable."""
import grpc

from bridge.recordings import spoken
from contract import pb, resources
from person import Events
from waiting import wait_until


def send_segment(phone, session, index, text="好。", last=False, seed=0, **data):
    phone.send("audio_segment", **{
        "voice_session_id": session, "segment_index": index, "audio_base64": spoken(text, seed=seed), "is_last": last,
        "duration": 1, **data})


def stored(person, conversation, session):
    """VoiceSession; None while there is none."""
    try:
        return person.call("GetVoiceSession", pb.GetVoiceSessionRequest(
            conversation_id=conversation, voice_session_id=session)).voice_session
    except grpc.RpcError as error:
        if error.code() == grpc.StatusCode.NOT_FOUND:
            return None
        raise


def indices(person, conversation, session):
    """What is durable, as a list of indices."""
    found = stored(person, conversation, session)
    return [] if found is None else [*range(found.durable_through + 1), *found.durable]


def wait_stored(person, conversation, session, expected):
    wait_until(lambda: indices(person, conversation, session) == expected,
               lambda: f"{session}: {indices(person, conversation, session)}, not {expected}", 15)


def user_texts(person, conversation):
    return [e.user_message.text for e in person.wait_idle(conversation) if Events.kind(e) == "user_message"]


def is_recording(person, conversation, session):
    found = stored(person, conversation, session)
    return found is not None and found.state == resources.VOICE_SESSION_STATE_RECORDING
