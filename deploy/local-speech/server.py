"""Speech recognition and synthesis on this machine, behind OpenAI's API: faster-whisper in, espeak-ng out.

usage: server.py MODEL_DIRECTORY PORT

    POST /v1/audio/transcriptions   multipart: file, model, language, prompt, response_format (json, text, verbose_json)
    POST /v1/audio/speech           {"input", "voice", "response_format" (mp3, wav, …), "speed"}, streamed
    GET  /v1/models, /healthz

Listens on loopback only and asks for no key. The environment variables in Limits change its bounds.
"""

import asyncio
import io
import os
import signal
import sys
from contextlib import asynccontextmanager

import av
import uvicorn
from fastapi import FastAPI, Form, Request, UploadFile
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse, StreamingResponse
from faster_whisper import WhisperModel
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException


def setting(name: str, default: int) -> int:
    return int(os.environ.get(name, default))


class Limits:
    # Recognitions at a time; each uses `threads` cores. The rest waits in line.
    recognitions = setting("LOCAL_SPEECH_RECOGNITIONS", 1)
    threads = setting("LOCAL_SPEECH_THREADS", min(4, os.cpu_count() or 1))
    # Waiting requests beyond these are told to come again.
    waiting = setting("LOCAL_SPEECH_WAITING", 64)
    # espeak-ng and ffmpeg at a time.
    sentences = setting("LOCAL_SPEECH_SENTENCES", 4)
    # As at OpenAI (help.openai.com, article 7031512), and something for the rest of the form.
    request_bytes = setting("LOCAL_SPEECH_REQUEST_BYTES", 26 * 1024 * 1024)
    # As at OpenAI.
    input_characters = 4096
    sentence_s = 30


# Without a prompt Whisper answers Chinese in traditional characters.
SIMPLIFIED = "以下是普通话的句子。"
# Whisper's own list: when a text repeats itself or is unlikely, it is tried again with more variation. With 0 alone it
# loops on what it does not understand.
TEMPERATURES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
FORMATS = {
    "mp3": ("audio/mpeg", ["-c:a", "libmp3lame", "-b:a", "48k", "-write_xing", "0", "-f", "mp3"]),
    "wav": ("audio/wav", ["-c:a", "pcm_s16le", "-f", "wav"]),
    "aac": ("audio/aac", ["-c:a", "aac", "-b:a", "48k", "-f", "adts"]),
    "opus": ("audio/ogg", ["-c:a", "libopus", "-b:a", "32k", "-f", "ogg"]),
    "flac": ("audio/flac", ["-c:a", "flac", "-f", "flac"]),
    "pcm": ("audio/pcm", ["-ar", "24000", "-c:a", "pcm_s16le", "-f", "s16le"]),
}


class Line:
    """At most `width` at work and `waiting` in line."""

    def __init__(self, width: int, waiting: int):
        self.slots = asyncio.Semaphore(width)
        self.room = width + waiting

    @asynccontextmanager
    async def place(self):
        if self.room == 0:
            raise HTTPException(503, "too many requests are waiting")
        self.room -= 1
        try:
            async with self.slots:
                yield
        finally:
            self.room += 1


class SpeechRequest(BaseModel):
    input: str = Field(min_length=1, max_length=Limits.input_characters)
    model: str = "espeak-ng"
    voice: str = ""
    response_format: str = "mp3"
    speed: float = Field(default=1.0, ge=0.25, le=4.0)


def failure(status: int, message: str, param: str | None = None) -> JSONResponse:
    kind = "invalid_request_error" if status < 500 else "server_error"
    headers = {"retry-after": "1"} if status == 503 else None
    error = {"message": message, "type": kind, "param": param, "code": None}
    return JSONResponse({"error": error}, status, headers=headers)


class BodyLimit:
    """Refuses a request whose body is too long, before anything reads all of it."""

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        if not declared.isdigit() or int(declared) > Limits.request_bytes:
            return await failure(413, "the request is too large")(scope, receive, send)
        received = 0

        async def counted():
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > Limits.request_bytes:
                raise HTTPException(413, "the request is too large")
            return message

        await self.app(scope, counted, send)


model = WhisperModel(
    sys.argv[1], device="cpu", compute_type="int8", cpu_threads=Limits.threads, num_workers=Limits.recognitions,
    local_files_only=True,
)
recognitions = Line(Limits.recognitions, Limits.waiting)
sentences = Line(Limits.sentences, Limits.waiting)
app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
app.add_middleware(BodyLimit)


@app.exception_handler(RequestValidationError)
async def invalid(_, error):
    first = error.errors()[0]
    return failure(400, str(first["msg"]), str(first["loc"][-1]))


@app.exception_handler(HTTPException)
async def refused(_, error):
    return failure(error.status_code, str(error.detail))


