"""A server whose chat model and synthesiser do what a test says."""
import pytest

from person import COMPLETE_PROFILE, Person, open_channel
from server import Server
from speech.engines import Engines


@pytest.fixture(scope="session")
def engines():
    running = Engines()
    yield running
    running.stop()


@pytest.fixture(scope="session")
def speaking(tmp_path_factory, engines):
    """The server that reads replies aloud."""
    env = {**engines.environment, "LIFEECHO_CONNECT_HEARTBEAT": "1s"}
    with Server(tmp_path_factory.mktemp("speaking"), env=env) as server:
        yield server


@pytest.fixture(scope="session")
def speaking_channel(speaking):
    with open_channel(speaking.target) as opened:
        yield opened


@pytest.fixture
def listener(speaking, speaking_channel):
    """A user of the server that reads aloud, with a complete profile."""
    return Person(speaking_channel, speaking.secret).provision(**COMPLETE_PROFILE)
