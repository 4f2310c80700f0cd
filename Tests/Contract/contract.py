"""The stubs, generated from protos/ with grpcio-tools each time the tests run: nothing checked in can hide a change."""
import atexit
import importlib.resources
import pathlib
import shutil
import subprocess
import sys
import tempfile

from google.protobuf import descriptor_pb2

PROTOS = pathlib.Path(__file__).parents[2] / "protos"
# google/rpc comes with googleapis-common-protos, grpc/* with grpcio's own packages: foreign code on the wire.
FILES = sorted(str(path.relative_to(PROTOS)) for path in (PROTOS / "lifeecho").rglob("*.proto"))

_folder = pathlib.Path(tempfile.mkdtemp(prefix="lifeecho-contract-"))
atexit.register(shutil.rmtree, _folder, ignore_errors=True)
_includes = [f"--proto_path={PROTOS}", f"--proto_path={importlib.resources.files('grpc_tools') / '_proto'}"]


def _protoc(*arguments):
    subprocess.run([sys.executable, "-m", "grpc_tools.protoc", *_includes, *arguments], check=True)


_protoc(f"--python_out={_folder}", f"--grpc_python_out={_folder}", *FILES)
sys.path.insert(0, str(_folder))

from lifeecho.conversation.v1 import conversation_service_pb2 as pb  # noqa: E402
from lifeecho.conversation.v1 import conversation_service_pb2_grpc as pb_grpc  # noqa: E402
from lifeecho.conversation.v1 import events_pb2 as events  # noqa: E402
from lifeecho.conversation.v1 import resources_pb2 as resources  # noqa: E402
from lifeecho.memoir.v1 import memoir_ingest_service_pb2 as memoir  # noqa: E402
from lifeecho.memoir.v1 import memoir_ingest_service_pb2_grpc as memoir_grpc  # noqa: E402
from lifeecho.user.v1 import user_service_pb2 as users  # noqa: E402
from lifeecho.user.v1 import user_service_pb2_grpc as users_grpc  # noqa: E402

__all__ = ["pb", "pb_grpc", "events", "resources", "memoir", "memoir_grpc", "users", "users_grpc", "descriptors"]


def descriptors():
    """Every file of protos/ as protoc describes it, by name; with what they import."""
    files = sorted(str(path.relative_to(PROTOS)) for path in PROTOS.rglob("*.proto"))
    output = _folder / "descriptors.bin"
    _protoc(f"--descriptor_set_out={output}", "--include_imports", *files)
    described = descriptor_pb2.FileDescriptorSet.FromString(output.read_bytes())
    return {file.name: file for file in described.file}
