"""One server for the tests that only use it; tests that kill, configure or fill one start their own."""
import os
import pathlib
import sys

os.environ.setdefault("GRPC_VERBOSITY", "NONE")
sys.path.insert(0, str(pathlib.Path(__file__).parent))

import pytest  # noqa: E402

from person import COMPLETE_PROFILE, Person, fresh, open_channel  # noqa: E402
from server import Server  # noqa: E402

# Short enough that a test can wait for a heartbeat.
HEARTBEAT_S = 1


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    with Server(tmp_path_factory.mktemp("server"), env={"LIFEECHO_CONNECT_HEARTBEAT": f"{HEARTBEAT_S}s"}) as running:
        yield running


@pytest.fixture(autouse=True)
def stop_when_the_server_died(request):
    """One crash is one failure, not hundreds."""
    yield
    if "server" in request.fixturenames:
        running = request.getfixturevalue("server")
        if running.process.poll() is not None:
            running.stop()
            pytest.exit(f"the server died in {request.node.nodeid}:\n{running.report()}", returncode=1)


@pytest.fixture(scope="session")
def channel(server):
    with open_channel(server.target) as opened:
        yield opened


@pytest.fixture
def newcomer(server, channel):
    """A user about whom nothing is known."""
    return Person(channel, server.secret).provision(nickname="")


@pytest.fixture
def person(server, channel):
    """A user whose profile is complete."""
    return Person(channel, server.secret).provision(**COMPLETE_PROFILE)


@pytest.fixture
def stranger(server, channel):
    """Somebody else."""
    return Person(channel, server.secret).provision(**COMPLETE_PROFILE)


@pytest.fixture
def conversation():
    """An id nobody used."""
    return fresh("conversation")
