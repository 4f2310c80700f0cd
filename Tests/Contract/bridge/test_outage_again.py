"""What an outage must not make the bridge forget: the next outage is another one, and a confirmation is stored later."""
import signal

import pytest

from bridge.phone import url
from bridge.rawphone import PONG, RawPhone, encode
from bridge.separate import Clock
from bridge.test_greetings import acknowledged
from bridge.test_outage import OUTAGE_S, again, site  # noqa: F401
from bridge.voice import send_segment
from person import fresh
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
