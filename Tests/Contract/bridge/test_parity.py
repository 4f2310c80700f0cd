"""One script through both doors: a legacy session by the bridge, the same by gRPC, and the two logs are equal."""
import uuid

import pytest
from google.protobuf.json_format import MessageToDict

from bridge.bridged import BridgedServer, House
from bridge.engines import BUILT_IN
from bridge.recordings import recording
from bridge.voice import send_segment, wait_stored
from contract import pb
from person import Events, fresh

STORY = "我小时候住在绍兴城外的河边,门口有一棵老樟树。"
SPOKEN = ["我爸爸是撑船的,", "一天到晚在河上,", "晒得黑黑的。"]
# As the phone sends them: out of order, some twice, the signal lost after the fourth.
ORDER = [1, 0, 1, 0, 2, 0, 2]
LOST_AFTER = 4
# Members that differ by nature: times, durations, and the log's own name.
DROPPED = {"createTime", "clientTime", "resetTime", "audioDuration", "logEpoch", "speechUsed", "speechRemaining"}
IDS = {"turnId", "requestId", "messageId", "voiceSessionId"}


def comparable(log):
    """Kinds, order and payloads; ids by their first appearance, without times and durations."""
    names = {}

    def walk(value, member=None):
        if isinstance(value, dict):
            return {name: walk(inner, name) for name, inner in value.items() if name not in DROPPED}
        if isinstance(value, list):
            return [walk(inner, member) for inner in value]
        if member in IDS and value:
            return names.setdefault(value, f"{member}-{len(names)}")
        return value
    return [walk(MessageToDict(event)) for event in log]


class Legacy:
    """The script as a phone that will not be updated."""

    def __init__(self, house, person, conversation, session):
        self.house, self.person, self.conversation, self.session = house, person, conversation, session

    def play(self):
        with self.house.phone(self.person, self.conversation) as phone:
            phone.wait_type("topic_suggestions")
            self.turn(phone, lambda: phone.send("text", text=STORY))
            phone.send("recording_started", voice_session_id=self.session)
            self.segments(phone, ORDER[:LOST_AFTER])
            wait_stored(self.person, self.conversation, self.session, [0, 1])
            phone.vanish()
        with self.house.phone(self.person, self.conversation) as phone:
            phone.wait_type("topic_suggestions")
            self.turn(phone, lambda: self.segments(phone, ORDER[LOST_AFTER:]))
            phone.send("end_conversation")
            assert phone.wait_closed()[0] == 1000
            assert phone.types()[-1] == "end_conversation"

    def turn(self, phone, act):
        before = len(phone.of("agent_response"))
        act()
        phone.wait_for(lambda log: len(log.of("agent_response")) > before and
                       log.of("agent_response")[-1].data["index"] + 1 == log.of("agent_response")[-1].data["total"],
                       "a whole reply")

    def segments(self, phone, order):
        for index in order:
            send_segment(phone, self.session, index, SPOKEN[index], last=index == 2)


class Direct:
    """The same as an app that speaks gRPC."""

    def __init__(self, house, person, conversation, session):
        self.house, self.person, self.conversation, self.session = house, person, conversation, session

    def play(self):
        with self.person.connect(self.conversation) as live:
            live.wait_kind("topic_suggestions")
            self.person.send(self.conversation, STORY)
            live.wait_kind("turn_completed", 2)
            self.segments(ORDER[:LOST_AFTER])
            head = live.durable()[-1]
        with self.person.connect(
            self.conversation, resume=pb.Resume(after_sequence=head.sequence, log_epoch=head.log_epoch)
        ) as live:
            live.wait_kind("replay_completed")
            self.segments(ORDER[LOST_AFTER:])
            live.wait_kind("turn_completed")
            self.person.call("EndConversation", pb.EndConversationRequest(
                conversation_id=self.conversation, request_id=str(uuid.uuid4())))
            live.wait_kind("conversation_ended")

    def segments(self, order):
        requests = [pb.StreamAudioRequest(config=pb.AudioConfig(
            conversation_id=self.conversation, voice_session_id=self.session, kind=pb.AUDIO_KIND_SEGMENTED,
            format=pb.AUDIO_FORMAT_M4A, recording_started=order is not None))]
        for index in order:
            segment = pb.AudioSegment(index=index, content=recording(SPOKEN[index]), is_last=index == 2)
            segment.duration.FromSeconds(1)
            requests.append(pb.StreamAudioRequest(segment=segment))
        answers = list(self.person.stub.StreamAudio(iter(requests), metadata=self.person.metadata, timeout=20))
        assert answers and not any(answer.rejected for answer in answers), answers


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """The built-in interviewer and recogniser."""
    with BridgedServer(tmp_path_factory.mktemp("parity"), env=BUILT_IN) as server:
        opened = House(server)
        yield opened
        opened.close()


@pytest.mark.parametrize("engine", ["scripted", "built-in"])
def test_a_legacy_session_and_the_same_by_grpc_leave_equal_logs(house, plain, engine):
    home = house if engine == "scripted" else plain
    logs = []
    for door in (Legacy, Direct):
        person, conversation = home.person(), fresh("conversation")
        door(home, person, conversation, fresh("recording")).play()
        logs.append(person.wait_idle(conversation))
    by_bridge, by_grpc = map(comparable, logs)
    assert by_bridge == by_grpc
    kinds = [Events.kind(event) for event in logs[0]]
    # What the script is about did happen.
    assert kinds.count("user_message") == 2 and kinds.count("turn_completed") == 3
    assert kinds[-1] == "conversation_ended" and "turn_failed" not in kinds
    if engine == "scripted":
        said = [event.user_message.text for event in logs[0] if Events.kind(event) == "user_message"]
        assert said == [STORY, "".join(SPOKEN)]


def test_the_comparison_sees_what_differs(house):
    """Another text, an event more, two ids where there was one: none of them is equal."""
    def log(texts):
        person, conversation = house.person(), fresh("conversation")
        for text in texts:
            person.say(conversation, text)
        return person.wait_idle(conversation)
    one = log(["甲", "乙"])
    assert comparable(one) == comparable(log(["甲", "乙"]))
    assert comparable(one) != comparable(log(["甲", "丙"]))
    assert comparable(one) != comparable(log(["甲", "乙", "丙"]))
    changed = [type(event).FromString(event.SerializeToString()) for event in one]
    changed[-1].turn_id = "another"
    assert comparable(one) != comparable(changed)
