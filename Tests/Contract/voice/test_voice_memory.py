"""Four hours of speech in a row: what the server keeps in memory does not grow with them."""
import pathlib
import re

from conftest import SPEECH
from contract import resources
from person import COMPLETE_PROFILE, Person, fresh, open_channel
from server import Server
from speaking import AudioStream, audio, session_of, spoken

HOURS = 4
SEGMENTS = 1200
SEGMENT_S = 3.0
GROWTH_BYTES = 24 << 20


def resident_bytes(server):
    status = pathlib.Path(f"/proc/{server.process.pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) * 1024


def hour(person, conversation, number):
    """A recording of an hour, segment by segment."""
    session = f"hour-{number}"
    with AudioStream(person, conversation, session, timeout=300) as stream:
        for index in range(SEGMENTS):
            stream.send(index, audio(f"{number}.{index}。", 16_000), last=index == SEGMENTS - 1, duration=SEGMENT_S)
        answers = stream.finish(300)
    assert len(answers) == SEGMENTS and answers[-1].durable_through == SEGMENTS - 1
    text = spoken(person, conversation, number + 1, seconds=300)[number]
    assert text == "".join(f"{number}.{index}。" for index in range(SEGMENTS))
    assert session_of(person, conversation, session).state == resources.VOICE_SESSION_STATE_COMPLETED


def test_four_hours_of_speech_keep_memory_flat(tmp_path):
    with Server(tmp_path / "data", env=SPEECH) as server, open_channel(server.target) as channel:
        person = Person(channel, server.secret).provision(subscription_type=2, **COMPLETE_PROFILE)
        conversation = fresh("conversation")
        hour(person, conversation, 0)
        after_one = resident_bytes(server)
        for number in range(1, HOURS):
            hour(person, conversation, number)
        grown = resident_bytes(server) - after_one
        assert grown < GROWTH_BYTES, f"grew by {grown >> 10} KiB in {HOURS - 1} hours of speech"
