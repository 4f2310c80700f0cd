"""Speech out: replies read aloud on the streams that ask for it."""
import time

import grpc
import pytest

from contract import pb
from person import CALL_S, Events, Person, fresh, open_channel
from refusals import refused
from speech.engines import audio
from speech.listening import MP3, begun, cancel, chunks, quiet, replies, sentences, wait_spoken
from waiting import wait_until
import tokens

TWO_PIECES = "河边的老屋我记得。门口还有一棵槐树！[SPLIT]后来您去了哪里？"
SENTENCES = ["河边的老屋我记得。", "门口还有一棵槐树！", "后来您去了哪里？"]


def unlike(text):
    """A text that no other test had read aloud: the cache is shared."""
    return f"{text[:-1]}{fresh('')[1:9]}{text[-1]}"


def test_each_sentence_of_each_piece_in_order(engines, listener, conversation):
    begun(listener, conversation)
    engines.replies["说老屋"] = TWO_PIECES
    with quiet(listener, conversation) as live:
        assert dict(live.call.initial_metadata())["x-life-echo-speech"] == "mp3"
        listener.send(conversation, "说老屋")
        found = wait_spoken(live, 2)
        message = replies(live.all)[0].agent_message.message_id
        assert list(sentences(found).items()) == [
            ((message, 0, 0), audio(SENTENCES[0])), ((message, 0, 1), audio(SENTENCES[1])),
            ((message, 1, 0), audio(SENTENCES[2]))]
        assert [c.sentence_index for c in found if c.ends_sentence] == [0, 1, 0]
        speech = live.of("speech_chunk")
        assert all(e.sequence == 0 and e.log_epoch for e in speech)
        kinds = live.kinds()
        assert kinds.index("speech_chunk") > max(i for i, k in enumerate(kinds) if k == "agent_message")
        log = listener.replay(conversation)
        assert "speech_chunk" not in {Events.kind(e) for e in log}
        assert [e.agent_message.text for e in replies(log)][-2:] == ["河边的老屋我记得。门口还有一棵槐树！", "后来您去了哪里？"]


def test_a_greeting_is_read_aloud_too(engines, listener, conversation):
    with listener.connect(conversation, speech=MP3) as live:
        wait_spoken(live, 1)
        assert chunks(live)[0].message_id == replies(live.all)[0].agent_message.message_id


def test_service_tokens_learn_when_words_and_speech_were_there(engines, listener, conversation):
    begun(listener, conversation)
    engines.replies["说老屋"] = TWO_PIECES
    service = Person(listener.channel, listener.secret, user=listener.user,
                     token=tokens.service(listener.secret, "conversations"))
    service.metadata += (("x-life-echo-user", listener.user),)
    with quiet(service, conversation) as told, quiet(listener, conversation) as untold:
        listener.send(conversation, "说老屋")
        wait_spoken(told, 2)
        wait_spoken(untold, 2)
        assert not any(e.HasField("timings") for e in untold.all)
        words, speech = [e.timings for e in told.all if e.HasField("timings")]
        assert words.HasField("first_piece_time") and speech.HasField("first_chunk_time")
        assert words.first_piece_time.ToNanoseconds() <= speech.first_chunk_time.ToNanoseconds()


def test_other_streams_get_no_speech(engines, listener, conversation):
    begun(listener, conversation)
    engines.replies["说老屋"] = TWO_PIECES
    with quiet(listener, conversation) as speaking, listener.connect(conversation) as silent:
        silent.wait_kind("replay_completed")
        assert "x-life-echo-speech" not in dict(silent.call.initial_metadata())
        listener.send(conversation, "说老屋")
        wait_spoken(speaking, 2)
        silent.wait_kind("turn_completed")
        silent.wait_kind("heartbeat", seconds=40)
        assert not silent.of("speech_chunk")


def test_without_an_engine_the_stream_says_so(person, conversation):
    """The server of the other tests has none."""
    with person.connect(conversation, speech=MP3) as live:
        live.wait_kind("turn_completed")
        assert dict(live.call.initial_metadata())["x-life-echo-speech"] == "unavailable"
        assert cancel(person, conversation).cancel_epoch == 1
        live.wait_kind("speech_finished")
        assert not live.of("speech_chunk")


@pytest.mark.parametrize("speech, path", [
    (pb.SpeechOptions(format="flac"), "speech.format"), (pb.SpeechOptions(format="MP3"), "speech.format"),
    (pb.SpeechOptions(voice="v" * 65), "speech.voice"),
])
def test_unknown_formats_and_long_voices(listener, conversation, speech, path):
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "FIELD_INVALID", field=path):
        list(listener.stub.Connect(
            pb.ConnectRequest(conversation_id=conversation, speech=speech), metadata=listener.metadata, timeout=CALL_S))


