"""A phone that comes back to a recording which the service has given up in the meantime."""
from bridge import texts
from bridge.bridged import BridgedServer, House
from bridge.voice import send_segment, stored, user_texts, wait_stored
from contract import resources
from person import fresh
from waiting import wait_until


def test_speech_for_an_abandoned_recording_is_refused_audibly(tmp_path, engines):
    """A legacy phone knows no generations: without an error its owner speaks to nobody."""
    with BridgedServer(tmp_path / "data", env={
        **engines.environment, "LIFEECHO_TURN_LEASE": "3s", "LIFEECHO_VOICE_ABANDONMENT": "2s"}
    ) as server:
        house = House(server)
        person = house.person()
        conversation, session = house.begun(person), fresh("s")
        with house.phone(person, conversation) as phone:
            phone.wait_type("topic_suggestions")
            send_segment(phone, session, 0, "我小时候。")
            wait_stored(person, conversation, session, [0])
            phone.vanish()
        wait_until(lambda: stored(person, conversation, session).state == resources.VOICE_SESSION_STATE_ABANDONED,
                   "the recording is abandoned")
        with house.phone(person, conversation) as phone:
            phone.wait_type("topic_suggestions")
            send_segment(phone, session, 1, "后来搬家了。")
            phone.wait_error(texts.VOICE_FAILED, seconds=8)
            send_segment(phone, session, 2, "就这些。", last=True)
            phone.wait_error(texts.VOICE_FAILED, 2, seconds=8)
            # It goes on as usual.
            assert phone.say("那打字吧。") == ["回:那打字吧。"]
        assert user_texts(person, conversation) == ["我小时候住在河边。", "我小时候。", "那打字吧。"]
        house.close()
