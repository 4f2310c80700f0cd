"""REPLY_MODE_WAIT at a server that is told to stop while the model thinks."""
import pytest

from contract import pb, resources
from person import COMPLETE_PROFILE, Person, fresh, open_channel
from server import Server
from slow_model import SlowModel
from waiting import wait_until


@pytest.mark.parametrize("delay_s, grace, state, replies", [
    (3, "20s", resources.TURN_STATE_COMPLETED, ["好的,您说。"]),
    (8, "2s", resources.TURN_STATE_RUNNING, []),
])
def test_who_waits_at_a_stop_gets_the_reply_or_hears_that_it_comes(tmp_path, delay_s, grace, state, replies):
    with SlowModel(delay_s) as model:
        server = Server(tmp_path, env={**model.settings, "LIFEECHO_SHUTDOWN_GRACE": grace}).start()
        with open_channel(server.target) as channel:
            person = Person(channel, server.secret).provision(**COMPLETE_PROFILE)
            waiting = person.future(
                "SendText", person.request(fresh("conversation"), "等您回复。", reply_mode=pb.REPLY_MODE_WAIT))
            wait_until(lambda: model.asked, "the model thinks")
            server.terminate()
            answer = waiting.result()
            assert answer.turn_state == state and [piece.text for piece in answer.replies] == replies
            assert answer.message_id and answer.turn_id and answer.sequence
        assert server.process.wait(25) == 0
        assert server.stop() == 0
