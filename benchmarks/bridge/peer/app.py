"""The peer of the bridge's benchmarks: the phones' protocol on FastAPI, in the usual manner, with a store in memory.

In its favour: any token is a user, no quota and no database is asked, nobody is greeted, the reply is made by one line,
audio goes nowhere after it was decoded; as the null service does behind the bridge that it is compared with. A socket is
served by one task that reads, works and answers; every socket of a conversation gets its frames.

Run: uvicorn app:app --loop uvloop --http httptools --no-access-log
"""

import base64
import binascii
import uuid
from datetime import datetime, timezone

from fastapi import FastAPI, WebSocket, WebSocketDisconnect, status

app = FastAPI()

FAILED = "处理失败,请重试"


class Conversation:
    """What is known of one conversation."""

    def __init__(self, user: str):
        self.user = user
        self.sockets: list[WebSocket] = []
        self.messages: list[tuple[str, str]] = []
        self.recordings: dict[str, set[int]] = {}


conversations: dict[str, Conversation] = {}


def frame(kind: str, conversation_id: str, data: dict) -> dict:
    return {"type": kind, "conversation_id": conversation_id, "data": data,
            "timestamp": datetime.now(timezone.utc).isoformat()}


def error(message: str) -> dict:
    return {"type": "error", "data": {"message": message}, "timestamp": datetime.now(timezone.utc).isoformat()}


async def send_reply(conversation: Conversation, conversation_id: str, pieces: list[str]) -> None:
    message_id = str(uuid.uuid4())
    conversation.messages.append(("agent", "\n".join(pieces)))
    for index, text in enumerate(pieces):
        data = {"text": text, "index": index, "total": len(pieces), "assistant_message_id": message_id}
        for socket in conversation.sockets:
            await socket.send_json(frame("agent_response", conversation_id, data))


async def take_segment(socket: WebSocket, conversation: Conversation, data: dict) -> None:
    duration = int(data.get("duration") or 0)
    session = data.get("voice_session_id") or (data.get("client_segment_id") or "").rpartition("-")[0]
    if not session or not str(session).strip():
        return await socket.send_json(error("缺少 voice_session_id 或有效的 client_segment_id"))
    audio = data.get("audio_base64")
    if not audio:
        return await socket.send_json(error("缺少 audio_base64"))
    if data.get("segment_index") is None:
        return await socket.send_json(error("缺少 segment_index"))
    try:
        index = int(data["segment_index"])
    except (TypeError, ValueError):
        return await socket.send_json(error("segment_index 必须为整数"))
    if index < 0:
        return await socket.send_json(error("segment_index 不能为负数"))
    seen = conversation.recordings.setdefault(str(session).strip(), set())
    if index in seen:
        return
    try:
        content = base64.b64decode(audio)
    except binascii.Error:
        return await socket.send_json(error("语音处理失败,请重试或使用文字输入"))
    seen.add(index)
    await hand_over(content, duration, bool(data.get("is_last")))


async def hand_over(content: bytes, duration: int, is_last: bool) -> None:
    """Where a service behind would be called."""


@app.websocket("/ws/conversation/{conversation_id}")
async def conversation_socket(socket: WebSocket, conversation_id: str) -> None:
    token = socket.query_params.get("token")
    if not token:
        return await socket.close(code=status.WS_1008_POLICY_VIOLATION)
    await socket.accept()
    conversation = conversations.setdefault(conversation_id, Conversation(token))
    conversation.sockets.append(socket)
    try:
        await socket.send_json(frame("connect", conversation_id, {"status": "connected"}))
        await serve(socket, conversation, conversation_id)
    except WebSocketDisconnect:
        pass
    finally:
        conversation.sockets.remove(socket)
        if not conversation.sockets and not conversation.messages and not conversation.recordings:
            conversations.pop(conversation_id, None)


async def serve(socket: WebSocket, conversation: Conversation, conversation_id: str) -> None:
    while True:
        try:
            message = await socket.receive_json()
        except ValueError:
            await socket.send_json(error(FAILED))
            continue
        kind = message.get("type")
        if kind == "ping":
            await socket.send_json(frame("pong", conversation_id, {}))
        elif kind == "audio_segment":
            await take_segment(socket, conversation, message.get("data", {}))
        elif kind == "text":
            text = message.get("data", {}).get("text", "")
            if text and text.strip():
                conversation.messages.append(("user", text))
                await send_reply(conversation, conversation_id, ["我听到了。后来怎么样了?"])
        elif kind == "end_conversation":
            await socket.send_json(frame("end_conversation", conversation_id, {"status": "ended"}))
            return await socket.close()
