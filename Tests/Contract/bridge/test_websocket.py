"""RFC 6455 and 7692 as far as a phone, a bad network or an attacker meets them."""
import json
import struct
import time
import zlib

import pytest

from bridge import texts
from bridge.rawphone import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, encode
from waiting import wait_until

MESSAGE_MAX = 16 << 20
PING_TEXT = b'{"type":"ping"}'


@pytest.fixture
def raw(house, person):
    with house.raw(person, house.begun(person)) as phone:
        phone.wait_type("topic_suggestions")
        yield phone


def closes(phone, code, seconds=10):
    found, _ = phone.wait_closed(seconds)
    assert found == code, phone.describe()


def deflated(content, level=6):
    made = zlib.compressobj(level, zlib.DEFLATED, -15)
    return (made.compress(content) + made.flush(zlib.Z_SYNC_FLUSH))[:-4]


@pytest.mark.parametrize("pieces", [[1], [7], [5, 5], [0, 0, 3]])
def test_fragments_are_one_message(raw, pieces):
    rest, first = PING_TEXT, TEXT
    for count in pieces:
        raw.transmit(encode(first, rest[:count], final=False))
        rest, first = rest[count:], CONTINUATION
    raw.transmit(encode(CONTINUATION, rest))
    raw.wait_type("pong")


def test_a_character_may_be_cut_by_a_fragment(raw):
    content = json.dumps({"type": "text", "data": {"text": "妈妈"}}, ensure_ascii=False).encode()
    middle = content.index("妈".encode()) + 1
    raw.transmit(encode(TEXT, content[:middle], final=False) + encode(CONTINUATION, content[middle:]))
    raw.wait_reply()
    assert raw.replies() == ["回:妈妈"]


def test_control_frames_between_fragments(raw):
    raw.transmit(encode(TEXT, PING_TEXT[:4], final=False) + encode(PING, b"between") + encode(CONTINUATION, PING_TEXT[4:]))
    raw.wait_type("pong")
    assert raw.pong_payloads == [b"between"]


@pytest.mark.parametrize("payload", [b"", b"x", bytes(125)])
def test_a_ping_is_answered_with_its_payload(raw, payload):
    raw.transmit(encode(PING, payload))
    wait_until(lambda: raw.pong_payloads, "a pong")
    assert raw.pong_payloads == [payload]


def test_an_unsolicited_pong_is_nothing(raw):
    raw.transmit(encode(PONG, b"nobody asked"))
    raw.send("ping")
    raw.wait_type("pong")


@pytest.mark.parametrize("step", [1, 2, 13])
def test_frames_in_small_parts(raw, step):
    content = encode(TEXT, PING_TEXT)
    for start in range(0, len(content), step):
        raw.transmit(content[start:start + step])
    raw.wait_type("pong")


def test_many_frames_in_one_write(raw):
    raw.transmit(encode(TEXT, PING_TEXT) * 200)
    raw.wait_type("pong", 200)


VIOLATIONS = {
    "unmasked": encode(TEXT, PING_TEXT, masked=False),
    "reserved bit 1 without deflate": encode(TEXT, PING_TEXT, reserved=4),
    "reserved bit 2": encode(TEXT, PING_TEXT, reserved=2),
    "reserved bit 3": encode(TEXT, PING_TEXT, reserved=1),
    "opcode 3": encode(3, b""),
    "opcode 11": encode(11, b""),
    "long ping": encode(PING, bytes(126)),
    "fragmented ping": encode(PING, b"", final=False),
    "continuation of nothing": encode(CONTINUATION, b"x"),
    "text within a message": encode(TEXT, b"{", final=False) + encode(TEXT, b"}"),
    "close with one byte": encode(CLOSE, b"\x03"),
    "close with 999": encode(CLOSE, struct.pack("!H", 999)),
    "close with 1005": encode(CLOSE, struct.pack("!H", 1005)),
    "close with 1006": encode(CLOSE, struct.pack("!H", 1006)),
    "length with its highest bit": bytes([0x81, 0xFF]) + struct.pack("!Q", 1 << 63) + bytes(4),
}


@pytest.mark.parametrize("case", VIOLATIONS)
def test_protocol_errors_close_with_1002(raw, case):
    raw.transmit(VIOLATIONS[case])
    found, _ = raw.wait_closed()
    assert found in ((1002, 1009) if case.startswith("length") else (1002,)), raw.describe()


@pytest.mark.parametrize("parts", [
    [b"\xff"], [b'{"type":"\xc3\x28"}'], [b"\xed\xa0\x80"], [b"\xf4\x90\x80\x80"], [b"\xc0\xaf"], [b"\xe5\xa6"],
    [b"\xe5", b"\xa6", b""], [b"\xe5", b"x"],
])
def test_invalid_utf8_closes_with_1007(raw, parts):
    for number, part in enumerate(parts):
        raw.transmit(encode(CONTINUATION if number else TEXT, part, final=number == len(parts) - 1))
    closes(raw, 1007)


def test_invalid_utf8_is_noticed_before_the_message_ends(raw):
    raw.transmit(encode(TEXT, b'{"type":"\xff', final=False))
    closes(raw, 1007)


def test_a_close_reason_that_is_no_utf8(raw):
    raw.transmit(encode(CLOSE, struct.pack("!H", 1000) + b"\xff"))
    closes(raw, 1007)


@pytest.mark.parametrize("payload, answered", [
    (struct.pack("!H", 1000) + "再见".encode(), 1000), (struct.pack("!H", 1001), 1001), (struct.pack("!H", 4321), 4321)])
