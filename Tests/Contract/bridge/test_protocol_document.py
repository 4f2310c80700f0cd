"""bridge/PROTOCOL.md is true: its examples are played against a running service."""
import json
import pathlib
import re
import uuid

import pytest

from bridge.bridged import BridgedServer, House
from bridge.engines import BUILT_IN
from bridge.phone import Phone
from bridge.recordings import spoken
from person import fresh

DOCUMENT = pathlib.Path(__file__).parents[3] / "bridge" / "PROTOCOL.md"
BLOCK = re.compile(r"^```(\w+)(?: (\w+))?\n(.*?)^```$", re.S | re.M)
ANY = "…"


def sections():
    """(heading, blocks) of every section; a block is (kind, text)."""
    found = []
    for part in re.split(r"^(?=#)", DOCUMENT.read_text(), flags=re.M):
        heading = part.split("\n", 1)[0].lstrip("# ")
        blocks = [(" ".join(filter(None, match.group(1, 2))), match.group(3).strip()) for match in BLOCK.finditer(part)]
        if blocks:
            found.append((heading, blocks))
    return found


SCENARIOS = {heading: blocks for heading, blocks in sections() if any(kind == "http connect" for kind, _ in blocks)}


class Scenario:
    """The names that the document's `$name` stand for, and the newest socket."""

    def __init__(self, house):
        self.person = house.person()
        self.house = house
        self.names = {"conversation": fresh("conversation"), "token": house.token(self.person), "audio": spoken("好。")}
        self.phones = []
        self.position = 0

    @property
    def phone(self):
        return self.phones[-1]

    def fill(self, text):
        def value(match):
            return str(self.names.setdefault(match[1], str(uuid.uuid4())))
        return re.sub(r"\$(\w+)", value, text)

    def agrees(self, wanted, found, names, exact):
        if wanted == ANY:
            return True
        if isinstance(wanted, str) and wanted.startswith("$"):
            return names.setdefault(wanted[1:], found) == found
        if isinstance(wanted, dict):
            if not isinstance(found, dict) or not (set(wanted) == set(found) if exact else set(wanted) <= set(found)):
                return False
            return all(self.agrees(value, found[name], names, exact) for name, value in wanted.items())
        if isinstance(wanted, list):
            return isinstance(found, list) and len(wanted) == len(found) and all(
                self.agrees(one, other, names, exact) for one, other in zip(wanted, found))
        return type(wanted) is type(found) and wanted == found

    def await_frame(self, wanted):
        def find(log):
            for number in range(self.position, len(log.frames)):
                names = dict(self.names)
                if self.agrees(wanted, log.frames[number].value, names, log.legacy):
                    return number + 1, names
            return None
        self.phone.wait_for(find, f"a frame like {json.dumps(wanted, ensure_ascii=False)} after {self.position} frames")
        self.position, self.names = find(self.phone)

    def play(self, kind, text):
        if kind == "http connect":
            path = self.fill(text.split(" ", 1)[1])
            legacy = not re.search(r"[?&]v=2", path)
            self.phones.append(Phone(
                f"ws://{self.house.server.bridge}{path}", conversation=self.names["conversation"], legacy=legacy))
            self.position = 0
        elif kind == "json client":
            self.phone.send_text(self.fill(text))
        elif kind == "hex client":
            self.phone.send_bytes(bytes.fromhex(text))
        elif kind == "json server":
            self.await_frame(json.loads(text))
        elif kind == "close":
            assert self.phone.wait_closed()[0] == int(text)
        elif kind == "disconnect":
            self.phone.vanish()
        else:
            raise AssertionError(f"unknown kind of block: {kind}")


@pytest.fixture(scope="module")
def talkative(tmp_path_factory):
    """With the built-in engines: what a reader gets who just starts it."""
    with BridgedServer(tmp_path_factory.mktemp("document"), env=BUILT_IN) as server:
        opened = House(server)
        yield opened
        opened.close()


@pytest.mark.parametrize("heading", SCENARIOS)
def test_the_examples_happen(talkative, heading):
    scenario = Scenario(talkative)
    try:
        for kind, text in SCENARIOS[heading]:
            scenario.play(kind, text)
    finally:
        for phone in scenario.phones:
            phone.close()
    for phone in scenario.phones:
        phone.conform()


def test_there_are_examples_of_every_part():
    assert len(SCENARIOS) >= 5
    kinds = {kind for blocks in SCENARIOS.values() for kind, _ in blocks}
    assert kinds >= {"http connect", "json client", "json server", "close", "disconnect", "hex client"}


def test_every_example_is_json():
    for _, blocks in sections():
        for kind, text in blocks:
            if kind.startswith("json"):
                assert isinstance(json.loads(text), dict), text
