"""What an outage must not make the bridge forget: the next outage is another one, and a confirmation is stored later."""
import signal
import socket
import threading

import pytest

from bridge.bridged import House
from bridge.phone import Phone, url
from bridge.rawphone import PONG, RawPhone, encode
from bridge.separate import Clock, SeparateBridge
from bridge.test_greetings import acknowledged
from bridge.test_outage import OUTAGE_S, again, site  # noqa: F401
from bridge.voice import send_segment
from person import fresh
from server import Server
from waiting import wait_until


@pytest.mark.timeout(90)
def test_a_recording_survives_a_second_outage(site):  # noqa: F811
    """Nobody speaks between the two, so that nothing is confirmed."""
    person = site.house.person()
    conversation, session = site.house.begun(person), fresh("s")
    with site.phone(person, conversation, v=2) as phone:
        phone.wait_type("topic_suggestions")
        site.kill()
        phone.send("recording_started", voice_session_id=session)
        assert phone.ping() < 1
        site.restart()
        # The recording has reached the service.
        phone.wait_type("listening_feedback", seconds=30)
        between = Clock()
        wait_until(lambda: between.seconds > OUTAGE_S, "the second outage is another one", OUTAGE_S + 5)
        # Frozen first, so that the segment is on its way when the service dies.
        site.server.process.send_signal(signal.SIGSTOP)
        send_segment(phone, session, 0, "我小时候", last=True)
        assert phone.ping() < 1
        site.kill()
        site.restart()
        phone.wait_for(lambda log: log.of("transcript") or log.errors(), "a transcript", 30)
        assert phone.errors() == [] and phone.of("transcript")[0].data["text"] == "我小时候"


@pytest.mark.timeout(90)
def test_a_confirmation_in_an_outage_is_stored_after_it(site):  # noqa: F811
    """Otherwise the reply would come a second time."""
    person = site.house.person()
    conversation = site.house.begun(person)
    path = url("", conversation, site.house.token(person)).partition("ws://")[2]
    with RawPhone(site.bridge, path, conversation=conversation, pongs=False) as phone:
        phone.wait_type("topic_suggestions")
        phone.send("text", text="甲")
        phone.wait_reply()
        wait_until(lambda: phone.pings, "the bridge asks whether it came", 5)
        site.kill()
        phone.transmit(encode(PONG, phone.pings[-1]))
        phone.send("ping")
        phone.wait_type("pong")
        site.restart()
        acknowledged(again(site, person), conversation)
    with site.phone(person, conversation) as phone:
        phone.wait_type("topic_suggestions")
        assert phone.replies() == []


class SilentProxy:
    """Passes connections on, until it forgets those that it has without a word, as a NAT does. New ones work."""

    def __init__(self, target):
        self.target = target.rpartition(":")[::2]
        self.forgotten, self.living = set(), set()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            far = socket.create_connection((self.target[0], int(self.target[1])))
            self.living |= {near, far}
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self._pass, args=(source, sink), daemon=True).start()

    def _pass(self, source, sink):
        try:
            while content := source.recv(1 << 16):
                if source not in self.forgotten:
                    sink.sendall(content)
        except OSError:
            pass
        if source not in self.forgotten:
            sink.close()

    def forget(self):
        self.forgotten |= self.living

    def close(self):
        for opened in (self.listener, *self.living):
            opened.close()


@pytest.mark.timeout(90)
def test_a_connection_that_is_lost_without_a_word_is_noticed(tmp_path, engines):
    """The phone on it hears what is said elsewhere, well before TCP gives up."""
    with Server(tmp_path, env=engines.environment) as server:
        house, proxy = House(server), SilentProxy(server.target)
        person = house.person()
        conversation = house.begun(person)
        with SeparateBridge(tmp_path, proxy.address, server.secret) as separate, Phone(
            url(separate.bridge, conversation, house.token(person)), conversation=conversation
        ) as phone:
            phone.wait_type("topic_suggestions")
            proxy.forget()
            person.send(conversation, "别处说的")
            phone.wait_for(lambda log: "回:别处说的" in log.replies(), "the reply", 40)
            assert not phone.over.is_set()
        proxy.close()
        house.close()
