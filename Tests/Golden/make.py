#!/usr/bin/python3
"""Makes corpus.tsv (message name, wire as hex, canonical JSON) and descriptors.hex by Python's protobuf, which Swift's
coding must agree with. Needs protoc and python3-protobuf; the same seed makes the same files.
"""
import json
import pathlib
import random
import subprocess
import tempfile

from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory

HERE = pathlib.Path(__file__).parent
PROTOS = HERE.parent.parent / "protos"
EACH = 4
TEXTS = ["", "a", "conversation-1", "我小时候在河边长大。", "五二年", 'quote " and \\ and \n', "😀é\u0301", "x" * 150]
random.seed(20260101)

with tempfile.NamedTemporaryFile() as out:
    files = ["lifeecho", "google", "grpc"]
    protos = sorted(str(p.relative_to(PROTOS)) for f in files for p in (PROTOS / f).rglob("*.proto"))
    command = ["protoc", "-I", HERE, "-I", PROTOS, "--include_imports", f"--descriptor_set_out={out.name}"]
    subprocess.run([*command, "kinds.proto", *protos], check=True)
    content = pathlib.Path(out.name).read_bytes()

pool = descriptor_pool.DescriptorPool()
descriptors = []
for file in descriptor_pb2.FileDescriptorSet.FromString(content).file:
    pool.Add(file)
    for message in file.message_type:
        if not file.package == "google.protobuf":
            descriptors.append(f"{file.package}.{message.name}")
factory = message_factory.MessageFactory(pool)


def make(name):
    return factory.GetPrototype(pool.FindMessageTypeByName(name))()


def scalar(field):
    kind = field.type
    if kind in (field.TYPE_DOUBLE, field.TYPE_FLOAT):
        return random.choice([0.0, 1.5, -2.25, 1e10, 3.0])
    if kind == field.TYPE_BOOL:
        return random.random() < 0.7
    if kind == field.TYPE_STRING:
        return random.choice(TEXTS)
    if kind == field.TYPE_BYTES:
        return random.randbytes(random.randrange(0, 9))
    if kind == field.TYPE_ENUM:
        return random.choice([v.number for v in field.enum_type.values] + [99])
    if kind in (field.TYPE_UINT32, field.TYPE_FIXED32):
        return random.choice([0, 1, 127, 128, 2**32 - 1])
    if kind in (field.TYPE_UINT64, field.TYPE_FIXED64):
        return random.choice([0, 1, 300, 2**53 + 1, 2**64 - 1])
    if kind in (field.TYPE_INT32, field.TYPE_SINT32, field.TYPE_SFIXED32):
        return random.choice([0, 1, -1, 1952, 2**31 - 1, -(2**31)])
    return random.choice([0, 1, -1, 2**53 + 1, 2**63 - 1, -(2**63)])


def fill_known(message, depth):
    """Messages whose JSON form is special."""
    name = message.DESCRIPTOR.full_name
    if name == "google.protobuf.Timestamp":
        message.seconds = random.choice([0, -1, 1767225600, -62135596800, 253402300799, 951782400])
        message.nanos = random.choice([0, 1, 21_000_000, 21_000, 999_999_999])
    elif name == "google.protobuf.Duration":
        message.seconds = random.choice([0, 1, 25, 315576000000])
        message.nanos = random.choice([0, 500_000_000, 1])
        if random.random() < 0.4:
            message.seconds, message.nanos = -message.seconds, -message.nanos
    elif name == "google.protobuf.FieldMask":
        message.paths.extend(random.sample(["user.nickname", "birth_year", "a"], 2))
    elif name == "google.protobuf.Any":
        inner = make(random.choice(["google.rpc.ErrorInfo", "google.rpc.RetryInfo", "google.protobuf.Duration"]))
        fill(inner, depth + 1)
        message.type_url = "type.googleapis.com/" + inner.DESCRIPTOR.full_name
        message.value = inner.SerializeToString(deterministic=True)
    elif name == "google.protobuf.Struct":
        json_format.Parse('{"a": 1.5, "b": [null, true, "x"], "c": {"d": -2.0}}', message)
    elif name == "google.protobuf.Value":
        json_format.Parse(random.choice(["null", "1.5", '"x"', "true", '{"k": []}', "[1.5, {}]"]), message)
    elif name == "google.protobuf.ListValue":
        json_format.Parse('[1.5, "x", null]', message)
    else:
        return False
    return True


def fill(message, depth=0):
    if fill_known(message, depth):
        return
    for field in message.DESCRIPTOR.fields:
        if random.random() < (0.3 if depth < 3 else 0.9):
            continue
        if field.message_type and field.message_type.GetOptions().map_entry:
            key, value = field.message_type.fields
            # Python writes an empty key or text of an entry, protobuf-c leaves it out: the same message, other bytes.
            entries = getattr(message, field.name)
            for _ in range(random.randrange(3)):
                name = scalar(key)
                if name == "":
                    name = "k"
                if value.message_type:
                    fill(entries[name], depth + 1)
                else:
                    entries[name] = scalar(value)
                    if entries[name] == "":
                        entries[name] = "v"
        elif field.label == field.LABEL_REPEATED:
            for _ in range(random.randrange(4)):
                if field.message_type:
                    fill(getattr(message, field.name).add(), depth + 1)
                else:
                    getattr(message, field.name).append(scalar(field))
        elif field.message_type:
            getattr(message, field.name).SetInParent()
            fill(getattr(message, field.name), depth + 1)
        else:
            setattr(message, field.name, scalar(field))


rows = []
for name in descriptors:
    for index in range(EACH * (10 if name.startswith("lifeecho.test") else 1)):
        message = make(name)
        if index:
            fill(message)
        wire = message.SerializeToString(deterministic=True)
        text = json.dumps(json_format.MessageToDict(message, descriptor_pool=pool), ensure_ascii=False, sort_keys=True)
        row = f"{name}\t{wire.hex()}\t{text}\n"
        if row not in rows and len(row) < 6000:
            rows.append(row)
(HERE / "corpus.tsv").write_text("".join(rows), encoding="utf-8")
lines = [content.hex()[i : i + 120] for i in range(0, 2 * len(content), 120)]
(HERE / "descriptors.hex").write_text("\n".join(lines) + "\n")
