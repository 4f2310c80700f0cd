"""seeds.py FOLDER: the golden corpus as the fuzzer's first inputs: the type's number, then the message."""
import pathlib
import re
import sys

tests = pathlib.Path(__file__).parent.parent
packages = {
    "ConversationV1": "lifeecho.conversation.v1",
    "MemoirV1": "lifeecho.memoir.v1",
    "UserV1": "lifeecho.user.v1",
    "GoogleProtobuf": "google.protobuf",
    "GoogleRPC": "google.rpc",
    "HealthV1": "grpc.health.v1",
    "ReflectionV1": "grpc.reflection.v1",
    "ReflectionV1Alpha": "grpc.reflection.v1alpha",
}
types = (tests / "ConversationAPITests" / "MessageTypes.swift").read_text()
names = [f"{packages[space]}.{name}" for space, name in re.findall(r"(\w+)\.([\w.]+)\.self", types)]
for number, row in enumerate((tests / "Golden" / "corpus.tsv").read_text(encoding="utf-8").splitlines()):
    name, wire, _ = row.split("\t")
    if name in names:
        seed = bytes([names.index(name)]) + bytes.fromhex(wire)
        pathlib.Path(sys.argv[1], str(number)).write_bytes(seed)
