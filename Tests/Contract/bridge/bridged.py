"""`lifeecho serve` with its bridge, and `lifeecho bridge` as a process of its own."""
import contextlib
import re

from websockets.exceptions import InvalidStatus

import tokens
from bridge.phone import Phone, url
from bridge.rawphone import RawPhone
from contract import pb
from person import COMPLETE_PROFILE, Person, fresh, open_channel
from server import Server

LISTENING = re.compile(r"^bridge listening on (\S+)$")


class BridgedServer(Server):
    """With the bridge on a free port."""

    def __init__(self, data_dir, *flags, bridge="127.0.0.1:0", **options):
        super().__init__(data_dir, "--bridge", bridge, *flags, **options)

    def start(self, *arguments, **options):
        super().start(*arguments, **options)
        for line in self.lines:
            if listening := LISTENING.match(line):
                self.addresses["bridge"] = listening[1]
        assert "bridge" in self.addresses, f"no bridge:\n{self.report()}"
        return self

    @property
    def bridge(self):
        return self.addresses["bridge"]

    def logged(self):
        return "\n".join([*self.lines, *self.log])


@contextlib.contextmanager
def listening_house(folder, engines, feedback):
    """A House whose “I am listening” is `feedback`, a tenth of a second after a recording began: the cheapest large frame,
    made once per voice session and sent to every socket."""
    with BridgedServer(folder, env={
        **engines.environment, "LIFEECHO_LISTENING_FEEDBACK_TEXT": feedback, "LIFEECHO_LISTENING_FEEDBACK_DELAY": "100ms"}
    ) as server:
        opened = House(server)
        yield opened
        opened.close()


class House:
    """A running server, a channel to it, and the people of a test."""

    def __init__(self, server):
        self.server = server
        self.channel = open_channel(server.target)

    def person(self, **fields):
        """With a complete profile unless told otherwise."""
        return Person(self.channel, self.server.secret).provision(**{**COMPLETE_PROFILE, **fields})

    def newcomer(self):
        return Person(self.channel, self.server.secret).provision(nickname="")

    def token(self, person, **claims):
        return tokens.access(self.server.secret, person.user, **claims)

    def url(self, person, conversation, **query):
        return url(self.server.bridge, conversation, self.token(person), **query)

    def path(self, person, conversation, **query):
        return self.url(person, conversation, **query).partition(self.server.bridge)[2]

    def phone(self, person, conversation, query=None, **options):
        """A Phone of the websockets library."""
        query = query or {}
        options.setdefault("legacy", "v" not in query)
        try:
            return Phone(self.url(person, conversation, **query), conversation=conversation, **options)
        except InvalidStatus as refusal:
            refusal.add_note(f"{refusal.response.headers}\n{self.server.report()}")
            raise

    def raw(self, person, conversation, query=None, **options):
        query = query or {}
        options.setdefault("legacy", "v" not in query)
        return RawPhone(
            self.server.bridge, self.path(person, conversation, **query), conversation=conversation, **options)

    def begun(self, person, conversation=None):
        """A conversation with a first exchange behind it that the phones have heard; its id."""
        conversation = conversation or fresh("conversation")
        person.send(conversation, "我小时候住在河边。")
        head = person.wait_idle(conversation)[-1].sequence
        person.call("AcknowledgeEvents", pb.AcknowledgeEventsRequest(
            conversation_id=conversation, device_id="legacy", sequence=head))
        return conversation

    def open(self, person, conversation=None, **options):
        """A phone in a begun conversation, past its connect and its chips."""
        phone = self.phone(person, self.begun(person, conversation), **options)
        phone.wait_type("topic_suggestions")
        return phone

    def close(self):
        self.channel.close()