def test_the_voice_goes_to_the_engine(engines, listener, conversation):
    begun(listener, conversation)
    text = unlike("河边的老屋我记得。")
    engines.replies["用别的声音"] = text
    with quiet(listener, conversation, speech=pb.SpeechOptions(voice="奶奶")) as live:
        assert dict(live.call.initial_metadata())["x-life-echo-speech"] == "mp3"
        listener.send(conversation, "用别的声音")
        wait_spoken(live, 1)
    asked = [r for r in engines.requests if r["input"] == text]
    assert [r["voice"] for r in asked] == ["奶奶"] and asked[0]["response_format"] == "mp3"


def test_two_listeners_one_synthesis(engines, speaking, listener, conversation):
    begun(listener, conversation)
    text = unlike("两个人一起听这句话。")
    engines.replies["一起听"] = text
    hits = speaking.metric("lifeecho_speech_cache_hits_total")
    with quiet(listener, conversation) as one, quiet(listener, conversation) as other:
        with engines.hold(text) as gate:
            listener.send(conversation, "一起听")
            wait_until(lambda: engines.count(text), "the engine is asked")
            one.wait_kind("turn_completed")
            other.wait_kind("turn_completed")
            gate.set()
        for live in (one, other):
            wait_spoken(live, 1)
            assert list(sentences(chunks(live)).values()) == [audio(text)]
    assert engines.count(text) == 1
    assert speaking.metric("lifeecho_speech_cache_hits_total") > hits


def test_what_was_said_before_is_not_made_again(engines, listener, conversation):
    begun(listener, conversation)
    text = unlike("这句话会再说一次。")
    engines.replies["再说一次"] = text
    with quiet(listener, conversation) as live:
        listener.send(conversation, "再说一次")
        wait_spoken(live, 1)
        listener.send(conversation, "再说一次")
        wait_spoken(live, 2)
    assert engines.count(text) == 1


def test_the_first_bytes_come_before_the_sentence_is_whole(engines, listener, conversation):
    begun(listener, conversation)
    text = unlike("这句话说得很慢很慢，慢慢地一个字一个字地说出来。")
    engines.replies["慢慢说"] = text
    with quiet(listener, conversation) as live, engines.dripping(4_000, 0.05):
        listener.send(conversation, "慢慢说")
        live.wait_kind("speech_chunk")
        first = chunks(live)[0]
        assert 0 < len(first.audio) < len(audio(text)) and not first.is_last
        wait_spoken(live, 1)
        assert list(sentences(chunks(live)).values()) == [audio(text)]


def test_the_next_sentence_is_asked_for_ahead(engines, listener, conversation):
    begun(listener, conversation)
    first, second, third = (unlike(s) for s in SENTENCES)
    engines.replies["提前准备"] = first + second + third
    with quiet(listener, conversation) as live, engines.hold(first) as gate:
        listener.send(conversation, "提前准备")
        wait_until(lambda: engines.count(second), "the second sentence is asked for while the first is made")
        assert not engines.count(third)
        gate.set()
        wait_spoken(live, 1)


def test_an_engine_that_fails_leaves_the_text(engines, speaking, listener, conversation):
    begun(listener, conversation)
    good, bad = unlike("这句话能读出来。"), unlike("这句话引擎读不了。")
    engines.replies["引擎坏了"] = f"{good}{bad}[SPLIT]{good}"
    engines.broken.append(bad)
    failures = speaking.metric("lifeecho_speech_synthesis_failures_total")
    with quiet(listener, conversation) as live:
        answer = listener.say(conversation, "引擎坏了")
        assert answer == [good + bad, good]
        found = wait_spoken(live, 2)
        assert [a for a in sentences(found).values() if a] == [audio(good), audio(good)]
        assert [c.piece_index for c in found if c.is_last] == [0, 1]
        live.wait_kind("turn_completed")
    assert speaking.metric("lifeecho_speech_synthesis_failures_total") > failures


def test_a_stuck_engine_delays_no_event(engines, listener, conversation):
    begun(listener, conversation)
    stuck = unlike("这句话卡住了。")
    engines.replies["卡住"] = stuck
    with quiet(listener, conversation) as live, engines.hold(stuck):
        listener.say(conversation, "卡住")
        assert listener.say(conversation, "那就打字吧") == ["您说的是那就打字吧。"]
        live.wait_kind("turn_completed", 2)
        # The message ended the stuck speech: the new reply is read aloud.
        assert wait_spoken(live, 1)[-1].message_id == replies(live.all)[-1].agent_message.message_id


