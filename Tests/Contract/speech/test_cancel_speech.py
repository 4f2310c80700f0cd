"""CancelSpeech and barge-in: what is silent after the acknowledgement, what counts as heard, what the model is told."""
import contextlib
import shutil
import statistics
import threading
import time
import uuid

import grpc
import pytest

from contract import pb
from database import Database
from person import COMPLETE_PROFILE, Events, Person, fresh, open_channel
from refusals import refused
from server import Server
from speech.engines import audio, duration_ms
from speech.listening import begun, cancel, chunks, quiet, replies, sentences, wait_spoken
from speech.rawcalls import RawConnection, connect, read_together
from speech.test_speech import unlike

LONG = "很长的一句话讲的是河边的老屋和门口的槐树还有很多别的事情。" * 36


def spoken_reply(live):
    return replies(live.all)[-1]


@pytest.fixture
def long_reply(engines):
    """What to say, for a reply that is read aloud for long; each test's own, or the cache would have it."""
    said = fresh("讲很久")
    engines.replies[said] = "".join(unlike(s + "。") for s in LONG.split("。") if s)
    return said


# On the wire.


@pytest.mark.parametrize("connections", ["the same connection", "another connection", "a window smaller than a chunk"])
def test_no_chunk_of_the_older_epoch_after_the_acknowledgement(engines, speaking, listener, long_reply, connections):
    """Frames as they arrived. With another connection, what is in the stream's socket when the answer is read counts as
    arrived before it. With the small window, a part of a chunk waits in the server when the cancel comes."""
    is_narrow = connections == "a window smaller than a chunk"
    total_before = 0
    for round_ in range(6):
        conversation = begun(listener, fresh("conversation"))
        request = pb.CancelSpeechRequest(conversation_id=conversation, request_id=str(uuid.uuid4()))
        with RawConnection(speaking.target, listener.metadata, window=(16 if is_narrow else 512) << 10) as stream, \
                engines.dripping(0 if is_narrow else 6_000, 0.002 * (1 + round_ % 3)):
            other = stream
            if connections == "another connection":
                other = RawConnection(speaking.target, listener.metadata)
            try:
                events = connect(stream, conversation)
                stream.read_until(lambda c: any(Events.kind(e) == "replay_completed" for e in c.events(events)))
                listener.send(conversation, long_reply)
                wanted = 1 + 2 * round_
                stream.read_until(
                    lambda c: sum(Events.kind(e) == "speech_chunk" for e in c.events(events)) >= wanted)
                answer = other.call("CancelSpeech", request)
                if other is stream:
                    stream.read_until(lambda c: c.answer(answer) is not None)
                else:
                    read_together(stream, other, lambda: other.answer(answer) is not None)
                epoch = pb.CancelSpeechResponse.FromString(other.answer(answer)).cancel_epoch
                assert epoch == 1
                mark = stream.log.index((answer, other.answer(answer))) if other is stream else len(stream.log)
                # Another reply follows: its chunks are of the new epoch.
                short = unlike("好的，那我们换一个话题吧。")
                engines.replies["换话题"] = short
                listener.send(conversation, "换话题")
                stream.read_until(lambda c: any(
                    Events.kind(e) == "speech_chunk" and e.speech_chunk.is_last for e in c.events(events)))
            finally:
                other.close()
            before = [m for s, m in stream.log[:mark] if s == events]
            after = [m for s, m in stream.log[mark:] if s == events and m is not None]
            parse = type(stream.events(events)[0]).FromString
            old = [e.speech_chunk for e in map(parse, before) if Events.kind(e) == "speech_chunk"]
            new = [e.speech_chunk for e in map(parse, after) if Events.kind(e) == "speech_chunk"]
            total_before += len(old)
            assert old and {c.cancel_epoch for c in old} == {0}
            assert not any(c.is_last for c in old), "the reply was over before it was cancelled: nothing was tested"
            assert new and {c.cancel_epoch for c in new} == {1}
            assert list(sentences(new).values()) == [audio(short)]
    assert total_before > 6


