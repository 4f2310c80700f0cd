"""The web console in headless Chromium. One browser for all tests; every test has a page with a storage of its own.

test_page.py and test_look.py play a scripted bridge; test_real_bridge.py starts `lifeecho serve` (LIFEECHO_BINARY). The
fake microphone hears microphone.wav: seven seconds of synthetic speech (“我想学习游泳,但是我害怕水,你能给我一些建议吗?”) and a
pause, again and again. CHROMIUM names another browser, CONSOLE_SHOTS a folder for pictures.
"""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "Contract"))

import pytest  # noqa: E402

from browser import Browser  # noqa: E402
from person import COMPLETE_PROFILE, Person, open_channel  # noqa: E402
from scripted_bridge import ScriptedBridge  # noqa: E402

MICROPHONE = pathlib.Path(__file__).parent / "microphone.wav"


@pytest.fixture(scope="session")
def browser():
    with Browser(microphone=MICROPHONE) as running:
        yield running


@pytest.fixture(scope="module")
def channel(server):
    """To the `server` of the module, when it has one."""
    with open_channel(server.target) as opened:
        yield opened


@pytest.fixture
def person(server, channel):
    return Person(channel, server.secret).provision(**COMPLETE_PROFILE)


@pytest.fixture
def bridge():
    with ScriptedBridge() as running:
        yield running


@pytest.fixture
def open_page(browser):
    """Opens pages; at the end none of them may have thrown or broken its content security policy."""
    pages = []

    def open_(url, **how):
        page = browser.open(url, **how)
        pages.append(page)
        return page
    yield open_
    for page in pages:
        problems = page.own_problems()
        page.close()
        assert not problems, problems