def test_a_close_is_answered_with_its_code(raw, payload, answered):
    raw.transmit(encode(CLOSE, payload))
    closes(raw, answered)


def test_an_empty_close_is_answered(raw):
    raw.transmit(encode(CLOSE))
    found, _ = raw.wait_closed()
    assert found in (1000, 1005)


def test_nothing_is_answered_after_a_close(raw):
    raw.transmit(encode(CLOSE, struct.pack("!H", 1000)) + encode(TEXT, PING_TEXT))
    closes(raw, 1000)
    assert not raw.of("pong")


def test_sixteen_mebibytes_are_one_message_and_no_more(house, person):
    conversation = house.begun(person)
    head, tail = b'{"type":"nothing","data":"', b'"}'
    whole = head + b"a" * (MESSAGE_MAX - len(head) - len(tail)) + tail
    with house.raw(person, conversation) as raw:
        raw.wait_type("topic_suggestions")
        raw.transmit(encode(TEXT, whole))
        raw.send("ping")
        raw.wait_type("pong", seconds=20)
        try:
            raw.transmit(encode(TEXT, whole[:-2] + b"a" + tail))
        except OSError:
            pass
        closes(raw, 1009)


def test_fragments_count_together(raw):
    part = b"a" * (1 << 20)
    try:
        raw.transmit(encode(TEXT, b'"', final=False))
        for _ in range(17):
            raw.transmit(encode(CONTINUATION, part, final=False))
    except OSError:
        pass
    closes(raw, 1009)


def test_an_announced_length_is_judged_before_it_comes(raw):
    raw.transmit(encode(TEXT, b"", length=MESSAGE_MAX + 1))
    closes(raw, 1009)


@pytest.fixture
def squeezed(house, person):
    with house.raw(person, house.begun(person), Sec_WebSocket_Extensions="permessage-deflate; client_no_context_takeover; "
                   "server_no_context_takeover") as phone:
        assert phone.deflates
        phone.wait_type("topic_suggestions")
        yield phone


def test_deflated_and_plain_frames_take_turns(squeezed):
    for n, content in enumerate((deflated(PING_TEXT), PING_TEXT, deflated(PING_TEXT, 0), b"", deflated(PING_TEXT, 9))):
        if content == b"":
            squeezed.transmit(encode(TEXT, deflated(PING_TEXT)[:5], final=False, reserved=4))
            squeezed.transmit(encode(CONTINUATION, deflated(PING_TEXT)[5:]))
        else:
            squeezed.transmit(encode(TEXT, content, reserved=0 if content == PING_TEXT else 4))
        squeezed.wait_type("pong", n + 1)


def test_a_deflate_bomb_is_stopped_at_the_limit(squeezed):
    """64 MiB in 64 KiB."""
    squeezed.transmit(encode(TEXT, deflated(b'"' + b"a" * (64 << 20)), reserved=4))
    closes(squeezed, 1009)


def test_garbage_instead_of_deflate(squeezed):
    squeezed.transmit(encode(TEXT, b"\xff\xff\xff\xff\xff", reserved=4))
    found, _ = squeezed.wait_closed()
    assert found in (1002, 1007), found


def test_invalid_utf8_under_deflate(squeezed):
    squeezed.transmit(encode(TEXT, deflated(b"\xff\xff"), reserved=4))
    closes(squeezed, 1007)


def test_binary_is_an_error_and_the_socket_lives_on(raw):
    raw.transmit(encode(BINARY, PING_TEXT))
    raw.wait_error(texts.FAILED)
    raw.send("ping")
    raw.wait_type("pong")


@pytest.mark.timeout(90)
def test_keepalive(house, person):
    """A ping after 20 s; 1011 when 20 s later there is no pong. Who answers stays."""
    conversation = house.begun(person)
    with house.raw(person, conversation) as lively, house.raw(person, conversation, pongs=False) as dead:
        start = time.monotonic()
        # A ping may also come after a reply's last piece; the keepalive's is the one 20 s on.
        wait_until(lambda: dead.pings and time.monotonic() - start > 15, "a ping", 30)
        dead.wait_closed(45)
        assert dead.close_code == 1011, dead.describe()
        assert 15 < time.monotonic() - start < 48
        assert not lively.over.is_set() and lively.pings
        lively.send("ping")
        lively.wait_type("pong")


def test_floods_of_control_frames_are_ended(house, person):
    """Pings by the thousand in one write, without reading an answer, cost the sender its socket, not the server its memory."""
    conversation = house.begun(person)
    before = memory(house)
    with house.raw(person, conversation, reading=False) as flood:
        flood.socket.settimeout(20)
        ended = False
        try:
            for _ in range(400):
                flood.socket.sendall(encode(PING, bytes(125)) * 1000)
        except OSError:
            ended = True
        if not ended:
            flood.read_on()
            flood.wait_closed(20)
    assert memory(house) - before < 64 << 20
    with house.open(person) as phone:
        phone.ping()


def test_empty_fragments_without_end(house, person):
    with house.raw(person, house.begun(person)) as flood:
        try:
            flood.transmit(encode(TEXT, b"", final=False))
            for _ in range(100):
                flood.transmit(encode(CONTINUATION, b"", final=False) * 1000)
        except OSError:
            pass
        flood.wait_closed(20)
        assert flood.close_code in (1002, 1008, 1009, 1006), flood.describe()


def memory(house):
    for line in open(f"/proc/{house.server.process.pid}/status"):
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no VmRSS")
