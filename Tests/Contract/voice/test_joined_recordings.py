"""Files of several recordings one behind the other, as phones and editors make them: all of their length counts."""
import pytest

from bridge import recordings
from bridge.engines import Engines
from contract import pb
from person import COMPLETE_PROFILE, Person, open_channel
from samples import sample
from server import Server

# Each sample has 4.2 s: nobody says this in one of them, and anybody in two.
SAID = "那一年我十八岁，跟着父亲坐船去了上海。在码头上第一次看见那么多的人和那么高的楼，心里又害怕又高兴。" \
    "后来我们在弄堂里租了一间小屋，每天清早都听得见卖豆浆的声音。"


@pytest.fixture(scope="module")
def joiner(tmp_path_factory):
    """Somebody on a server whose recogniser hears `SAID` in everything."""
    engines = Engines()
    with pytest.MonkeyPatch.context() as patched, Server(
        tmp_path_factory.mktemp("joined"), env=engines.environment
    ) as server, open_channel(server.target) as channel:
        patched.setattr(recordings, "read", lambda content: SAID)
        yield Person(channel, server.secret).provision(**COMPLETE_PROFILE)
    engines.stop()


def transcribed(person, content):
    requests = iter([pb.TranscribeRequest(config=pb.TranscribeConfig()), pb.TranscribeRequest(content=content)])
    return person.stub.Transcribe(requests, metadata=person.metadata, timeout=20).text


@pytest.mark.parametrize("names", [["tagged.mp3"] * 6, ["opus.ogg", "vorbis.ogg"], ["vorbis.ogg", "opus.ogg"]])
def test_joined_recordings_keep_their_transcript(joiner, names):
    assert transcribed(joiner, b"".join(sample(f"formats/{name}") for name in names)) == SAID


def test_links_of_a_chain_may_have_the_same_serial_number(joiner):
    """Encoders that count their streams from the same number, and files joined with themselves."""
    assert transcribed(joiner, sample("formats/opus.ogg") * 6) == SAID


def test_damage_that_players_pass_over_takes_no_transcript(joiner):
    """Four bytes that are no frame, after one of six recordings."""
    one = sample("formats/bare.mp3")
    assert transcribed(joiner, one + bytes(4) + one * 5) == SAID


def test_so_many_words_in_one_of_them_are_made_up(joiner):
    """Without this the test above would show nothing."""
    assert transcribed(joiner, sample("formats/tagged.mp3")) == ""
