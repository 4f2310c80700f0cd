"""While the service is down nobody can be heard: that time is not the speaker's silence."""
import time

from person import fresh
from speaking import AudioStream, speak, spoken
from test_voice_recovery import Life
from waiting import wait_until

PATIENCE_S = 3
# The first look at what is due after a start; well below the patience.
LOOK_S = 1


def test_time_in_which_the_service_was_down_is_not_silence(tmp_path):
    patience = f"{PATIENCE_S}s"
    with Life(
        tmp_path / "data", LIFEECHO_VOICE_ABANDONMENT=patience, LIFEECHO_VOICE_GAP_PATIENCE=patience
    ) as life:
        unended, gapped = fresh("conversation"), fresh("conversation")
        speak(life.person, unended, "s", "一", "二", last=False)
        speak(life.person, gapped, "s", "甲", last=False)
        speak(life.person, gapped, "s", "丙", first=2)
        life.server.kill()
        life.channel.close()
        down = time.monotonic()
        wait_until(lambda: time.monotonic() - down > PATIENCE_S, "both patiences are over")
        life.start()
        up = time.monotonic()
        wait_until(lambda: time.monotonic() - up > LOOK_S, "the service looked at what is due")
        for conversation, index, words, last in ((unended, 2, "三", True), (gapped, 1, "乙", False)):
            with AudioStream(life.person, conversation, "s") as stream:
                answer = stream.say(index, words, last=last)
                assert not answer.rejected and answer.durable_through == 2, answer
        assert spoken(life.person, unended) == ["一二三"]
        assert spoken(life.person, gapped) == ["甲乙丙"]
        for conversation in (unended, gapped):
            assert life.person.wait_idle(conversation)[0].turn_id, "no reply"
