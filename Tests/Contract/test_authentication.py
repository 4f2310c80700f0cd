"""Who may call: tokens, scopes, and for whom a service acts."""
import base64
import json
import time

import grpc
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

import tokens
from contract import memoir, memoir_grpc, pb, pb_grpc, users, users_grpc
from person import CALL_S, Person, bearer, fresh, open_channel
from refusals import read, refused
from server import Server

UNAUTHENTICATED = grpc.StatusCode.UNAUTHENTICATED
DENIED = grpc.StatusCode.PERMISSION_DENIED
LEEWAY_S = 30


def every_method():
    """(stub class, method descriptor) of every RPC of the contract."""
    for file, stubs in ((pb, pb_grpc), (memoir, memoir_grpc), (users, users_grpc)):
        for service in file.DESCRIPTOR.services_by_name.values():
            for method in service.methods:
                yield pytest.param(getattr(stubs, service.name + "Stub"), method, id=method.full_name.split(".", 1)[1])


def invoke(stub_class, method, channel, metadata=()):
    """One call with an empty request, to its end."""
    request = method.input_type._concrete_class()
    call = getattr(stub_class(channel), method.name)
    outcome = call(iter([request]) if method.client_streaming else request, metadata=metadata, timeout=CALL_S)
    return list(outcome) if method.server_streaming else outcome


@pytest.mark.parametrize("stub_class, method", list(every_method()))
def test_nothing_answers_without_a_token(channel, stub_class, method):
    with refused(UNAUTHENTICATED, "TOKEN_MISSING"):
        invoke(stub_class, method, channel)


def who_am_i(channel, metadata):
    return pb_grpc.ConversationServiceStub(channel).WhoAmI(pb.WhoAmIRequest(), metadata=metadata, timeout=CALL_S)


def test_who_am_i(person):
    expires = int(time.time()) + 3600
    answer = person.call("WhoAmI", pb.WhoAmIRequest())
    assert (answer.user_id, answer.service, list(answer.scopes)) == (person.user, False, [])
    assert abs(answer.token_expire_time.seconds - expires) < 30


def unsigned(claims):
    def part(value):
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()
    return f"{part({'alg': 'none', 'typ': 'JWT'})}.{part(claims)}."


def bad_tokens(secret, user):
    now = int(time.time())
    good = dict(sub=user, type="access", iat=now, exp=now + 600)
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    token = tokens.sign(secret, **good)
    head, claims, signature = token.split(".")
    return {
        "no jwt": "hello",
        "two parts": f"{head}.{claims}",
        "signature cut": token[:-4],
        "signature of another": f"{head}.{claims}.{tokens.sign(secret, **{**good, 'exp': now + 700}).split('.')[2]}",
        "another secret": tokens.sign("x" * 32, **good),
        "alg none": unsigned(good),
        "alg none, signed": unsigned(good) + signature,
        "HS512": tokens.sign(secret, algorithm="HS512", **good),
        "RS256 of a foreign key": tokens.sign(pem, algorithm="RS256", **good),
        "no type": tokens.sign(secret, **{**good, "type": None}),
        "type refresh": tokens.sign(secret, **{**good, "type": "refresh"}),
        "no exp": tokens.sign(secret, **{**good, "exp": None}),
        "not yet": tokens.sign(secret, **good, nbf=now + LEEWAY_S + 60),
        "huge": "a" * 6000,
    }


@pytest.mark.parametrize("kind", list(bad_tokens("x" * 64, "nobody")))
def test_bad_tokens_are_refused(server, channel, person, kind):
    token = bad_tokens(server.secret, person.user)[kind]
    with refused(UNAUTHENTICATED, "TOKEN_INVALID") as refusal:
        who_am_i(channel, bearer(token))
    assert token not in refusal.message, "the message repeats the token"


@pytest.mark.parametrize("value", ["Basic dXNlcjpwYXNz", "Bearer", "token"])
def test_other_schemes_are_refused(channel, value):
    with pytest.raises(grpc.RpcError) as raised:
        who_am_i(channel, (("authorization", value),))
    refusal = read(raised.value)
    assert refusal.code == UNAUTHENTICATED and refusal.reason in {"TOKEN_MISSING", "TOKEN_INVALID"}


def test_the_scheme_has_no_case(server, channel, person):
    assert who_am_i(channel, (("authorization", f"bearer {tokens.access(server.secret, person.user)}"),)).user_id


