"""The upgrade: what is checked before it, what is answered, and what is negotiated."""
import base64
import hashlib
import time
import urllib.parse

import pytest

import tokens
from bridge import texts
from bridge.bridged import BridgedServer, House
from bridge.phone import Phone, url
from bridge.rawphone import ACCEPT, attempt, dial, read_body, read_head, upgrade_request
from contract import pb
from person import fresh

PATH = "/ws/conversation/"


def claims_of(house, person, **changes):
    now = int(time.time())
    claims = dict(sub=person.user, type="access", iat=now, exp=now + 3600)
    return tokens.sign(house.server.secret, **{**claims, **changes})


TOKENS = {
    "none": lambda house, person: None,
    "empty": lambda house, person: "",
    "garbage": lambda house, person: "garbage",
    "three parts of garbage": lambda house, person: "a.b.c",
    "foreign secret": lambda house, person: tokens.access("x" * 40, person.user),
    "expired": lambda house, person: claims_of(house, person, exp=int(time.time()) - 120),
    "not yet valid": lambda house, person: claims_of(house, person, nbf=int(time.time()) + 600),
    "refresh token": lambda house, person: claims_of(house, person, type="refresh"),
    "service token": lambda house, person: tokens.service(house.server.secret, "conversations"),
    "without type": lambda house, person: claims_of(house, person, type=None),
    "without sub": lambda house, person: claims_of(house, person, sub=None),
    "empty sub": lambda house, person: claims_of(house, person, sub=""),
    "unknown user": lambda house, person: claims_of(house, person, sub=fresh("nobody")),
}


@pytest.mark.parametrize("case", TOKENS)
def test_a_refused_token_is_403_with_an_empty_body(house, person, case):
    token = TOKENS[case](house, person)
    conversation = fresh("conversation")
    query = f"?token={urllib.parse.quote(token)}" if token is not None else ""
    answer, body = attempt(house.server.bridge, PATH + conversation + query)
    assert (answer.status, body) == (403, b"")


def test_nothing_is_touched_by_a_refused_token(house, person):
    """No conversation is made by it: the id is still free for its user."""
    conversation = fresh("conversation")
    attempt(house.server.bridge, f"{PATH}{conversation}?token=garbage")
    with person.connect(conversation) as live:
        assert live.wait_kind("connected").connected.created


@pytest.mark.parametrize("order, status", [(("bad", "good"), 101), (("good", "bad"), 403), (("good", ""), 403)])
def test_the_last_token_wins(house, person, order, status):
    values = {"good": house.token(person), "bad": "garbage", "": ""}
    query = "&".join(f"token={values[name]}" for name in order)
    answer, _ = attempt(house.server.bridge, f"{PATH}{fresh('conversation')}?{query}")
    assert answer.status == status


def test_a_percent_encoded_token_is_decoded(house, person):
    token = "".join(f"%{byte:02X}" for byte in house.token(person).encode())
    answer, _ = attempt(house.server.bridge, f"{PATH}{fresh('conversation')}?x=1&token={token}&token2=y")
    assert answer.status == 101


@pytest.mark.parametrize("written, meant", [
    ("plain", "plain"), ("%E5%AF%B9%E8%AF%9D", "对话"), ("a%20b", "a b"), ("a+b", "a+b"), ("a%2Bb", "a+b"),
    ("a%3Fb%26c%3Dd%23e", "a?b&c=d#e"), ("%25", "%"), ("a%2541", "a%41"), (".", "."), ("%22%5C", '"\\'), ("7", "7"),
])
def test_the_id_comes_back_decoded(house, person, written, meant):
    tail = fresh("-")
    with Phone(f"ws://{house.server.bridge}{PATH}{written}{tail}?token={house.token(person)}",
               conversation=meant + tail) as phone:
        phone.wait_type("connect")
        phone.ping()
    found = person.call("GetConversation", pb.GetConversationRequest(conversation_id=meant + tail)).conversation
    assert found.conversation_id == meant + tail


