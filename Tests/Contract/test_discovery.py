"""Health and reflection: what a client can learn without a token."""
import grpc
import pytest
from google.protobuf import descriptor_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

import contract

SERVICES = {
    "grpc.health.v1.Health",
    "grpc.reflection.v1.ServerReflection",
    "grpc.reflection.v1alpha.ServerReflection",
    "lifeecho.conversation.v1.ConversationService",
    "lifeecho.memoir.v1.MemoirIngestService",
    "lifeecho.user.v1.UserService",
}
Serving = health_pb2.HealthCheckResponse


@pytest.mark.parametrize("service", ["", "lifeecho.conversation.v1.ConversationService", "lifeecho.user.v1.UserService"])
def test_health_check_serves(channel, service):
    answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(service=service), timeout=5)
    assert answer.status == Serving.SERVING


def test_health_check_of_an_unknown_service(channel):
    with pytest.raises(grpc.RpcError) as raised:
        health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(service="nobody"), timeout=5)
    assert raised.value.code() == grpc.StatusCode.NOT_FOUND


@pytest.mark.parametrize("service, status", [("", Serving.SERVING), ("nobody", Serving.SERVICE_UNKNOWN)])
def test_health_watch_tells_the_status_and_goes_on(channel, service, status):
    watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(service=service), timeout=30)
    assert next(watch).status == status
    assert watch.is_active()
    watch.cancel()


def reflect(channel, version, *requests):
    """The answers to the requests on one stream. v1 and v1alpha have the same wire."""
    call = channel.stream_stream(
        f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
        request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
        response_deserializer=reflection_pb2.ServerReflectionResponse.FromString)
    return list(call(iter(requests), timeout=10))


@pytest.fixture(params=["v1", "v1alpha"])
def version(request):
    return request.param


def test_reflection_lists_the_services(channel, version):
    answer, = reflect(channel, version, reflection_pb2.ServerReflectionRequest(list_services="*"))
    assert {service.name for service in answer.list_services_response.service} == SERVICES


def plain(file):
    """Without what a compiler's version may change."""
    copied = descriptor_pb2.FileDescriptorProto()
    copied.CopyFrom(file)
    copied.ClearField("source_code_info")
    stack = list(copied.message_type)
    while stack:
        message = stack.pop()
        stack += message.nested_type
        for field in message.field:
            field.ClearField("json_name")
    return copied


def test_reflection_serves_the_contract_itself(channel, version):
    """Every file of protos/, as protoc describes it."""
    expected = {
        name: file for name, file in contract.descriptors().items() if not name.startswith("google/protobuf/")
    }
    assert len(expected) >= 10
    for name, file in expected.items():
        answer, = reflect(channel, version, reflection_pb2.ServerReflectionRequest(file_by_filename=name))
        assert answer.WhichOneof("message_response") == "file_descriptor_response", (name, answer)
        served = [
            descriptor_pb2.FileDescriptorProto.FromString(data)
            for data in answer.file_descriptor_response.file_descriptor_proto
        ]
        assert [plain(f) for f in served if f.name == name] == [plain(file)], name


def test_reflection_finds_every_symbol(channel, version):
    symbols = [
        "lifeecho.conversation.v1.ConversationService",
        "lifeecho.conversation.v1.ConversationService.SendText",
        "lifeecho.conversation.v1.ConversationEvent",
        "lifeecho.conversation.v1.ConversationEvent.user_message",
        "lifeecho.conversation.v1.Intent",
        "google.rpc.ErrorInfo",
    ]
    answers = reflect(
        channel, version, *[reflection_pb2.ServerReflectionRequest(file_containing_symbol=s) for s in symbols])
    for symbol, answer in zip(symbols, answers, strict=True):
        assert answer.WhichOneof("message_response") == "file_descriptor_response", (symbol, answer)
        assert answer.original_request.file_containing_symbol == symbol


def test_reflection_says_what_it_does_not_know(channel, version):
    answers = reflect(
        channel, version,
        reflection_pb2.ServerReflectionRequest(file_containing_symbol="lifeecho.conversation.v1.Nothing"),
        reflection_pb2.ServerReflectionRequest(file_by_filename="nothing.proto"),
        # The stream goes on after an error.
        reflection_pb2.ServerReflectionRequest(list_services=""))
    codes = [answer.error_response.error_code for answer in answers[:2]]
    assert codes == [grpc.StatusCode.NOT_FOUND.value[0]] * 2
    assert len(answers[2].list_services_response.service) == len(SERVICES)


def test_a_client_library_resolves_everything_by_reflection(channel):
    database = ProtoReflectionDescriptorDatabase(channel)
    assert set(database.get_services()) == SERVICES
    file = database.FindFileContainingSymbol("lifeecho.conversation.v1.ConnectRequest")
    assert "lifeecho/conversation/v1/events.proto" in file.dependency
