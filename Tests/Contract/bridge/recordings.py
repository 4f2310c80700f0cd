"""Recordings whose words a recogniser can read back: a WAV whose samples carry the text, as the built-in engines' test
audio does."""
import base64
import random
import struct

RATE = 16000
MARKER = b"LIFEECHO-TEST-AUDIO\n"


def recording(text, seconds=1.0, seed=0):
    """A WAV of that text, mono, 16 bit. Other seeds make other bytes of the same words."""
    words = MARKER + text.encode() + b"\0"
    words += bytes(len(words) % 2)
    noise = random.Random(seed)
    rest = max(0, int(seconds * RATE) * 2 - len(words))
    # Quiet.
    data = words + struct.pack("<16000h", *(noise.randint(-50, 50) for _ in range(16000))) * (rest // 32000 + 1)
    data = data[: len(words) + rest]
    head = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + len(data), b"WAVE", b"fmt ", 16, 1, 1, RATE, RATE * 2, 2, 16,
                       b"data", len(data))
    return head + data


def read(content):
    """The words of a recording; None when it is none."""
    at = content.find(MARKER)
    if at < 0:
        return None
    start = at + len(MARKER)
    return content[start: content.index(b"\0", start)].decode()


def encoded(content):
    return base64.b64encode(content).decode()


def spoken(text, seconds=1.0, seed=0):
    """A recording as `audio_base64`."""
    return encoded(recording(text, seconds, seed))