@pytest.mark.parametrize("late_s, refused_as", [(LEEWAY_S + 60, "TOKEN_EXPIRED"), (LEEWAY_S // 3, None)])
def test_expiry_has_a_leeway(server, channel, person, late_s, refused_as):
    metadata = bearer(tokens.access(server.secret, person.user, ttl_s=-late_s))
    if refused_as:
        with refused(UNAUTHENTICATED, refused_as):
            who_am_i(channel, metadata)
    else:
        assert who_am_i(channel, metadata).user_id == person.user


@pytest.mark.parametrize("subject", [None, ""])
def test_a_token_without_subject(server, channel, subject):
    with refused(UNAUTHENTICATED, "TOKEN_SUBJECT_MISSING"):
        who_am_i(channel, bearer(tokens.access(server.secret, subject)))


def test_a_user_nobody_provisioned(server, channel, conversation):
    unknown = Person(channel, server.secret)
    with refused(UNAUTHENTICATED, "USER_UNKNOWN"):
        unknown.call("WhoAmI", pb.WhoAmIRequest())
    with refused(UNAUTHENTICATED, "USER_UNKNOWN"):
        unknown.send(conversation, "您好")
    with refused(UNAUTHENTICATED, "USER_UNKNOWN"):
        list(unknown.stub.Connect(
            pb.ConnectRequest(conversation_id=conversation, intent=pb.INTENT_INTERACTIVE),
            metadata=unknown.metadata, timeout=CALL_S))


def test_a_user_provisioned_after_being_refused(server, channel, conversation):
    """A refusal is not remembered."""
    late = Person(channel, server.secret)
    with refused(UNAUTHENTICATED, "USER_UNKNOWN"):
        late.call("WhoAmI", pb.WhoAmIRequest())
    late.provision(nickname="王大爷")
    assert late.call("WhoAmI", pb.WhoAmIRequest()).user_id == late.user


# Services


def test_a_service_acts_for_the_user_it_names(server, channel, person, conversation):
    metadata = bearer(tokens.service(server.secret, "conversations")) + (("x-life-echo-user", person.user),)
    stub = pb_grpc.ConversationServiceStub(channel)
    answer = stub.SendText(person.request(conversation, "我小时候住在河边。"), metadata=metadata, timeout=CALL_S)
    assert answer.sequence >= 1
    assert [m.text for m in person.messages(conversation)][0] == "我小时候住在河边。"
    whoami = stub.WhoAmI(pb.WhoAmIRequest(), metadata=metadata, timeout=CALL_S)
    assert (whoami.user_id, whoami.service, list(whoami.scopes)) == (person.user, True, ["conversations"])


def test_a_service_that_names_nobody(server, channel, conversation):
    metadata = bearer(tokens.service(server.secret, "conversations", "users"))
    answer = who_am_i(channel, metadata)
    assert (answer.user_id, answer.service, sorted(answer.scopes)) == ("", True, ["conversations", "users"])
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "FIELD_INVALID", field="x-life-echo-user"):
        pb_grpc.ConversationServiceStub(channel).GetConversation(
            pb.GetConversationRequest(conversation_id=conversation), metadata=metadata, timeout=CALL_S)


def test_a_service_that_names_an_unknown_user(server, channel, conversation):
    metadata = bearer(tokens.service(server.secret, "conversations")) + (("x-life-echo-user", fresh("nobody")),)
    with refused(UNAUTHENTICATED, "USER_UNKNOWN"):
        pb_grpc.ConversationServiceStub(channel).GetConversation(
            pb.GetConversationRequest(conversation_id=conversation), metadata=metadata, timeout=CALL_S)


def test_an_access_token_acts_for_nobody_else(server, channel, person, stranger, conversation):
    """As a bridge's would that was given the wrong kind of token: all phones would be one person."""
    stub = pb_grpc.ConversationServiceStub(channel)
    who = pb.WhoAmIRequest()
    with refused(DENIED, "USER_MISMATCH"):
        stub.WhoAmI(who, metadata=person.metadata + (("x-life-echo-user", stranger.user),), timeout=CALL_S)
    own = stub.WhoAmI(who, metadata=person.metadata + (("x-life-echo-user", person.user),), timeout=CALL_S)
    assert own.user_id == person.user


@pytest.mark.parametrize("scopes", [(), ("users",), ("memoir",), ("conversation",)])
def test_conversations_need_their_scope(server, channel, person, conversation, scopes):
    metadata = bearer(tokens.service(server.secret, *scopes)) + (("x-life-echo-user", person.user),)
    with refused(DENIED, "SCOPE_MISSING"):
        pb_grpc.ConversationServiceStub(channel).SendText(
            person.request(conversation, "您好"), metadata=metadata, timeout=CALL_S)


@pytest.mark.parametrize("method, request_type", [
    ("UpsertUser", users.UpsertUserRequest), ("GetUser", users.GetUserRequest), ("DeleteUser", users.DeleteUserRequest)])
@pytest.mark.parametrize("kind", ["access", "conversations"])
def test_users_need_their_scope(server, channel, person, method, request_type, kind):
    token = tokens.access(server.secret, person.user) if kind == "access" else tokens.service(server.secret, kind)
    with refused(DENIED, "SCOPE_MISSING"):
        getattr(users_grpc.UserServiceStub(channel), method)(request_type(), metadata=bearer(token), timeout=CALL_S)


def test_the_memoir_needs_its_scope(server, channel, person):
    with refused(DENIED, "SCOPE_MISSING"):
        memoir_grpc.MemoirIngestServiceStub(channel).LeaseBatches(
            memoir.LeaseBatchesRequest(), metadata=person.metadata, timeout=CALL_S)


def test_a_person_cannot_act_for_another(person, stranger, conversation):
    person.send(conversation, "这是我的故事。")
    request = pb.GetConversationRequest(conversation_id=conversation)
    with refused(DENIED, "CONVERSATION_FORBIDDEN"):
        stranger.call("GetConversation", request)
    with refused(DENIED, "USER_MISMATCH"):
        stranger.call("GetConversation", request, metadata=(("x-life-echo-user", person.user),))


# Long streams


def test_a_stream_ends_when_its_token_expires(tmp_path):
    with Server(tmp_path, env={"LIFEECHO_JWT_LEEWAY": "0s"}) as server, open_channel(server.target) as channel:
        person = Person(channel, server.secret).provision(nickname="李奶奶")
        brief = Person(channel, server.secret, person.user, tokens.access(server.secret, person.user, ttl_s=3))
        with brief.connect(fresh("conversation")) as seen:
            seen.wait_kind("connected")
            ended = read(seen.wait_end(10))
        assert (ended.code, ended.reason) == (UNAUTHENTICATED, "TOKEN_EXPIRED")
        assert ended.text == "无效的认证令牌"


def test_keys_in_files_and_issuer_and_audience(tmp_path):
    """A public key in a file verifies; it is never taken as an HS256 secret (key confusion)."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "public.pem").write_bytes(public)
    env = {
        "LIFEECHO_JWT_KEY_FILES": str(tmp_path / "public.pem"), "LIFEECHO_JWT_ISSUER": "https://id.example",
        "LIFEECHO_JWT_AUDIENCE": "conversations"}
    with Server(tmp_path / "data", env=env) as server, open_channel(server.target) as channel:
        claims = dict(
            sub="service", type="service", scope="conversations", exp=int(time.time()) + 600, iss="https://id.example",
            aud="conversations")
        assert who_am_i(channel, bearer(tokens.sign(private, "RS256", **claims))).service
        for wrong in ({"iss": "https://elsewhere.example"}, {"aud": "others"}, {"iss": None}, {"aud": None}):
            with refused(UNAUTHENTICATED, "TOKEN_INVALID"):
                who_am_i(channel, bearer(tokens.sign(private, "RS256", **{**claims, **wrong})))
        confused = sign_with_public_key(public, claims)
        with refused(UNAUTHENTICATED, "TOKEN_INVALID"):
            who_am_i(channel, bearer(confused))


def sign_with_public_key(public, claims):
    """HS256 with the public key's text as secret, which PyJWT itself refuses to make."""
    import hashlib
    import hmac
    def part(value):
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=")
    signed = part({"alg": "HS256", "typ": "JWT"}) + b"." + part(claims)
    signature = base64.urlsafe_b64encode(hmac.new(public, signed, hashlib.sha256).digest()).rstrip(b"=")
    return (signed + b"." + signature).decode()
