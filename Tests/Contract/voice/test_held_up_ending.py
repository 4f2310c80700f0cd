"""The end of one recording that waits in the database is nobody else's wait."""
import contextlib
import subprocess

import pytest

from conftest import SPEECH
from database import Database, program
from person import COMPLETE_PROFILE, Events, Person, fresh, open_channel
from server import Server
from speaking import AudioStream, spoken, speak
from waiting import wait_until

# A recording is a message in a fraction of a second; a store that is waited for takes ten.
PROMPT_S = 5


@contextlib.contextmanager
def locked(database, conversation):
    """Somebody else's transaction holds the conversation's row until the block ends."""
    with subprocess.Popen(
        [program("psql"), "-h", str(database.folder), "-U", "lifeecho", "-d", "postgres", "-AtXq"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as session:
        session.stdin.write("BEGIN; SELECT conversation_id FROM lifeecho.conversations"
                            f" WHERE conversation_id = '{conversation}' FOR UPDATE;\n")
        session.stdin.flush()
        assert session.stdout.readline().strip() == conversation
        try:
            yield
        finally:
            session.communicate("ROLLBACK;\n")


def recognised(database, count):
    """Until so many segments of all recordings are."""
    wait_until(lambda: database.query("SELECT is_open FROM lifeecho.audio_segments") == ["f"] * count, "recognition")


@pytest.mark.parametrize("is_last", ["with its words", "when all is recognised"])
def test_an_ending_that_waits_for_a_lock_holds_up_nobody_else(tmp_path, is_last):
    with Database() as database, Server(
        tmp_path / "data", "--database-url", database.url, ephemeral=False, env=SPEECH
    ) as server, open_channel(server.target) as channel:
        stuck, other = (Person(channel, server.secret).provision(**COMPLETE_PROFILE) for _ in range(2))
        conversation, elsewhere = fresh("conversation"), fresh("conversation")
        with other.connect(elsewhere) as live, AudioStream(stuck, conversation, "s") as stream:
            live.wait_kind("turn_completed")
            stream.say(0, "一")
            recognised(database, 1)
            with locked(database, conversation):
                stream.say(0, "一", last=True)
                if is_last == "with its words":
                    speak(other, elsewhere, "s", "听得见吗")
                else:
                    speak(other, elsewhere, "s", "听得见吗", last=False)
                    recognised(database, 2)
                    speak(other, elsewhere, "s", "听得见吗")
                message = live.wait_kind("user_message", seconds=PROMPT_S)
                assert message.user_message.text == "听得见吗"
                assert live.wait_kind("turn_completed", 2, PROMPT_S).turn_id == message.turn_id
                state = database.query(
                    f"SELECT state FROM lifeecho.voice_sessions WHERE conversation_id = '{conversation}'")
                assert state == ["transcribing"], "nothing was held up"
        # Then it is finished too.
        assert spoken(stuck, conversation) == ["一"]
        assert Events.kind(stuck.wait_idle(conversation)[-1]) == "turn_completed"