def test_the_event_comes_before_whatever_is_spoken_next(engines, listener, conversation, long_reply):
    begun(listener, conversation)
    with quiet(listener, conversation) as live, engines.dripping(6_000, 0.005):
        listener.send(conversation, long_reply)
        live.wait_kind("speech_chunk", 2)
        epoch = cancel(listener, conversation).cancel_epoch
        event = live.wait_kind("speech_finished")
        reply = spoken_reply(live)
        assert event.sequence > 0 and event.turn_id == reply.turn_id
        assert event.speech_finished.cancelled and event.speech_finished.cancel_epoch == epoch == 1
        assert event.speech_finished.message_id == reply.agent_message.message_id
        # Nobody said how much was heard: all of it counts.
        assert event.speech_finished.heard_text == reply.agent_message.text
        listener.send(conversation, "后来呢")
        wait_spoken(live, 1)
        at = live.all.index(event)
        assert all(e.speech_chunk.cancel_epoch == 1 for e in live.all[at:] if Events.kind(e) == "speech_chunk")
    message = next(m for m in listener.messages(conversation) if m.message_id == reply.agent_message.message_id)
    assert not message.interrupted and not message.heard_text


def test_commands_do_not_wait_for_turns_or_speech(engines, speaking, listener, long_reply):
    """Cancels that change something: while chunks stream, and while a model is asked."""
    times_ms = {"chunks stream": [], "a turn runs": []}
    held = fresh("想很久")

    def timed(what, conversation):
        began = time.monotonic()
        assert not cancel(listener, conversation, timeout=5).duplicate
        times_ms[what].append((time.monotonic() - began) * 1000)

    with engines.hold(held) as gate, engines.dripping(4_000, 0.004):
        for _ in range(10):
            conversation = begun(listener, fresh("conversation"))
            with quiet(listener, conversation) as live:
                listener.send(conversation, long_reply)
                live.wait_kind("speech_chunk", 2)
                timed("chunks stream", conversation)
                listener.wait_idle(conversation)
                listener.send(conversation, "再说一句")
                live.wait_kind("turn_completed", 2)
                listener.send(conversation, held)
                live.wait_kind("turn_started", 3)
                timed("a turn runs", conversation)
                assert len(live.of("turn_completed")) == 2
        gate.set()
    for what, found in times_ms.items():
        print(f"CancelSpeech while {what}: median {statistics.median(found):.1f} ms, worst {max(found):.1f} ms")
        assert statistics.median(found) < 200


# What was heard.


def test_what_was_heard_is_stored_and_is_what_the_model_knows(engines, listener, conversation):
    begun(listener, conversation)
    first, second, third = unlike("河边的老屋我也记得呢。"), unlike("门口的那棵槐树真大，夏天很凉快。"), unlike("后来您去了哪里？")
    engines.replies["说说老屋"] = f"{first}{second}[SPLIT]{third}"
    with quiet(listener, conversation) as live:
        listener.send(conversation, "说说老屋")
        wait_spoken(live, 2)
        reply = spoken_reply(live)
        # In the second sentence, after its first clause.
        heard_ms = duration_ms(first) + duration_ms(second) * 0.75
        answer = cancel(listener, conversation, turn=reply.turn_id, heard_ms=heard_ms)
        assert answer.cancel_epoch == 1 and not answer.duplicate
        event = live.wait_kind("speech_finished")
        heard = first + "门口的那棵槐树真大，"
        assert event.speech_finished.heard_text == heard
    message = listener.messages(conversation)[-1]
    assert message.text == f"{first}{second}\n{third}" and message.heard_text == heard and message.interrupted
    listener.say(conversation, "等一下，你说什么")
    prompt = engines.prompts[-1]
    told = [m["content"] for m in prompt if m["role"] == "assistant"]
    assert told[-1].startswith(heard) and "被打断" in told[-1]
    assert third not in str(prompt) and "夏天很凉快" not in str(prompt)
    # From then on, also in the turn after.
    listener.say(conversation, "那你接着问吧")
    assert third not in str(engines.prompts[-1])


