"""What one connection may do to itself, to the others on it, and to the server."""
from contract import pb
from person import COMPLETE_PROFILE, Person, fresh, open_channel
from waiting import wait_until


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


def test_limits_are_counted(server, channel, person):
    """A head far above what is taken: the stream ends, the connection lives, and the operator can see it."""
    def count():
        return server.metric("lifeecho_http2_limits_total", limit="header_list")
    before = count()
    assert 'lifeecho_http2_limits_total{limit="resets_received"} 0' in server.get("/metrics")[1]
    call = person.stub.WhoAmI.future(
        pb.WhoAmIRequest(), metadata=(*person.metadata, *((f"x-filler-{n}", "y" * 500) for n in range(200))), timeout=10)
    assert call.exception()
    assert wait_until(lambda: count() > before, "counted")
    assert person.call("WhoAmI", pb.WhoAmIRequest()).user_id == person.user