def test_a_slow_listener_delays_nobody_and_gets_its_events(engines, speaking, listener, conversation):
    """It reads nothing for a while: durable events of others and commands go on, then it catches up."""
    begun(listener, conversation)
    long = "很长很长的一句话，讲的是河边的老屋和门口的槐树。" * 40
    engines.replies["讲很久"] = long
    with open_channel(speaking.target, **{"grpc.http2.bdp_probe": 0, "grpc.http2.lookahead_bytes": 65_535}) as channel:
        slow_person = Person(channel, listener.secret, user=listener.user)
        request = pb.ConnectRequest(conversation_id=conversation, intent=pb.INTENT_INTERACTIVE, speech=MP3)
        slow = slow_person.stub.Connect(request, metadata=slow_person.metadata)
        kinds = [Events.kind(next(slow)) for _ in range(2)]
        assert kinds == ["connected", "replay_completed"]
        with quiet(listener, conversation) as live:
            listener.send(conversation, "讲很久")
            live.wait_kind("turn_completed")
            wait_spoken(live, 1, seconds=40)
            began = time.monotonic()
            epoch = cancel(listener, conversation).cancel_epoch
            assert time.monotonic() - began < 1.5, "the cancel waited for the slow listener"
            listener.say(conversation, "现在说短的")
        seen = []
        while not seen or Events.kind(seen[-1]) != "turn_completed" or seen[-1].sequence < 9:
            seen.append(next(slow))
        durable = [e.sequence for e in seen if e.sequence]
        assert durable == list(range(durable[0], durable[0] + len(durable)))
        after = seen[[Events.kind(e) for e in seen].index("speech_finished"):]
        old = [e for e in after if Events.kind(e) == "speech_chunk" and e.speech_chunk.cancel_epoch < epoch]
        assert not old, "cancelled speech was sent after its SpeechFinished"
        slow.cancel()


def test_a_reply_missed_a_moment_ago_is_read_aloud_after_reconnecting(engines, listener, conversation):
    begun(listener, conversation)
    text = unlike("信号断了的时候说的话。")
    engines.replies["信号断了"] = text
    head = listener.replay(conversation)[-1].sequence
    listener.say(conversation, "信号断了")
    with listener.connect(conversation, speech=MP3, resume=pb.Resume(after_sequence=head)) as live:
        wait_spoken(live, 1)
        assert list(sentences(chunks(live)).values()) == [audio(text)]
        kinds = live.kinds()
        assert kinds.index("speech_chunk") > kinds.index("replay_completed")
    # History that was answered is not.
    listener.say(conversation, "后来又说了一句")
    before = engines.count(text)
    with listener.connect(conversation, speech=MP3, resume=pb.Resume(after_sequence=0)) as live:
        wait_spoken(live, 1)
        assert {c.message_id for c in chunks(live)} == {replies(live.all)[-1].agent_message.message_id}
    assert engines.count(text) == before


@pytest.mark.parametrize("when", ["while it runs", "after its end"])
def test_a_stream_until_a_turn_ends_after_its_speech(engines, listener, conversation, when):
    begun(listener, conversation)
    text = unlike("只听这一轮说的话。")
    engines.replies["只听一轮"] = text
    sent = listener.send(conversation, "只听一轮")
    if when == "after its end":
        listener.wait_idle(conversation)
    request = pb.ConnectRequest(
        conversation_id=conversation, intent=pb.INTENT_OBSERVE, until_turn_id=sent.turn_id, speech=MP3,
        resume=pb.Resume(after_sequence=sent.sequence - 1))
    seen = list(listener.stub.Connect(request, metadata=listener.metadata, timeout=CALL_S))
    kinds = [Events.kind(event) for event in seen]
    assert kinds[-1] == "speech_chunk" and kinds.index("speech_chunk") > kinds.index("agent_message")
    found = [event.speech_chunk for event in seen if Events.kind(event) == "speech_chunk"]
    assert list(sentences(found).values()) == [audio(text)] and found[-1].is_last


def test_an_interrupted_stream_until_a_turn_ends_at_once(engines, listener, conversation):
    begun(listener, conversation)
    text = unlike("这句话没有说完就被打断。")
    engines.replies["打断一轮"] = text
    with engines.hold(text):
        sent = listener.send(conversation, "打断一轮")
        live = listener.connect(
            conversation, intent=pb.INTENT_OBSERVE, until_turn_id=sent.turn_id, speech=MP3,
            resume=pb.Resume(after_sequence=sent.sequence - 1))
        live.wait_kind("turn_completed")
        wait_until(lambda: engines.count(text), "the engine is asked")
        assert not live.done.is_set()
        cancel(listener, conversation)
        assert live.wait_end() is None
        assert not live.of("speech_chunk")


def test_metrics(engines, speaking, listener, conversation):
    begun(listener, conversation)
    text = unlike("数一数有几块。")
    engines.replies["数一数"] = text
    sent = speaking.metric("lifeecho_speech_chunks_sent_total")
    with quiet(listener, conversation) as live:
        listener.send(conversation, "数一数")
        found = wait_spoken(live, 1)
    wait_until(
        lambda: speaking.metric("lifeecho_speech_chunks_sent_total") == sent + len(found), "every chunk is counted")
    assert speaking.metric("lifeecho_speech_first_chunk_duration_seconds_count") > 0
    assert speaking.metric("lifeecho_speech_synthesis_duration_seconds_count") > 0
