"""The peer's tables: the same facts as the service stores for a turn, as SQLAlchemy models."""

from datetime import date, datetime

from sqlalchemy import BigInteger, DateTime, ForeignKey, Index, LargeBinary, func
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TEXT
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    type_annotation_map = {str: TEXT, datetime: DateTime(timezone=True), dict: JSONB, list[str]: ARRAY(TEXT)}


class User(Base):
    __tablename__ = "users"
    user_id: Mapped[str] = mapped_column(primary_key=True)
    nickname: Mapped[str]
    birth_year: Mapped[int]
    grew_up_place: Mapped[str]
    tier: Mapped[str]


class MemoirState(Base):
    __tablename__ = "memoir_state"
    user_id: Mapped[str] = mapped_column(primary_key=True)
    state: Mapped[dict]
    version: Mapped[int]


class Conversation(Base):
    __tablename__ = "conversations"
    conversation_id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.user_id"))
    status: Mapped[str] = mapped_column(default="active")
    stage: Mapped[str] = mapped_column(default="childhood")
    head_sequence: Mapped[int] = mapped_column(BigInteger, default=0)
    message_count: Mapped[int] = mapped_column(default=0)
    chips: Mapped[list[str]] = mapped_column(default=list)
    last_message_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class IdempotencyKey(Base):
    __tablename__ = "requests"
    user_id: Mapped[str] = mapped_column(primary_key=True)
    request_id: Mapped[str] = mapped_column(primary_key=True)
    digest: Mapped[bytes] = mapped_column(LargeBinary)
    turn_id: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class QuotaUsage(Base):
    __tablename__ = "quota_usage"
    user_id: Mapped[str] = mapped_column(primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    turns_used: Mapped[int]


class Message(Base):
    __tablename__ = "messages"
    message_id: Mapped[str] = mapped_column(primary_key=True)
    conversation_id: Mapped[str]
    sequence: Mapped[int] = mapped_column(BigInteger)
    role: Mapped[str]
    text: Mapped[str]
    turn_id: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    __table_args__ = (Index("messages_conversation", "conversation_id", "sequence"),)


class Event(Base):
    __tablename__ = "events"
    conversation_id: Mapped[str] = mapped_column(primary_key=True)
    sequence: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    kind: Mapped[str]
    turn_id: Mapped[str]
    payload: Mapped[dict]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Turn(Base):
    __tablename__ = "turns"
    turn_id: Mapped[str] = mapped_column(primary_key=True)
    conversation_id: Mapped[str]
    state: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    ended_at: Mapped[datetime | None]


class MemoirOutbox(Base):
    __tablename__ = "memoir_outbox"
    conversation_id: Mapped[str] = mapped_column(primary_key=True)
    sequence: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    user_id: Mapped[str]
    message_id: Mapped[str]
    characters: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
