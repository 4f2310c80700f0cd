"""Makes a virtual environment with llama.cpp's server, and a tiny model for it.

usage: python3 Tests/Engines/setup.py DIRECTORY

Does nothing when DIRECTORY already holds what these files describe. Needs network (PyPI) the first time only.
"""

import hashlib
import pathlib
import subprocess
import sys
import venv

HERE = pathlib.Path(__file__).resolve().parent


def main() -> None:
    directory = pathlib.Path(sys.argv[1]).resolve()
    inputs = b"".join((HERE / name).read_bytes() for name in ("requirements.txt", "make_model.py", "setup.py"))
    digest = hashlib.sha256(inputs).hexdigest()
    stamp = directory / "stamp"
    if stamp.exists() and stamp.read_text() == digest:
        return
    directory.mkdir(parents=True, exist_ok=True)
    venv.create(directory / "venv", with_pip=True, clear=True)
    python = directory / "venv" / "bin" / "python"
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "-r", HERE / "requirements.txt"], check=True)
    subprocess.run([python, HERE / "make_model.py", directory / "tiny.gguf"], check=True)
    stamp.write_text(digest)


if __name__ == "__main__":
    main()
