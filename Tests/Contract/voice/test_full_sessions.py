"""A recording that is as long as one may be: what counts as its length, and how it ends."""
from contract import resources
from person import Events, gapless
from speaking import AudioStream, audio, session_of, spoken
from test_stream_audio import MIB, reason

# Five seconds less than a recording may have.
NEARLY_FULL_S = 3595


def is_full(answer):
    """The answer refuses one segment, because the session has all the speech it may have."""
    return [reason(rejection) for rejection in answer.rejected] == ["VOICE_SESSION_FULL"]


def test_bytes_count_where_no_duration_is_said(person, conversation):
    with AudioStream(person, conversation, "s") as stream:
        assert stream.say(0, "一", duration=NEARLY_FULL_S).durable_through == 0
        # Half a minute, as the quota counts it.
        assert is_full(stream.say(1, audio("二", MIB), duration=0))
        # A moment fits.
        assert stream.say(1, "三", last=True, duration=0).durable_through == 1
    assert spoken(person, conversation) == ["一三"]


def test_a_last_segment_beyond_the_last_index_ends_the_recording(person, conversation):
    with AudioStream(person, conversation, "s") as stream:
        assert stream.say(0, "一").durable_through == 0
        assert stream.say(4095, "三").durable == [4095]
        assert is_full(stream.say(4096, "四"))
        assert session_of(person, conversation, "s").state == resources.VOICE_SESSION_STATE_RECORDING
        stream.say(1, "二")
    with AudioStream(person, conversation, "other") as stream:
        # Nothing is stored: nothing ends.
        assert is_full(stream.say(5000, "四", last=True))
    with AudioStream(person, conversation, "s") as stream:
        ended = stream.say(5000, "五", last=True)
        assert is_full(ended) and ended.state == resources.VOICE_SESSION_STATE_TRANSCRIBING
        assert stream.say(1, "二").duplicate
    assert session_of(person, conversation, "s").state != resources.VOICE_SESSION_STATE_RECORDING


def test_a_last_segment_for_which_there_is_no_room_still_ends_the_recording(person, conversation):
    with AudioStream(person, conversation, "s") as stream:
        assert stream.say(0, "一", duration=NEARLY_FULL_S).durable_through == 0
        assert is_full(stream.say(1, "二", last=True, duration=10))
        assert spoken(person, conversation, seconds=10) == ["一"]
    log = gapless(person.wait_idle(conversation))
    assert log[0].user_message.text == "一" and log[0].turn_id
    assert Events.kind(log[-1]) == "turn_completed"
    assert session_of(person, conversation, "s").state == resources.VOICE_SESSION_STATE_COMPLETED