@pytest.mark.parametrize("heard_ms, heard, interrupted", [(0, "", True), (3_500_000, None, False)])
def test_nothing_and_everything(engines, listener, conversation, heard_ms, heard, interrupted):
    begun(listener, conversation)
    text = unlike("河边的老屋我也记得呢。")
    engines.replies["说一句"] = text
    with quiet(listener, conversation) as live:
        listener.send(conversation, "说一句")
        wait_spoken(live, 1)
        cancel(listener, conversation, heard_ms=heard_ms)
        expected = text if heard is None else heard
        assert live.wait_kind("speech_finished").speech_finished.heard_text == expected
    message = listener.messages(conversation)[-1]
    assert (message.heard_text, message.interrupted, message.text) == (expected, interrupted, text)
    listener.say(conversation, "接着说")
    assistant = [m["content"] for m in engines.prompts[-1] if m["role"] == "assistant"]
    assert ("被打断" in assistant[-1]) == (heard is not None)


def test_heard_of_a_reply_that_was_read_aloud_elsewhere(engines, listener, conversation):
    """No stream here has its durations: about as long as people take."""
    begun(listener, conversation)
    engines.replies["别处听"] = "河边的老屋我也记得呢。门口的那棵槐树真大，夏天很凉快。后来您去了哪里？"
    listener.say(conversation, "别处听")
    cancel(listener, conversation, heard_ms=3_000)
    assert listener.messages(conversation)[-1].heard_text == "河边的老屋我也记得呢。"


@pytest.mark.parametrize("is_read_aloud_here", [True, False])
def test_heard_on_a_stream_that_began_in_the_middle_of_the_reply(engines, listener, conversation, is_read_aloud_here):
    """Its playing began with a later piece: the position counts from there, and what is before was heard."""
    begun(listener, conversation)
    pieces = [unlike("河边的老屋我也记得呢。"), unlike("门口的那棵槐树真大。"), unlike("后来您去了哪里？")]
    words = fresh("从中间听")
    engines.replies[words] = "[SPLIT]".join(pieces)
    listener.say(conversation, words)
    reply = replies(listener.replay(conversation))[-len(pieces)]
    assert reply.agent_message.text == pieces[0]
    resumed = {"resume": pb.Resume(after_sequence=reply.sequence)} if is_read_aloud_here else {"speech": None}
    with quiet(listener, conversation, **resumed) as live:
        if is_read_aloud_here:
            assert [chunk.piece_index for chunk in wait_spoken(live, 2) if chunk.is_last] == [1, 2]
        id_ = str(uuid.uuid4())
        cancel(listener, conversation, turn=reply.turn_id, heard_ms=duration_ms(pieces[1]), heard_from_piece=1, request_id=id_)
        assert live.wait_kind("speech_finished").speech_finished.heard_text == "\n".join(pieces[:2])
        assert cancel(
            listener, conversation, turn=reply.turn_id, heard_ms=duration_ms(pieces[1]), heard_from_piece=1, request_id=id_).duplicate
        with refused(grpc.StatusCode.ALREADY_EXISTS, "REQUEST_ID_REUSED"):
            cancel(listener, conversation, turn=reply.turn_id, heard_ms=duration_ms(pieces[1]), request_id=id_)
    assert listener.messages(conversation)[-1].heard_text == "\n".join(pieces[:2])


def test_the_position_may_be_told_after_the_message_that_interrupted(engines, listener, conversation):
    begun(listener, conversation)
    first, second = unlike("河边的老屋我也记得呢。"), unlike("后来您去了哪里？")
    engines.replies["打断"] = first + second
    with quiet(listener, conversation) as live:
        listener.send(conversation, "打断")
        wait_spoken(live, 1)
        turn = spoken_reply(live).turn_id
        listener.send(conversation, "等一下")
        answer = cancel(listener, conversation, turn=turn, heard_ms=duration_ms(first))
        assert answer.cancel_epoch == 1
        # The reply to the interrupting message is not the one that was cancelled.
        wait_spoken(live, 2)
    heard = {m.turn_id: m.heard_text for m in listener.messages(conversation) if m.heard_text}
    assert heard == {turn: first}


# Idempotency, refusals, nothing to cancel.


