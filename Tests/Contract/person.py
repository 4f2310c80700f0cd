"""A user with a token, and the calls they make; and a Connect whose events are read by a thread."""
import threading
import time
import uuid

import grpc

import tokens
from contract import pb, pb_grpc, resources, users, users_grpc
from waiting import wait_until

CALL_S = 15.0

COMPLETE_PROFILE = dict(
    nickname="张奶奶", birth_year=1952, birth_place="绍兴", grew_up_place="绍兴", occupation="小学老师")


def fresh(prefix):
    """An id nobody used."""
    return f"{prefix}-{uuid.uuid4()}"


def bearer(token):
    return (("authorization", f"Bearer {token}"),)


class Events:
    """A Connect. `all` grows as events arrive; `ended` is the call's RpcError, or None after OK."""

    def __init__(self, call):
        self.call = call
        self.all = []
        self.done = threading.Event()
        self.ended = None
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        try:
            for event in self.call:
                self.all.append(event)
        except grpc.RpcError as error:
            self.ended = error
        finally:
            self.done.set()

    @staticmethod
    def kind(event):
        return event.WhichOneof("event")

    def kinds(self):
        return [self.kind(event) for event in self.all]

    def of(self, kind):
        return [event for event in self.all if self.kind(event) == kind]

    def durable(self):
        return [event for event in self.all if event.sequence > 0]

    def wait_for(self, condition, what, seconds=15.0):
        """The condition on this object becomes true before the stream ends."""
        def check():
            return condition(self) or (self.done.is_set() and not condition(self) and "over")
        value = wait_until(check, lambda: f"{what}; events: {self.kinds()}; ended: {self.ended}", seconds)
        assert value != "over" or condition(self), f"the stream ended before {what}: {self.kinds()}, {self.ended}"
        return value

    def wait_kind(self, kind, count=1, seconds=15.0):
        self.wait_for(lambda events: len(events.of(kind)) >= count, f"{count} × {kind}", seconds)
        return self.of(kind)[count - 1]

    def wait_end(self, seconds=15.0):
        """The RpcError it ended with; None after OK."""
        assert self.done.wait(seconds), f"the stream goes on: {self.kinds()}"
        return self.ended

    def close(self):
        self.call.cancel()
        self.done.wait(10)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Person:
    """Calls as one user. Every call has a deadline."""

    def __init__(self, channel, secret, user=None, token=None):
        self.channel = channel
        self.user = user or fresh("user")
        self.secret = secret
        self.metadata = bearer(token or tokens.access(secret, self.user))
        self.stub = pb_grpc.ConversationServiceStub(channel)

    def provision(self, **fields):
        """Creates or changes the user, as an internal service does."""
        provisioner = users_grpc.UserServiceStub(self.channel)
        user = users.User(user_id=self.user, **fields)
        provisioner.UpsertUser(
            users.UpsertUserRequest(user=user), metadata=bearer(tokens.service(self.secret, "users")), timeout=CALL_S)
        return self

    def call(self, method, request, timeout=CALL_S, metadata=()):
        return getattr(self.stub, method)(request, metadata=self.metadata + tuple(metadata), timeout=timeout)

    def future(self, method, request, timeout=CALL_S * 2):
        return getattr(self.stub, method).future(request, metadata=self.metadata, timeout=timeout)

    def connect(self, conversation, timeout=None, metadata=(), **fields):
        fields.setdefault("intent", pb.INTENT_INTERACTIVE)
        request = pb.ConnectRequest(conversation_id=conversation, **fields)
        return Events(self.stub.Connect(request, metadata=self.metadata + tuple(metadata), timeout=timeout))

    def replay(self, conversation, after=0, epoch="", **fields):
        """The durable events after a position, as a Connect that only looks shows them."""
        with self.connect(
            conversation, intent=pb.INTENT_OBSERVE, resume=pb.Resume(after_sequence=after, log_epoch=epoch), **fields
        ) as seen:
            seen.wait_kind("replay_completed")
            return seen.durable()

    def request(self, conversation, text, **fields):
        fields.setdefault("request_id", str(uuid.uuid4()))
        return pb.SendTextRequest(conversation_id=conversation, text=text, **fields)

    def send(self, conversation, text, timeout=CALL_S, **fields):
        """REPLY_MODE_ACK unless told."""
        return self.call("SendText", self.request(conversation, text, **fields), timeout)

    def say(self, conversation, text, **fields):
        """Waits for the reply; its pieces as texts."""
        answer = self.send(conversation, text, reply_mode=pb.REPLY_MODE_WAIT, **fields)
        assert answer.turn_state == resources.TURN_STATE_COMPLETED, answer
        return [piece.text for piece in answer.replies]

    def messages(self, conversation):
        """The whole history, read page by page."""
        found, token = [], ""
        while True:
            page = self.call(
                "ListMessages", pb.ListMessagesRequest(conversation_id=conversation, page_size=200, page_token=token))
            found += page.messages
            token = page.next_page_token
            if not token:
                return found

    def wait_idle(self, conversation, seconds=20.0):
        """Until every turn has ended; the durable events."""
        def idle():
            log = self.replay(conversation)
            started = {e.turn_id for e in log if Events.kind(e) == "user_message" and e.turn_id}
            started |= {e.turn_id for e in log if Events.kind(e) == "turn_started"}
            ended = {e.turn_id for e in log if Events.kind(e) in ("turn_completed", "turn_failed")}
            return log if log and started <= ended else None
        return wait_until(idle, f"{conversation} is idle", seconds)


def gapless(log):
    """Asserts that the sequences are 1, 2, 3, …; returns the log."""
    assert [event.sequence for event in log] == list(range(1, len(log) + 1))
    return log


def open_channel(target, **options):
    defaults = {
        "grpc.max_receive_message_length": 64 << 20, "grpc.max_send_message_length": 64 << 20,
        # Each channel has its own connection.
        "grpc.use_local_subchannel_pool": 1,
    }
    defaults.update(options)
    channel = grpc.insecure_channel(target, options=list(defaults.items()))
    return channel


def now_s():
    return time.time()
