"""`lifeecho bridge`: the token it acts for all phones with."""
import os
import pathlib
import re

import pytest

import tokens
from bridge.phone import Phone, url
from bridge.separate import SeparateBridge
from bridge.test_readiness import probe
from person import COMPLETE_PROFILE, Person, fresh, open_channel
from server import Server, run
from waiting import wait_until

ADMIN = re.compile(r"^admin listening on (\S+)$")


@pytest.mark.parametrize("kind, reason", [
    ("access", "the token is a user's own"),
    ("scope", "needs a service token with the scope `conversations`"),
    ("expired", "the service refuses the token"),
    ("garbage", "the service refuses the token"),
])
def test_a_token_that_is_no_good_is_refused_at_the_start(tmp_path, server, channel, kind, reason):
    """A user's own would make every phone that user."""
    person = Person(channel, server.secret).provision(**COMPLETE_PROFILE)
    path = pathlib.Path(tmp_path) / "token"
    path.write_text({
        "access": tokens.access(server.secret, person.user),
        "scope": tokens.service(server.secret, "users"),
        "expired": tokens.service(server.secret, "conversations", ttl_s=-3600),
        "garbage": "garbage",
    }[kind])
    status, _, err = run(
        "bridge", "--listen", "127.0.0.1:0", "--target", server.target, "--service-token-file", str(path))
    assert status not in (0, None)
    assert "--service-token-file" in err and reason in err, err


def test_a_token_that_went_bad_is_said_and_can_be_replaced(tmp_path):
    with Server(tmp_path / "data") as server:
        with open_channel(server.target) as channel, SeparateBridge(
            tmp_path, server.target, server.secret, "--admin", "127.0.0.1:0"
        ) as bridge:
            person = Person(channel, server.secret).provision(**COMPLETE_PROFILE)
            admin, = wait_until(lambda: [m[1] for line in list(bridge.lines) if (m := ADMIN.match(line))], bridge.report)
            file = tmp_path / "service-token"
            good = file.read_text()
            replace(file, tokens.access(server.secret, person.user))
            wait_until(lambda: probe(admin)[0] == 503, lambda: f"{probe(admin)}", 15)
            assert "the token is a user's own" in probe(admin)[1]
            for _ in range(3):
                with pytest.raises(Exception, match="503"):
                    phone(bridge, person).close()
            said = [line for line in list(bridge.lines) if "no phone is served" in line]
            assert len(said) == 1 and "the token is a user's own" in said[0], bridge.report()
            replace(file, good)
            wait_until(lambda: probe(admin)[0] == 200, lambda: f"{probe(admin)}", 15)
            with phone(bridge, person) as served:
                served.wait_type("agent_response")


def phone(bridge, person):
    conversation = fresh("conversation")
    return Phone(url(bridge.bridge, conversation, tokens.access(person.secret, person.user)), conversation=conversation)


def replace(file, text):
    """At once: whoever reads finds the old or the new."""
    other = file.with_suffix(".new")
    other.write_text(text)
    os.replace(other, file)