def test_an_id_has_at_most_256_characters(house, person):
    tail = fresh("-")
    for length, code in ((256, None), (257, "FIELD_INVALID")):
        with house.phone(person, "话" * (length - len(tail)) + tail, query={"v": 2}) as phone:
            phone.wait_type("connect")
            if code:
                assert phone.wait_closed() == (1008, texts.FAILED)
                assert [frame.data for frame in phone.of("error")] == [{"message": texts.FAILED, "code": code}]
            else:
                phone.ping()
    answer, _ = attempt(house.server.bridge, f"{PATH}{'a' * 1025}?token={house.token(person)}")
    assert answer.status == 404


@pytest.mark.parametrize("path", ["/ws/conversation/", "/ws/conversation", "/ws", "/", "/ws/conversation/a/b", "/healthz"])
def test_other_paths_are_no_doors(house, person, path):
    answer, _ = attempt(house.server.bridge, f"{path}?token={house.token(person)}")
    assert answer.status in (403, 404)


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"])
def test_plain_http_on_the_path_is_404(house, person, method):
    answer, _ = attempt(
        house.server.bridge, f"{PATH}{fresh('c')}?token={house.token(person)}", method=method, Upgrade=None,
        Connection=None, Sec_WebSocket_Key=None, Sec_WebSocket_Version=None)
    assert answer.status == 404


@pytest.mark.parametrize("changes, allowed", [
    (dict(version="HTTP/1.0"), {400, 404, 426, 505}),
    (dict(Sec_WebSocket_Version="8"), {400, 426}),
    (dict(Sec_WebSocket_Version=None), {400, 404, 426}),
    (dict(Sec_WebSocket_Key=None), {400, 404, 426}),
    (dict(Sec_WebSocket_Key="c2hvcnQ="), {400}),
    (dict(Connection="keep-alive"), {400, 404, 426}),
    (dict(Upgrade="h2c"), {400, 404, 426}),
    (dict(method="POST"), {400, 404, 405}),
    (dict(Host=None), {400}),
])
def test_broken_upgrades_are_refused(house, person, changes, allowed):
    answer, _ = attempt(house.server.bridge, house.path(person, fresh("conversation")), **changes)
    assert answer is None or answer.status in allowed, answer.status


def test_an_unsupported_version_names_the_supported_one(house, person):
    answer, _ = attempt(house.server.bridge, house.path(person, fresh("conversation")), Sec_WebSocket_Version="8")
    assert answer.headers.get("sec-websocket-version") == "13"


@pytest.mark.parametrize("changes", [
    dict(Upgrade="WebSocket"), dict(Connection="keep-alive, Upgrade"), dict(Connection="upgrade"),
    dict(Host="life-echo.example"), dict(User_Agent="okhttp/4.12.0"),
    dict(Cookie="a=b; c=d", X_Forwarded_For="10.1.2.3"),
])
def test_what_phones_and_proxies_send_is_understood(house, person, changes):
    answer, _ = attempt(house.server.bridge, house.path(person, fresh("conversation")), **changes)
    assert answer.status == 101
    assert answer.headers["upgrade"].lower() == "websocket" and answer.headers["connection"].lower() == "upgrade"


def test_the_accept_header(house, person):
    key = "dGhlIHNhbXBsZSBub25jZQ=="
    answer, _ = attempt(house.server.bridge, house.path(person, fresh("conversation")), key=key)
    expected = base64.b64encode(hashlib.sha1(key.encode() + ACCEPT).digest()).decode()
    assert answer.headers["sec-websocket-accept"] == expected == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


def test_no_subprotocol_is_chosen(house, person):
    answer, _ = attempt(
        house.server.bridge, house.path(person, fresh("conversation")), Sec_WebSocket_Protocol="json, life-echo")
    assert answer.status == 101 and "sec-websocket-protocol" not in answer.headers