def test_a_repeated_cancel_changes_nothing(engines, listener, conversation, long_reply):
    begun(listener, conversation)
    with quiet(listener, conversation) as live, engines.dripping(6_000, 0.005):
        listener.send(conversation, long_reply)
        live.wait_kind("speech_chunk")
        id_ = str(uuid.uuid4())
        first = cancel(listener, conversation, heard_ms=500, request_id=id_)
        again = cancel(listener, conversation, heard_ms=500, request_id=id_)
        assert (first.cancel_epoch, first.duplicate) == (1, False)
        assert (again.cancel_epoch, again.duplicate) == (1, True)
        assert cancel(listener, conversation).duplicate, "all is silent already"
        with refused(grpc.StatusCode.ALREADY_EXISTS, "REQUEST_ID_REUSED"):
            cancel(listener, conversation, heard_ms=501, request_id=id_)
        live.wait_kind("speech_finished")
        listener.say(conversation, "后来呢")
        assert len(live.of("speech_finished")) == 1
        assert cancel(listener, conversation, request_id="").cancel_epoch == 2


def test_where_nothing_was_said_nothing_is_cancelled(engines, listener, conversation):
    with refused(grpc.StatusCode.NOT_FOUND, "CONVERSATION_UNKNOWN"):
        cancel(listener, conversation)
    held = fresh("还没回答")
    with engines.hold(held):
        listener.send(conversation, held)
        answer = cancel(listener, conversation)
        assert answer.cancel_epoch == 0 and answer.duplicate
        assert cancel(listener, conversation, heard_ms=1_000).cancel_epoch == 0


@pytest.mark.parametrize("change, path", [
    (dict(heard_ms=1, heard_from_piece=-1), "heard_from_piece"), (dict(heard_ms=-1), "heard"), (dict(heard_ms=3_600_001), "heard"), (dict(request_id="x"), "request_id"),
])
def test_bad_fields(listener, conversation, change, path):
    begun(listener, conversation)
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "FIELD_INVALID", field=path):
        cancel(listener, conversation, **change)


@pytest.mark.parametrize("seconds, nanos", [(2**63 - 1, 0), (-2**63, 0), (1, -1), (0, 2**31 - 1)])
def test_durations_that_are_none(listener, conversation, seconds, nanos):
    request = pb.CancelSpeechRequest(conversation_id=conversation)
    request.heard.seconds, request.heard.nanos = seconds, nanos
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "FIELD_INVALID", field="heard"):
        listener.call("CancelSpeech", request)


def test_whose_speech_and_which_turn(listener, conversation, speaking, speaking_channel):
    begun(listener, conversation)
    with refused(grpc.StatusCode.NOT_FOUND, "TURN_UNKNOWN"):
        cancel(listener, conversation, turn="nothing")
    stranger = Person(speaking_channel, speaking.secret).provision(nickname="别人")
    with refused(grpc.StatusCode.PERMISSION_DENIED, "CONVERSATION_FORBIDDEN"):
        cancel(stranger, conversation)
    listener.call("DeleteConversation", pb.DeleteConversationRequest(conversation_id=conversation))
    with refused(grpc.StatusCode.FAILED_PRECONDITION, "CONVERSATION_DELETED"):
        cancel(listener, conversation)


# Barge-in.


def test_a_message_silences_what_was_spoken_before_it(engines, listener, conversation, long_reply):
    begun(listener, conversation)
    with quiet(listener, conversation) as live, engines.dripping(6_000, 0.005):
        listener.send(conversation, long_reply)
        live.wait_kind("speech_chunk", 2)
        reply = spoken_reply(live)
        held = fresh("打断你")
        with engines.hold(held) as gate:
            said = listener.send(conversation, held)
            message = live.wait_for(
                lambda e: next((x for x in e.all if x.sequence == said.sequence), None), "the message")
            live.wait_kind("heartbeat", len(live.of("heartbeat")) + 1, seconds=40)
            after = live.all[live.all.index(message):]
            assert not [e for e in after if Events.kind(e) == "speech_chunk"], "the old reply goes on"
            gate.set()
        wait_spoken(live, 1)
        assert chunks(live)[-1].message_id == spoken_reply(live).agent_message.message_id
        assert not live.of("speech_finished")
    stored = next(m for m in listener.messages(conversation) if m.message_id == reply.agent_message.message_id)
    assert not stored.interrupted, "nobody said what was heard: nothing is cut"
    assert stored.text in str(engines.prompts[-1])


