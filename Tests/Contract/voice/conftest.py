"""One server with the built-in recogniser for the tests of this folder that only use it."""
import pytest

from server import Server

# The engine of the tests; backoff and looks at the database short enough to wait for.
SPEECH = {
    "LIFEECHO_SPEECH_RECOGNIZER": "builtin", "LIFEECHO_VOICE_BACKOFF": "50ms", "LIFEECHO_TURN_LEASE": "3s",
}


@pytest.fixture(scope="package")
def server(tmp_path_factory):
    with Server(tmp_path_factory.mktemp("voice"), env=SPEECH) as running:
        yield running


@pytest.fixture(scope="package")
def channel(server):
    from person import open_channel
    with open_channel(server.target) as opened:
        yield opened
