"""What one connection may do to itself, to the others on it, and to the server."""
from contract import pb
from person import COMPLETE_PROFILE, Person, fresh, open_channel


def test_viewers_may_leave(server):
    """A gateway has one channel for many people: what they cancel must not end what the others hold."""
    with open_channel(server.target) as channel:
        person = Person(channel, server.secret).provision(**COMPLETE_PROFILE)
        conversation = fresh("conversation")
        person.say(conversation, "你好")
        request = pb.ConnectRequest(conversation_id=conversation, intent=pb.INTENT_OBSERVE)
        with person.connect(conversation, intent=pb.INTENT_OBSERVE) as other:
            other.wait_kind("connected")
            for _ in range(6):
                viewers = [person.stub.Connect(request, metadata=person.metadata) for _ in range(200)]
                for viewer in viewers:
                    next(iter(viewer))
                for viewer in viewers:
                    viewer.cancel()
            assert person.say(conversation, "我小时候住在河边。")
            assert not other.done.is_set(), other.ended
