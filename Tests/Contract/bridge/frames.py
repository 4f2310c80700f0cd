"""What a legacy frame may look like, checked at every frame that any phone of these tests receives."""
import datetime
import json
import re

# type → (required members of data, optional members); values are checked by `shape`.
MEMBERS = {
    "connect": ({"status"}, set()),
    "error": ({"message"}, {"code"}),
    "agent_response": ({"text", "index", "total", "assistant_message_id"}, set()),
    "topic_suggestions": ({"reason", "stage", "suggestions"}, set()),
    "transcript": ({"text"}, {"audio_duration", "voice_session_id"}),
    "listening_feedback": ({"text", "voice_session_id"}, set()),
    "end_conversation": ({"status"}, set()),
    "pong": (set(), set()),
}
TIMESTAMP = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00$")
HAN = re.compile("[\u4e00-\u9fff]")
# A frame is stamped when it is made; a phone of these tests may read it minutes later.
CLOCK_S = 600


class Frame:
    """A frame as it came: `at` is the time.monotonic() of its arrival."""

    def __init__(self, text, at):
        self.text = text
        self.at = at
        self.value = json.loads(text)
        self.type = self.value.get("type")
        self.data = self.value.get("data")

    def __repr__(self):
        return f"{self.type}{json.dumps(self.data, ensure_ascii=False)}"

    @property
    def error(self):
        return self.data["message"] if self.type == "error" else None


def _refuse_constant(name):
    raise AssertionError(f"{name} is no JSON")


def check(text, conversation):
    """Asserts that `text` is a frame of the legacy protocol, with exactly its members, no more."""
    value = json.loads(text, parse_constant=_refuse_constant)
    assert isinstance(value, dict), text
    expected = {"type", "data", "timestamp"} | ({"conversation_id"} if value["type"] != "error" else set())
    assert set(value) == expected, f"members {sorted(value)}: {text}"
    if value["type"] != "error":
        assert value["conversation_id"] == conversation, text
    assert TIMESTAMP.match(value["timestamp"]), value["timestamp"]
    made = datetime.datetime.fromisoformat(value["timestamp"])
    assert abs((datetime.datetime.now(datetime.timezone.utc) - made).total_seconds()) < CLOCK_S, value["timestamp"]
    assert value["type"] in MEMBERS, f"unknown type {value['type']!r}"
    required, optional = MEMBERS[value["type"]]
    data = value["data"]
    assert isinstance(data, dict) and required <= set(data) <= required | optional, text
    check_values(value["type"], data)
    if not re.search(r"\d[.eE]\d", text):
        assert text == json.dumps(value, ensure_ascii=False, separators=(",", ":")), f"not compact: {text}"


def check_values(kind, data):
    if kind == "connect":
        assert data["status"] == "connected"
    elif kind == "end_conversation":
        assert data["status"] == "ended"
    elif kind == "error":
        assert isinstance(data["message"], str) and HAN.search(data["message"])
        assert data.get("code", "QUOTA_EXCEEDED") == "QUOTA_EXCEEDED"
        # Nothing of the inside: no words of a programmer.
        assert not re.search(r"grpc|status|exception|postgres|null", data["message"], re.I), data["message"]
    elif kind == "agent_response":
        assert isinstance(data["text"], str) and data["text"]
        assert type(data["index"]) is int and type(data["total"]) is int and 0 <= data["index"] < data["total"]
        assert isinstance(data["assistant_message_id"], str) and data["assistant_message_id"]
    elif kind == "topic_suggestions":
        assert data["reason"] in ("opening", "re_greeting", "resume") and isinstance(data["stage"], str)
        assert data["suggestions"], "an empty list"
        for suggestion in data["suggestions"]:
            assert set(suggestion) == {"id", "text"}
            assert all(isinstance(value, str) and value for value in suggestion.values())
    elif kind in ("transcript", "listening_feedback"):
        assert isinstance(data["text"], str)
        if "voice_session_id" in data:
            assert isinstance(data["voice_session_id"], str) and data["voice_session_id"]
