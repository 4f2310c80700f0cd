"""Servers with bridges. Most tests use one whose chat model does what the test says."""
import pytest

from bridge.bridged import BridgedServer, House
from bridge.engines import Engines

# Pauses between pieces as phones know them; the tests of pacing measure them.
PIECE_PAUSE_S = 0.5


@pytest.fixture(scope="session")
def engines():
    running = Engines()
    yield running
    running.stop()


@pytest.fixture(scope="session")
def scripted(tmp_path_factory, engines):
    """The server of the scripted engines."""
    with BridgedServer(tmp_path_factory.mktemp("bridged"), env={
        **engines.environment, "LIFEECHO_LOG_LEVEL": "debug"}
    ) as server:
        yield server


@pytest.fixture(autouse=True)
def stop_when_the_bridge_died(request):
    """One crash is one failure, not hundreds."""
    yield
    if "house" in request.fixturenames:
        server = request.getfixturevalue("house").server
        if server.process.poll() is not None:
            pytest.exit(f"the server died in {request.node.nodeid}:\n{server.report()}", returncode=1)


@pytest.fixture(scope="session")
def house(scripted):
    opened = House(scripted)
    yield opened
    opened.close()


@pytest.fixture
def person(house):
    """A user whose profile is complete; on the server of the bridge tests."""
    return house.person()


@pytest.fixture
def stranger(house):
    return house.person()


@pytest.fixture
def newcomer(house):
    return house.newcomer()
