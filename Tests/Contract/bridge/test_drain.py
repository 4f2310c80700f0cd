"""A stop: phones are told when to come back, and lose nothing."""
import contextlib
import re

import pytest
import websockets.exceptions

from bridge.bridged import BridgedServer, House
from bridge.rawphone import attempt, dial, read_head, upgrade_request
from person import fresh
from waiting import wait_until

RETRY = re.compile(r"^retry in (\d+) s$")


def test_sigterm_closes_with_1012_and_a_random_delay(tmp_path, engines):
    server = BridgedServer(tmp_path, env=engines.environment).start()
    house = House(server)
    people = [house.person() for _ in range(4)]
    phones = [house.phone(person, house.begun(person)) for person in people for _ in range(4)]
    second = house.phone(people[0], house.begun(people[0]), query={"v": 2})
    for phone in [*phones, second]:
        phone.wait_type("topic_suggestions")
    server.terminate()
    delays = set()
    for phone in [*phones, second]:
        code, reason = phone.wait_closed(20)
        assert code == 1012, phone.describe()
        assert (told := RETRY.match(reason)), reason
        delays.add(int(told[1]))
        phone.conform()
        assert not phone.errors()
    assert delays <= set(range(1, 11)) and len(delays) >= 3, delays
    away = second.of("go_away")[0].data
    assert away["reason"] == "DRAINING" and away["reconnect_delay"] > 0
    house.close()
    assert server.stop() == 0


def test_while_it_drains_nobody_new_is_let_in(tmp_path, engines):
    """503 with Retry-After, not 403: the phone's token is good. Who just dialled may also find nobody."""
    server = BridgedServer(tmp_path, env=engines.environment).start()
    house = House(server)
    person = house.person()
    conversation = house.begun(person)
    path = house.path(person, conversation)
    with engines.hold("等一等") as gate, contextlib.ExitStack() as open_sockets:
        with house.phone(person, conversation) as phone:
            phone.wait_type("topic_suggestions")
            phone.send("text", text="等一等")
            wait_until(lambda: engines.waiting["等一等"], "a turn that the stop waits for")
            dialled = [open_sockets.enter_context(dial(server.bridge)) for _ in range(40)]
            server.terminate()
            wait_until(lambda: server.get("/readyz")[0] != 200, "the stop begins", 10)

            def refused():
                connected = dialled.pop()
                connected.sendall(upgrade_request(path))
                answer = read_head(connected)
                return answer and answer.status != 101 and answer
            answer = wait_until(refused, "a refusal", 10)
            assert answer.status == 503
            assert 1 <= int(answer.headers["retry-after"]) <= 10
            try:
                answer, _ = attempt(server.bridge, path)
                assert answer is None or answer.status == 503
            except OSError:
                pass
            gate.set()
            phone.wait_closed(25)
            assert phone.close_code == 1012
    house.close()
    assert server.stop() == 0


def test_what_was_said_before_a_stop_is_answered_after_it(tmp_path, engines):
    """Once, whether the reply was made before the stop or after it; this phone confirmed nothing."""
    with BridgedServer(tmp_path, ephemeral=False, env=engines.environment) as server:
        house = House(server)
        person = house.person()
        conversation = house.begun(person)
        with house.raw(person, conversation, pongs=False) as phone:
            phone.wait_type("topic_suggestions")
            phone.send("text", text="你要走了吗?")
            wait_until(lambda: any(
                e.user_message.text == "你要走了吗?" for e in person.replay(conversation)), "the message is stored")
            server.terminate()
            phone.wait_closed(25)
        house.close()
    with BridgedServer(tmp_path, ephemeral=False, env=engines.environment) as server:
        house = House(server)
        with house.phone(person, conversation) as phone:
            phone.wait_for(lambda log: "回:你要走了吗?" in log.replies(), "the reply", 30)
            phone.say("好。")
            assert phone.replies() == ["回:你要走了吗?", "回:好。"]
        house.close()


def test_a_stopped_bridge_is_gone(tmp_path, engines):
    server = BridgedServer(tmp_path, env=engines.environment).start()
    house = House(server)
    person = house.person()
    address = house.url(person, fresh("conversation"))
    house.close()
    assert server.stop() == 0
    from bridge.phone import Phone
    with pytest.raises((OSError, websockets.exceptions.WebSocketException)):
        Phone(address)