@app.exception_handler(Exception)
async def failed(_, error):
    return failure(500, f"the engine failed: {type(error).__name__}")


@app.get("/healthz")
async def healthz():
    return PlainTextResponse("ok\n")


@app.get("/v1/models")
async def models():
    names = ["whisper-base", "espeak-ng"]
    return {"object": "list", "data": [{"id": name, "object": "model", "owned_by": "local"} for name in names]}


def recognise(audio: bytes, language: str | None, prompt: str | None, temperature: float):
    segments, info = model.transcribe(
        io.BytesIO(audio), language=language, beam_size=5, initial_prompt=prompt, vad_filter=True,
        temperature=temperature or TEMPERATURES, condition_on_previous_text=False,
    )
    return list(segments), info


@app.post("/v1/audio/transcriptions")
async def transcriptions(
    request: Request, file: UploadFile, model: str = Form(), language: str | None = Form(None), prompt: str | None = Form(None),
    response_format: str = Form("json"), temperature: float = Form(0.0, ge=0, le=1),
):
    if response_format not in ("json", "text", "verbose_json"):
        return failure(400, "response_format is json, text or verbose_json", "response_format")
    prompt = prompt or (SIMPLIFIED if language in (None, "zh") else None)
    async with recognitions.place():
        # Whoever gave up waiting costs no recognition; whoever waits holds no memory (the form is in a file).
        if await request.is_disconnected():
            return failure(499, "the client has left")
        audio = await file.read()
        try:
            segments, info = await run_in_threadpool(recognise, audio, language, prompt, temperature)
        except (av.error.FFmpegError, IndexError):
            return failure(400, "Audio file might be corrupted or unsupported", "file")
        except ValueError as error:
            return failure(400, str(error), "language")
    text = "".join(segment.text for segment in segments).strip()
    # What it hears nothing in, it may answer with the prompt.
    if text == prompt:
        text = ""
    if response_format == "text":
        return PlainTextResponse(text + "\n")
    if response_format == "verbose_json":
        parts = [{"id": s.id, "start": s.start, "end": s.end, "text": s.text} for s in segments]
        return {"task": "transcribe", "language": info.language, "duration": info.duration, "text": text, "segments": parts}
    return {"text": text}


def voice_of(text: str) -> str:
    # Debian's `cmn` reads pinyin as if it were English (espeak-ng issue 1028); this one does not. Of its variants, a
    # female one with pauses between the words is understood best: Whisper base gets 40 % of the characters wrong, and
    # 52 % with the plain voice.
    return "cmn-latn-pinyin+f2" if any("\u4e00" <= character <= "\u9fff" for character in text) else "en-us"


async def end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.kill()
    await process.wait()


async def speak(request: SpeechRequest):
    """Encoded audio as ffmpeg makes it of what espeak-ng says; both end with the reader."""
    text = request.input.replace("\0", " ").encode()
    reader, writer = os.pipe()
    speed = str(int(150 * request.speed))
    quiet = asyncio.subprocess.DEVNULL
    speaker = await asyncio.create_subprocess_exec(
        "espeak-ng", "-v", voice_of(request.input), "-s", speed, "-p", "60", "-g", "2", "--stdin", "--stdout",
        stdin=asyncio.subprocess.PIPE, stdout=writer, stderr=quiet,
    )
    os.close(writer)
    encoder = await asyncio.create_subprocess_exec(
        "ffmpeg", "-nostdin", "-v", "error", "-f", "wav", "-i", "pipe:0", *FORMATS[request.response_format][1],
        "-flush_packets", "1", "pipe:1", stdin=reader, stdout=asyncio.subprocess.PIPE, stderr=quiet,
    )
    os.close(reader)
    try:
        async with asyncio.timeout(Limits.sentence_s):
            speaker.stdin.write(text)
            await speaker.stdin.drain()
            speaker.stdin.close()
            while part := await encoder.stdout.read(16 * 1024):
                yield part
            if await speaker.wait() or await encoder.wait():
                raise RuntimeError("espeak-ng or ffmpeg failed")
    finally:
        await end(speaker)
        await end(encoder)


@app.post("/v1/audio/speech")
async def speech(request: SpeechRequest):
    if request.response_format not in FORMATS:
        return failure(400, "response_format is one of " + ", ".join(FORMATS), "response_format")
    place = sentences.place()
    await place.__aenter__()

    async def parts():
        try:
            async for part in speak(request):
                yield part
        finally:
            await place.__aexit__(None, None, None)

    return StreamingResponse(parts(), media_type=FORMATS[request.response_format][0])


def main() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    uvicorn.run(
        app, host="127.0.0.1", port=int(sys.argv[2]), log_level="warning", timeout_graceful_shutdown=2, access_log=False
    )


if __name__ == "__main__":
    main()
