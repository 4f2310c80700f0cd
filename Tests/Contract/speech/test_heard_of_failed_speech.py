"""What counts as heard when the engine could not read everything aloud."""
from speech.engines import duration_ms
from speech.listening import begun, cancel, quiet, wait_spoken
from speech.test_speech import unlike


def test_a_sentence_that_was_never_read_aloud_was_not_heard(engines, listener, conversation):
    begun(listener, conversation)
    first, failed, third = unlike("河边的老屋我也记得呢。"), unlike("门口还有一棵槐树。"), unlike("后来您去了哪里？")
    engines.replies["中间坏了"] = f"{first}{failed}[SPLIT]{third}"
    engines.broken.append(failed)
    with quiet(listener, conversation) as live:
        listener.send(conversation, "中间坏了")
        wait_spoken(live, 2)
        cancel(listener, conversation, heard_ms=duration_ms(first))
        assert live.wait_kind("speech_finished").speech_finished.heard_text == first
    listener.say(conversation, "接着说")
    told = [m["content"] for m in engines.prompts[-1] if m["role"] == "assistant"]
    assert first in told[-1] and failed not in told[-1]


def test_nothing_was_heard_of_a_reply_that_was_never_read_aloud(engines, listener, conversation):
    begun(listener, conversation)
    failed = [unlike("河边的老屋我也记得呢。"), unlike("后来您去了哪里？")]
    engines.replies["全坏了"] = "".join(failed)
    engines.broken += failed
    with quiet(listener, conversation) as live:
        listener.send(conversation, "全坏了")
        wait_spoken(live, 1)
        cancel(listener, conversation, heard_ms=0)
        assert live.wait_kind("speech_finished").speech_finished.heard_text == ""
