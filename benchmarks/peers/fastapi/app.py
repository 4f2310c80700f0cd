"""The peer of the text turn: FastAPI, SQLAlchemy and asyncpg, in the usual manner of one statement a step.

POST /turns stores a message, answers it and stores the answer, in two transactions, as the service does: what the user
said is durable before the reply is made. In its favour: no token is checked, the reply is made by a few lines, nothing
is sent to subscribers, there are no leases and no log, metrics or trace of the call.

Run: DATABASE_URL=postgresql+asyncpg://… uvicorn app:app --loop uvloop --http httptools --no-access-log
"""

import hashlib
import os
import uuid
from contextlib import asynccontextmanager
from datetime import datetime, timezone

from fastapi import Depends, FastAPI, HTTPException
from pydantic import BaseModel, Field
from sqlalchemy import event, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

from tables import (
    Base, Conversation, Event, IdempotencyKey, MemoirOutbox, MemoirState, Message, QuotaUsage, Turn, User,
)

TURNS_A_DAY = 1_000_000
HISTORY_MESSAGES = 40
SLOTS = ("家", "父亲", "母亲", "兄弟姐妹", "学校", "朋友", "工作", "爱人")

engine = create_async_engine(os.environ["DATABASE_URL"], pool_size=16, max_overflow=0)
Session = async_sessionmaker(engine, expire_on_commit=False)
statements = 0


@event.listens_for(engine.sync_engine, "before_cursor_execute")
def count_statement(*_) -> None:
    global statements
    statements += 1


class TurnRequest(BaseModel):
    user_id: str = Field(max_length=128)
    conversation_id: str = Field(min_length=1, max_length=256)
    text: str = Field(min_length=1, max_length=4000)
    request_id: str


class TurnResponse(BaseModel):
    message_id: str
    turn_id: str
    sequence: int
    turn_state: str
    replies: list[str]
    turns_used: int


@asynccontextmanager
async def lifespan(_: FastAPI):
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    yield
    await engine.dispose()


app = FastAPI(lifespan=lifespan)


async def session():
    async with Session() as session:
        yield session


@app.get("/statements")
async def count() -> int:
    return statements


@app.put("/users/{user_id}")
async def put_user(user_id: str, session: AsyncSession = Depends(session)) -> None:
    session.add(User(user_id=user_id, nickname="王奶奶", birth_year=1946, grew_up_place="苏州", tier="premium"))
    session.add(MemoirState(user_id=user_id, state={}, version=0))
    await session.commit()


@app.post("/turns")
async def post_turn(request: TurnRequest, session: AsyncSession = Depends(session)) -> TurnResponse:
    digest = hashlib.sha256(request.text.encode()).digest()
    seen = await session.get(IdempotencyKey, (request.user_id, request.request_id))
    if seen is not None:
        raise HTTPException(409, "seen before")
    user = await session.get(User, request.user_id)
    if user is None:
        raise HTTPException(401, "no such user")
    conversation = await session.get(Conversation, request.conversation_id, with_for_update=True)
    if conversation is None:
        conversation = Conversation(
            conversation_id=request.conversation_id, user_id=user.user_id, head_sequence=0, message_count=0)
        session.add(conversation)
        await session.flush()
    if conversation.user_id != user.user_id:
        raise HTTPException(403, "somebody else's")

    now = datetime.now(timezone.utc)
    usage = await session.get(QuotaUsage, (user.user_id, now.date()), with_for_update=True)
    if usage is None:
        usage = QuotaUsage(user_id=user.user_id, day=now.date(), turns_used=0)
        session.add(usage)
    if usage.turns_used >= TURNS_A_DAY:
        raise HTTPException(429, "quota")
    usage.turns_used += 1

    sequence = conversation.head_sequence + 1
    conversation.head_sequence += 2
    conversation.message_count += 1
    conversation.last_message_at = now
    turn = Turn(turn_id=str(uuid.uuid4()), conversation_id=request.conversation_id, state="running")
    message = Message(
        message_id=str(uuid.uuid4()), conversation_id=request.conversation_id, sequence=sequence, role="user",
        text=request.text, turn_id=turn.turn_id)
    session.add_all([
        message, turn,
        IdempotencyKey(
            user_id=user.user_id, request_id=request.request_id, digest=digest, turn_id=turn.turn_id),
        Event(
            conversation_id=request.conversation_id, sequence=sequence, kind="user_message", turn_id=turn.turn_id,
            payload={"message_id": message.message_id, "text": request.text}),
        Event(
            conversation_id=request.conversation_id, sequence=sequence + 1, kind="turn_started", turn_id=turn.turn_id,
            payload={"attempt": 1}),
        MemoirOutbox(
            conversation_id=request.conversation_id, sequence=sequence, user_id=user.user_id,
            message_id=message.message_id, characters=len(request.text)),
    ])
    await session.commit()

    pieces = await answer(session, user, conversation, turn, request.text)
    return TurnResponse(
        message_id=message.message_id, turn_id=turn.turn_id, sequence=sequence, turn_state=turn.state, replies=pieces,
        turns_used=usage.turns_used)


async def answer(
    session: AsyncSession, user: User, conversation: Conversation, turn: Turn, said: str
) -> list[str]:
    rows = await session.execute(
        select(Message.role, Message.text).where(Message.conversation_id == conversation.conversation_id)
        .order_by(Message.sequence.desc()).limit(HISTORY_MESSAGES))
    history = rows.all()
    memoir = await session.get(MemoirState, user.user_id)
    pieces, state = reply(user, history, memoir.state, said)

    await session.refresh(conversation, with_for_update=True)
    now = datetime.now(timezone.utc)
    message = Message(
        message_id=str(uuid.uuid4()), conversation_id=conversation.conversation_id,
        sequence=conversation.head_sequence + 1, role="agent", text="\n".join(pieces), turn_id=turn.turn_id)
    session.add(message)
    for index, piece in enumerate(pieces):
        session.add(Event(
            conversation_id=conversation.conversation_id, sequence=conversation.head_sequence + 1 + index,
            kind="agent_message", turn_id=turn.turn_id,
            payload={"message_id": message.message_id, "text": piece, "index": index, "total": len(pieces)}))
    session.add(Event(
        conversation_id=conversation.conversation_id, sequence=conversation.head_sequence + 1 + len(pieces),
        kind="turn_completed", turn_id=turn.turn_id, payload={"kind": "reply"}))
    conversation.head_sequence += len(pieces) + 1
    conversation.message_count += 1
    conversation.last_message_at = now
    conversation.chips = [f"我想说说{slot}" for slot in SLOTS if slot not in state][:4]
    memoir.state = state
    memoir.version += 1
    turn.state = "completed"
    turn.ended_at = now
    await session.commit()
    return pieces


def reply(user: User, history: list, state: dict, said: str) -> tuple[list[str], dict]:
    """The same words for the same conversation: acknowledges, then asks about the next empty slot."""
    state = {**state, **{slot: said[:40] for slot in SLOTS if slot in said}}
    empty = [slot for slot in SLOTS if slot not in state] or list(SLOTS)
    slot = empty[len(history) // 2 % len(empty)]
    return [f"{user.nickname},您说的这些真让人感动。", f"能再跟我讲讲您的{slot}吗?"], state
