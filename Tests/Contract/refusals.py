"""What a refusal carries: the status, and the details of grpc-status-details-bin as grpcio-status reads them."""
import contextlib
import dataclasses

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status

DOMAIN = "lifeecho"

# What a person reads, where the design gives a text.
PERSONAL_TEXTS = {
    "TOKEN_MISSING": "缺少访问令牌",
    "TOKEN_INVALID": "无效的认证令牌",
    "TOKEN_EXPIRED": "无效的认证令牌",
    "TOKEN_SUBJECT_MISSING": "无效的令牌内容",
    "USER_UNKNOWN": "用户不存在",
    "CONVERSATION_FORBIDDEN": "无权访问此对话",
    "CONVERSATION_DELETED": "对话已删除",
    "QUOTA_EXCEEDED": "今天的对话次数已用完,明天再聊吧",
}


@dataclasses.dataclass
class Refusal:
    code: grpc.StatusCode = None
    message: str = ""
    details: dict = dataclasses.field(default_factory=dict)
    error: grpc.RpcError = None

    @property
    def reason(self):
        return self.details["ErrorInfo"].reason if "ErrorInfo" in self.details else None

    @property
    def text(self):
        return self.details["LocalizedMessage"].message if "LocalizedMessage" in self.details else None

    @property
    def fields(self):
        """The paths that BadRequest names."""
        return [v.field for v in self.details["BadRequest"].field_violations] if "BadRequest" in self.details else []


def read(error):
    """A Refusal of a grpc.RpcError. The details' code and message must be the status's own."""
    refusal = Refusal(error.code(), error.details(), {}, error)
    status = rpc_status.from_call(error)
    if status is not None:
        for detail in status.details:
            kind = detail.type_url.rsplit(".", 1)[1]
            message = getattr(error_details_pb2, kind)()
            assert detail.Unpack(message), detail.type_url
            assert kind not in refusal.details, f"{kind} twice"
            refusal.details[kind] = message
    return refusal


@contextlib.contextmanager
def refused(code, reason, field=None):
    """The block must be refused like that. Every refusal of the service names reason and domain, and where a person may
    read it, the text in Chinese."""
    refusal = Refusal()
    with pytest.raises(grpc.RpcError) as raised:
        yield refusal
    found = read(raised.value)
    vars(refusal).update(vars(found))
    assert refusal.code == code, f"{refusal.code} {refusal.message}"
    assert refusal.reason == reason, f"{refusal.reason}: {refusal.message}"
    assert refusal.details["ErrorInfo"].domain == DOMAIN
    assert refusal.message, "a refusal without a message"
    if reason in PERSONAL_TEXTS:
        assert refusal.details["LocalizedMessage"].locale == "zh-CN"
        assert refusal.text == PERSONAL_TEXTS[reason]
    if field is not None:
        assert refusal.fields == [field], refusal.message
