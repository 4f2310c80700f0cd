"""RPCs of the contract that are not built yet say so, and unknown ones too."""
import grpc
import pytest

import tokens
from contract import memoir, memoir_grpc
from person import CALL_S, bearer
from refusals import DOMAIN, read

UNIMPLEMENTED = grpc.StatusCode.UNIMPLEMENTED


def expect_unimplemented(call):
    with pytest.raises(grpc.RpcError) as raised:
        call()
    refusal = read(raised.value)
    assert refusal.code == UNIMPLEMENTED
    assert "not built yet" in refusal.message, refusal.message
    assert refusal.details["ErrorInfo"].domain == DOMAIN and refusal.reason


@pytest.mark.parametrize("method, request_", [
    ("LeaseBatches", memoir.LeaseBatchesRequest()),
    ("AcknowledgeBatch", memoir.AcknowledgeBatchRequest(batch_id="b", lease_token="t")),
    ("ExtendLease", memoir.ExtendLeaseRequest(batch_id="b", lease_token="t")),
    ("ReleaseBatch", memoir.ReleaseBatchRequest(batch_id="b", lease_token="t")),
])
def test_memoir(server, channel, method, request_):
    metadata = bearer(tokens.service(server.secret, "memoir"))
    stub = memoir_grpc.MemoirIngestServiceStub(channel)
    expect_unimplemented(lambda: getattr(stub, method)(request_, metadata=metadata, timeout=CALL_S))


@pytest.mark.parametrize("path", [
    "/lifeecho.conversation.v1.ConversationService/Nothing", "/nobody.Nothing/Do", "/", "/a", "/a/b/c",
    "/lifeecho.conversation.v1.ConversationService/sendText",
])
def test_unknown_methods(channel, person, path):
    call = channel.unary_unary(path, request_serializer=bytes, response_deserializer=bytes)
    with pytest.raises(grpc.RpcError) as raised:
        call(b"", metadata=person.metadata, timeout=5)
    assert raised.value.code() == UNIMPLEMENTED
