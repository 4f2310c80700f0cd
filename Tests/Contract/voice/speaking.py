"""A person who speaks: StreamAudio as a phone uses it, with audio whose words the built-in recogniser reads."""
import queue
import threading

import grpc
from google.protobuf import duration_pb2

from contract import pb, resources
from person import CALL_S, Events
from waiting import wait_until

MARKER = b"LIFEECHO-TEST-AUDIO\n"


def audio(words, size=0):
    """Bytes in which `words` are said; `!fail`, `!fail 2`, `!slow 500`, `!silence`, `!garbage` direct the recogniser."""
    said = MARKER + words.encode() + b"\0"
    return said + b"\1" * max(0, size - len(said))


def seconds(value):
    message = duration_pb2.Duration()
    message.FromMilliseconds(round(value * 1000))
    return message


def segment(index, words, last=False, duration=1.0, **fields):
    """A message of StreamAudio; `words` may be bytes."""
    content = words if isinstance(words, bytes) else audio(words)
    return pb.StreamAudioRequest(segment=pb.AudioSegment(
        index=index, content=content, is_last=last, duration=seconds(duration), **fields))


def config(conversation, session, **fields):
    return pb.StreamAudioRequest(config=pb.AudioConfig(
        conversation_id=conversation, voice_session_id=session, format=pb.AUDIO_FORMAT_M4A, **fields))


class AudioStream:
    """One open StreamAudio. `send` queues a message, `answer` waits for the next answer."""

    def __init__(self, person, conversation, session, timeout=60, metadata=(), **fields):
        self.outgoing = queue.Queue()
        self.answers = queue.Queue()
        self.ended = None
        self.done = threading.Event()
        self.outgoing.put(config(conversation, session, **fields))
        self.call = person.stub.StreamAudio(
            iter(self.outgoing.get, None), metadata=person.metadata + tuple(metadata), timeout=timeout)
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        try:
            for answer in self.call:
                self.answers.put(answer)
        except grpc.RpcError as error:
            self.ended = error
        finally:
            self.done.set()
            self.answers.put(None)

    def send(self, index, words, last=False, **fields):
        self.outgoing.put(segment(index, words, last, **fields))
        return self

    def answer(self, timeout=CALL_S):
        """The next answer; raises what ended the stream."""
        answer = self.answers.get(timeout=timeout)
        if answer is None:
            raise self.ended or AssertionError("the stream ended")
        return answer

    def say(self, index, words, last=False, **fields):
        return self.send(index, words, last, **fields).answer()

    def finish(self, timeout=CALL_S):
        """Ends the requests; the answers that were not taken. Raises what the stream ended with."""
        self.outgoing.put(None)
        assert self.done.wait(timeout), "the stream goes on"
        if self.ended:
            raise self.ended
        rest = []
        while (answer := self.answers.get()) is not None:
            rest.append(answer)
        return rest

    def cancel(self):
        self.call.cancel()
        self.done.wait(10)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.outgoing.put(None)
        self.call.cancel()
        self.done.wait(10)


def speak(person, conversation, session, *words, first=0, last=True, **fields):
    """Says all segments on one stream; the answers."""
    with AudioStream(person, conversation, session, **fields) as stream:
        for place, text in enumerate(words):
            stream.send(first + place, text, last=last and place == len(words) - 1)
        return stream.finish()


def session_of(person, conversation, session):
    return person.call("GetVoiceSession", pb.GetVoiceSessionRequest(
        conversation_id=conversation, voice_session_id=session)).voice_session


def spoken(person, conversation, count=1, seconds=30.0):
    """The texts of the user's spoken messages, when there are `count`."""
    def look():
        try:
            log = person.replay(conversation)
        except (AssertionError, grpc.RpcError):
            return None
        found = [e.user_message.text for e in log if Events.kind(e) == "user_message"
                 and e.user_message.source == resources.MESSAGE_SOURCE_VOICE]
        return found if len(found) >= count else None
    return wait_until(look, f"{count} spoken messages in {conversation}", seconds)


def failed(person, conversation, count=1, seconds=30.0):
    """The TranscriptionFailed events, when there are `count`."""
    def look():
        found = [e.transcription_failed for e in person.replay(conversation)
                 if Events.kind(e) == "transcription_failed"]
        return found if len(found) >= count else None
    return wait_until(look, f"{count} failed transcriptions in {conversation}", seconds)