@pytest.mark.parametrize("offer, taken", [
    (None, False), ("permessage-deflate", True), ("permessage-deflate; client_max_window_bits", True),
    ("x-webkit-deflate-frame", False), ("permessage-deflate; server_no_context_takeover", True),
    ("permessage-deflate; nonsense=1", False), ("permessage-deflate; nonsense=1, permessage-deflate", True),
    ("permessage-deflate; server_max_window_bits=10", True),
])
def test_deflate_is_taken_when_offered(house, person, offer, taken):
    answer, _ = attempt(
        house.server.bridge, house.path(person, fresh("conversation")), Sec_WebSocket_Extensions=offer)
    assert answer.status == 101
    assert ("permessage-deflate" in answer.headers.get("sec-websocket-extensions", "")) == taken


@pytest.mark.parametrize("compression", [None, "deflate"])
def test_a_compressed_conversation_is_the_same(house, person, compression):
    with house.open(person, compression=compression) as phone:
        assert phone.say("我爸爸是撑船的。" * 40) == ["回:" + "我爸爸是撑船的。" * 40]
        phone.ping()


def test_frames_sent_with_the_handshake_are_not_lost(house, person):
    """A phone that does not wait for the 101."""
    from bridge.rawphone import TEXT, encode
    with dial(house.server.bridge) as connected:
        connected.sendall(upgrade_request(house.path(person, fresh("conversation"))) + encode(TEXT, b'{"type":"ping"}'))
        answer = read_head(connected)
        assert answer.status == 101
        received = answer.rest
        connected.settimeout(10)
        while b'"pong"' not in received:
            part = connected.recv(65536)
            assert part, received
            received += part


def test_a_handshake_in_single_bytes(house, person):
    with dial(house.server.bridge) as connected:
        for byte in upgrade_request(house.path(person, fresh("conversation"))):
            connected.sendall(bytes([byte]))
        assert read_head(connected).status == 101


def test_a_head_without_end_is_cut_off(house):
    """Neither memory nor time without bound."""
    with dial(house.server.bridge) as connected:
        connected.settimeout(15)
        try:
            connected.sendall(b"GET /ws/conversation/x HTTP/1.1\r\n")
            for n in range(4096):
                connected.sendall(b"X-%d: %s\r\n" % (n, b"a" * 1000))
            answer = read_head(connected)
            assert answer is None or answer.status in (400, 413, 431)
        except ConnectionError:
            pass


@pytest.mark.timeout(40)
def test_a_silent_connection_is_closed(house):
    """Ten seconds for the handshake, whatever comes in between."""
    with dial(house.server.bridge) as silent:
        silent.settimeout(20)
        silent.sendall(b"GET /ws/conversation/x HTTP/1.1\r\nHost: a\r\n")
        start = time.monotonic()
        try:
            answer = read_head(silent)
            assert answer is None or answer.status == 408
            if answer:
                read_body(silent, answer)
        except ConnectionError:
            pass
        assert 5 < time.monotonic() - start < 16


def test_the_token_is_never_told(tmp_path, engines):
    """Not in a log at its most talkative, not in a metric, not in an answer; whether it is good, bad or nonsense."""
    with BridgedServer(
        tmp_path, env={**engines.environment, "LIFEECHO_LOG_LEVEL": "trace", "LIFEECHO_LOG_FORMAT": "json"}
    ) as server:
        house = House(server)
        person = house.person()
        good, bad = house.token(person), tokens.access("y" * 40, person.user)
        with Phone(url(server.bridge, "c1", good), conversation="c1") as phone:
            phone.wait_type("topic_suggestions")
            phone.say("我小时候住在河边。")
            phone.send_text("{broken")
            phone.wait_type("error")
        answer, body = attempt(server.bridge, f"{PATH}c1?token={bad}")
        assert answer.status == 403
        attempt(server.bridge, f"{PATH}c1/x?token={good}")
        attempt(server.bridge, f"{PATH}c1?token={good}", Sec_WebSocket_Version="8")
        attempt(server.bridge, f"/?token={good}", Upgrade=None, Connection=None)
        metrics = server.get("/metrics")[1]
        house.close()
    told = server.logged() + metrics
    for token in (good, bad):
        assert token not in told and token.rsplit(".", 1)[1] not in told
    assert "我小时候" not in "\n".join(line for line in server.log if '"level":"trace"' not in line)