def test_a_late_cancel_of_the_turn_before_leaves_the_new_reply(engines, listener, conversation, long_reply):
    begun(listener, conversation)
    with quiet(listener, conversation) as live, engines.dripping(6_000, 0.005):
        listener.say(conversation, "先说一句")
        wait_spoken(live, 1)
        earlier = spoken_reply(live).turn_id
        listener.send(conversation, long_reply)
        live.wait_for(lambda e: chunks(e, replies(e.all)[-1].agent_message.message_id) and
                      replies(e.all)[-1].turn_id != earlier, "the new reply is spoken")
        answer = cancel(listener, conversation, turn=earlier)
        count = len(chunks(live))
        live.wait_for(lambda e: len(chunks(e)) > count + 2, "the new reply goes on")
        assert chunks(live)[-1].cancel_epoch == answer.cancel_epoch == 1


# Several servers, restarts.


def test_the_epoch_and_what_was_heard_hold_on_another_server(engines, tmp_path, long_reply):
    env = {**engines.environment, "LIFEECHO_CONNECT_HEARTBEAT": "1s"}
    made = []
    with contextlib.ExitStack() as stack:
        database = stack.enter_context(Database())
        for n in range(2):
            folder = tmp_path / f"server-{n}"
            folder.mkdir()
            if made:
                shutil.copy(made[0].data_dir / "jwt-secret", folder / "jwt-secret")
            made.append(stack.enter_context(
                Server(folder, "--database-url", database.url, ephemeral=False, env=env)))
        one, two = made
        with open_channel(one.target) as here, open_channel(two.target) as there:
            person = Person(here, one.secret).provision(**COMPLETE_PROFILE)
            away = Person(there, one.secret, user=person.user)
            conversation = begun(person, fresh("conversation"))
            with quiet(person, conversation) as live, engines.dripping(3_000, 0.01):
                person.send(conversation, long_reply)
                live.wait_kind("speech_chunk", 2)
                reply = spoken_reply(live)
                # The other server hears the cancel; this one's stream is silent when the hint has come.
                assert cancel(away, conversation, turn=reply.turn_id, heard_ms=2_000).cancel_epoch == 1
                event = live.wait_kind("speech_finished")
                at = live.all.index(event)
                live.wait_kind("heartbeat", len(live.of("heartbeat")) + 2)
                assert not [e for e in live.all[at:] if Events.kind(e) == "speech_chunk"]
            person.say(conversation, "接着说吧")
            with quiet(away, conversation) as live:
                away.send(conversation, "再说一句")
                wait_spoken(live, 1)
                assert {c.cancel_epoch for c in chunks(live)} == {1}, "a new stream knows the epoch"
            heard = [m.heard_text for m in away.messages(conversation) if m.interrupted]
            assert len(heard) == 1 and reply.agent_message.text.startswith(heard[0])


def test_cancels_from_everywhere_at_once(engines, listener, conversation, long_reply):
    """Sixteen at a time: epochs are counted once each, and answers agree with the log."""
    begun(listener, conversation)
    answers = []
    with quiet(listener, conversation) as live, engines.dripping(6_000, 0.005):
        for _ in range(3):
            listener.send(conversation, long_reply)
            count = len(chunks(live))
            live.wait_for(lambda e: len(chunks(e)) > count, "speech")
            threads = [threading.Thread(target=lambda: answers.append(cancel(listener, conversation)))
                       for _ in range(16)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        listener.wait_idle(conversation)
        live.wait_kind("speech_finished", 3)
        finished = [e.speech_finished.cancel_epoch for e in live.of("speech_finished")]
        assert finished == list(range(1, len(finished) + 1))
        assert sum(not a.duplicate for a in answers) == len(finished)
