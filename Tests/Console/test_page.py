"""The page itself, against a scripted bridge."""
import base64
import json
import time
import uuid

import pytest

from browser import DESKTOP, PHONE
from scripted_bridge import CHIPS, GREETING, OUT_OF_TURNS, silent_mp3
from steps import messages, raw_frames, settings, wait_idle, wait_said, wait_state, write, words
from waiting import wait_until

TOKEN = "eyJ.secret-of-this-test.abc"
# Two cores need 6 s; laid out for each frame it takes minutes.
LONG_LOG_S = 30


def opened(open_page, bridge, size=DESKTOP, **fragment):
    page = open_page(bridge.address(TOKEN, **fragment), size=size)
    wait_idle(page)
    return page


# Coming in

def test_it_opens_and_greets(open_page, bridge):
    page = opened(open_page, bridge)
    assert messages(page) == [("访谈员说", text) for text in GREETING]
    assert page.texts("#chips button") == [chip["text"] for chip in CHIPS]
    assert page.text("#state-text") == "已连接"
    assert "28 次" in page.text("#quota") and "19 分钟" in page.text("#quota")
    assert bridge.handshakes[0]["v"] == "2" and bridge.handshakes[0]["speech"] == "mp3"
    assert all(url.startswith(f"http://127.0.0.1:{bridge.port}/") or url.startswith(("data:,", "blob:")) for url in page.requests)


def test_the_token_is_nowhere_to_be_found(open_page, bridge):
    page = opened(open_page, bridge)
    write(page, "我的口令不该出现")
    wait_said(page, "我的口令不该出现")
    settings(page)
    assert len(raw_frames(page)) > 5
    assert bridge.handshakes[0]["token"] == TOKEN
    for where in ("location.href", "document.documentElement.outerHTML", "JSON.stringify({...localStorage, ...sessionStorage})",
                  "document.cookie", "JSON.stringify(history.state)", "document.querySelector('#token').value"):
        assert TOKEN not in (page.js(where) or ""), where
    # A server that says it back does not bring it onto the page's raw view.
    bridge.tell("error", code="INTERNAL", message=f"token {TOKEN}")
    wait_until(lambda: any("•••" in line for line in raw_frames(page)), "the frame is shown")
    assert not any(TOKEN in line for line in raw_frames(page))


def test_without_a_token_it_asks_for_one(open_page, bridge):
    page = open_page(f"http://127.0.0.1:{bridge.port}/")
    page.wait("document.querySelector('#gate').checkVisibility()")
    assert not page.visible("#talk") and page.js("document.activeElement.id") == "token"
    page.type(TOKEN)
    page.press("Enter")
    wait_idle(page)
    assert bridge.handshakes[0]["token"] == TOKEN and TOKEN not in page.js("location.href")


def test_a_refused_token_is_asked_for_again(open_page, bridge):
    bridge.refuse = 403
    page = open_page(bridge.address(TOKEN))
    page.wait("document.querySelector('#gate').checkVisibility()")
    assert page.text("#gate-why").startswith("进不去")
    bridge.refuse = None
    page.type("a-better-token")
    page.press("Enter")
    wait_idle(page)
    assert bridge.handshakes[-1]["token"] == "a-better-token"


def test_a_reload_keeps_the_conversation_and_forgets_the_token(open_page, bridge):
    page = opened(open_page, bridge, conversation="旧话/1")
    write(page, "我小时候住在河边。")
    wait_said(page, "后来呢？")
    before = words(page)
    assert bridge.clients[0].conversation == "旧话/1"
    page.reload()
    page.wait("document.querySelector('#gate').checkVisibility()")
    page.type(TOKEN)
    page.press("Enter")
    wait_idle(page)
    assert words(page) == before and bridge.handshakes[-1]["after"] == "0"
    assert bridge.clients[-1].conversation == "旧话/1"


# Writing

def test_enter_sends_and_shift_enter_does_not(open_page, bridge):
    page = opened(open_page, bridge)
    page.focus("#say")
    page.type("第一行")
    page.press("Enter", shift=True)
    page.type("第二行")
    page.press("Enter")
    assert bridge.wait_for("text")["text"] == "第一行\n第二行"
    assert page.js("document.querySelector('#say').value") == ""
    assert page.js("document.activeElement.id") == "say"


@pytest.mark.parametrize("key, number", [("Process", 229), ("Enter", 229), ("Enter", 13)], ids=["Windows", "Safari", "composing"])
def test_enter_that_belongs_to_an_input_method_does_not_send(open_page, bridge, key, number):
    page = opened(open_page, bridge)
    page.focus("#say")
    page.compose("ni hao")
    if (key, number) == ("Enter", 229):
        # Safari ends the composition first.
        page.type("你")
    page.press_in_composition(key, number)
    assert page.js("document.querySelector('#say').value") != "", "it was sent"
    page.type("好")
    page.press("Enter")
    sent = bridge.wait_for("text")["text"]
    assert sent.endswith("好") and len(bridge.of("text")) == 1


@pytest.mark.parametrize("blank", ["", "   ", "\u3000\n"])
def test_blank_text_is_not_sent(open_page, bridge, blank):
    page = opened(open_page, bridge)
    write(page, blank)
    write(page, "有话")
    assert bridge.wait_for("text")["text"].strip() == "有话" and len(bridge.of("text")) == 1


def test_too_long_a_text_is_kept_and_explained(open_page, bridge):
    page = opened(open_page, bridge)
    write(page, "长" * 4001)
    page.wait("document.querySelector('#notice').textContent")
    assert "4000" in page.text("#notice") and len(page.js("document.querySelector('#say').value")) == 4001
    assert bridge.of("text") == []


def test_markup_is_text(open_page, bridge):
    page = opened(open_page, bridge)
    attack = "<img src=x onerror=alert(1)><script>alert(2)</script>"
    bridge.reply(attack)
    write(page, attack)
    wait_said(page, attack, count=2)
    assert page.js("document.querySelectorAll('#log img, #log script').length") == 0


def test_a_chip_is_sent_with_its_id(open_page, bridge):
    page = opened(open_page, bridge)
    bridge.answers = False
    page.click("#chips button:nth-child(2)")
    sent = bridge.wait_for("text")
    assert sent["text"] == CHIPS[1]["text"] and sent["chip_id"] == CHIPS[1]["id"] and sent["client_msg_id"]
    assert not page.visible("#chips")
    assert words(page)[-1] == CHIPS[1]["text"]


# Losing the connection

def test_after_a_cut_it_resumes_where_it_was(open_page, bridge):
    page = opened(open_page, bridge)
    before = words(page)
    bridge.cut()
    bridge.append("agent_response", text="您还在吗？", index=0, total=1, assistant_message_id="m-9", turn_id="t-9")
    wait_said(page, "您还在吗？")
    assert words(page) == [*before, "您还在吗？"]
    again = bridge.handshakes[-1]
    # The last event is asked for again: its frames may have been cut off halfway.
    assert again["epoch"] == bridge.epoch and 0 < int(again["after"]) <= 4
    assert again["device"] == bridge.handshakes[0]["device"]


def test_a_message_without_ack_is_sent_again_under_its_id(open_page, bridge):
    page = opened(open_page, bridge)
    bridge.acknowledges = False
    write(page, "这句不能丢")
    first = bridge.wait_for("text")
    page.wait("document.querySelector('.said.pending')")
    # What is stored already stands before what is not.
    bridge.append("agent_response", text="您慢慢说。", index=0, total=1, assistant_message_id="m-8", turn_id="t-8")
    wait_said(page, "您慢慢说。")
    assert words(page)[-2:] == ["您慢慢说。", "这句不能丢"]
    bridge.acknowledges = True
    bridge.cut()
    again = bridge.wait_for("text", 2)
    assert again == first
    page.wait("!document.querySelector('.said.pending')")
    assert words(page).count("这句不能丢") == 1
    assert len([e for e in bridge.log if e["type"] == "message"]) == 1


def test_a_lost_ack_does_not_double_a_message(open_page, bridge):
    """It was stored, the answer was lost, and the replay shows it."""
    page = opened(open_page, bridge)
    bridge.acknowledges = False
    write(page, "只说一遍")
    request = bridge.wait_for("text")["client_msg_id"]
    bridge.cut()
    bridge.append("message", message_id="m-1", text="只说一遍", source="text", request_id=request, turn_id="t-1")
    page.wait("!document.querySelector('.said.pending')")
    wait_state(page, "open")
    assert words(page).count("只说一遍") == 1


def test_what_is_written_while_away_is_sent_on_return(open_page, bridge):
    page = opened(open_page, bridge)
    bridge.refuse = 503
    bridge.cut()
    page.wait("document.querySelector('#state').dataset.state !== 'open'")
    for line in ("第一句", "第二句"):
        write(page, line)
        page.wait("document.querySelector('.said.pending')")
    assert "连上后自动发送" in page.text(".said.pending")
    bridge.refuse = None
    bridge.wait_for("text", 2)
    wait_idle(page)
    page.wait("!document.querySelector('.said.pending')")
    assert [f["data"]["text"] for f in bridge.of("text")] == ["第一句", "第二句"]
    assert [w for w in words(page) if w.startswith("第")] == ["第一句", "第二句"]
    # A known-good token is not doubted because the service was away.
    assert not page.visible("#gate")


def test_a_page_with_unsaved_words_is_not_left_unasked(open_page, bridge):
    page = opened(open_page, bridge)
    write(page, "存好了")
    wait_said(page, "后来呢？")
    page.reload()
    assert page.dialogs == []
    page.type(TOKEN)
    page.press("Enter")
    wait_idle(page)
    bridge.acknowledges = False
    write(page, "还没存好")
    bridge.wait_for("text", 2)
    page.reload()
    assert page.dialogs == ["beforeunload"]


def test_an_ack_that_overtakes_events_is_no_position(open_page, bridge):
    page = opened(open_page, bridge)
    bridge.answers = False
    head = len(bridge.log)
    bridge.tell("ack", client_msg_id="somebody", seq=head + 50)
    for client in bridge.clients:
        client.send({"type": "ack", "seq": head + 50, "log_epoch": bridge.epoch, "data": {"client_msg_id": "x"}, "timestamp": ""})
    write(page, "好")
    bridge.wait_for("text")
    bridge.cut()
    bridge.wait_clients()
    wait_until(lambda: len(bridge.handshakes) == 2, "it is back")
    assert int(bridge.handshakes[-1]["after"]) <= head + 1


def test_a_log_that_is_not_the_same_is_read_again(open_page, bridge):
    page = opened(open_page, bridge)
    write(page, "旧的")
    wait_said(page, "后来呢？")
    bridge.epoch, bridge.log = "another", []
    bridge.append("agent_response", text="从头来", index=0, total=1, assistant_message_id="n", turn_id="t")
    bridge.cut()
    wait_said(page, "从头来")
    wait_state(page, "open")
    assert words(page) == ["从头来"]
    assert bridge.handshakes[-1]["after"] == "0" and "epoch" not in bridge.handshakes[-1]


def test_a_long_conversation_is_shown_soon(open_page, bridge):
    turns = 1_000
    for number in range(turns):
        bridge.append("message", message_id=str(uuid.uuid4()), text=f"第{number}件事,我小时候住在河边。", source="text",
                      turn_id=str(uuid.uuid4()))
        bridge.reply(f"您说的第{number}件事,真好。", "后来呢？")
    page = open_page(bridge.address(TOKEN))
    page.wait(f"document.querySelector('#log').ariaBusy === 'false' && document.querySelectorAll('#log > .said').length === {3 * turns}",
              "the whole log is shown", LONG_LOG_S)
    write(page, "我接着说。")
    wait_said(page, "我接着说。")
    settings(page)
    assert len(raw_frames(page)) == 300


def test_a_restart_is_announced_and_waited_for(open_page, bridge):
    page = opened(open_page, bridge)
    bridge.tell("go_away", reason="DRAINING", reconnect_delay=1)
    page.wait("document.querySelector('#notice').textContent")
    assert "自动重连" in page.text("#notice")
    closed_s = time.monotonic()
    bridge.close(1012, "retry in 1 s")
    wait_until(lambda: len(bridge.handshakes) == 2, "it is back")
    assert time.monotonic() - closed_s >= 1
    wait_idle(page)
    assert "恢复" in page.text("#notice")


@pytest.mark.parametrize("code, shown", [
    ("CONVERSATION_DELETED", "已经删除"), ("CONVERSATION_FORBIDDEN", "别人的"), ("USER_UNKNOWN", "没有这个用户"),
    ("FIELD_INVALID", "不能打开"), (None, "已经删除")])
def test_a_conversation_that_is_closed_for_good(open_page, bridge, code, shown):
    """By the error's code; the first protocol has the reason only."""
    page = opened(open_page, bridge)
    if code:
        bridge.tell("error", code=code, message="不能来")
    bridge.close(1008, "不能来" if code else "对话已删除")
    wait_state(page, "refused")
    assert shown in page.text("#notice")
    assert page.js("document.querySelectorAll('.note.bad').length") == (1 if code == "FIELD_INVALID" else 0)
    settings(page)
    page.click("#fresh")
    wait_until(lambda: len(bridge.handshakes) == 2, "a new conversation")
    wait_idle(page)


def test_an_expired_token_is_replaced_without_loss(open_page, bridge):
    page = opened(open_page, bridge)
    bridge.acknowledges = False
    write(page, "过期前说的")
    bridge.wait_for("text")
    bridge.acknowledges = True
    bridge.close(4401, "token expired")
    page.wait("document.querySelector('#gate').checkVisibility()")
    assert "过期" in page.text("#gate-why")
    page.type("fresh-token")
    page.press("Enter")
    wait_said(page, "您说“过期前说的”，真好。")
    assert words(page).count("过期前说的") == 1 and words(page)[:2] == GREETING
    assert bridge.handshakes[-1]["token"] == "fresh-token" and "epoch" in bridge.handshakes[-1]


def test_an_ended_conversation_goes_on_with_the_next_word(open_page, bridge):
    page = opened(open_page, bridge)
    settings(page)
    page.click("#end")
    wait_state(page, "closed")
    page.wait("[...document.querySelectorAll('.note')].some(e => e.textContent.includes('已结束'))")
    write(page, "我又想起一件事")
    wait_said(page, "您说“我又想起一件事”，真好。")
    assert len(bridge.handshakes) == 2


def test_what_was_on_its_way_survives_the_end(open_page, bridge):
    page = opened(open_page, bridge)
    bridge.acknowledges = False
    write(page, "最后一句")
    bridge.wait_for("text")
    bridge.acknowledges = True
    settings(page)
    page.click("#end")
    wait_said(page, "您说“最后一句”，真好。")
    wait_state(page, "open")
    assert words(page).count("最后一句") == 1 and page.text("#state-text") == "已连接"


def test_it_thinks_until_there_is_an_answer(open_page, bridge):
    """Also when the connection was lost meanwhile."""
    page = opened(open_page, bridge)
    bridge.append("turn", turn_id="t-1", kind="reply", state="started", attempt=1)
    wait_said(page, "访谈员正在想…")
    bridge.append("message", message_id="m-1", text="还有", source="text", request_id="r-1", turn_id="t-2")
    bridge.refuse = 503
    bridge.cut()
    wait_said(page, "访谈员正在想…", count=0)
    bridge.refuse = None
    wait_said(page, "访谈员正在想…")
    bridge.append("turn", turn_id="t-1", kind="reply", state="completed")
    wait_said(page, "访谈员正在想…", count=0)


# Others, and what goes wrong

def test_another_device_is_shown_as_such(open_page, bridge):
    page = opened(open_page, bridge)
    bridge.append("message", message_id="m-7", text="平板上写的", source="text", request_id="r-7", turn_id="t-7")
    wait_said(page, "平板上写的")
    assert messages(page)[-1] == ("您（另一台设备）说", "平板上写的")


def test_a_failed_turn_can_be_tried_again(open_page, bridge):
    page = opened(open_page, bridge)
    bridge.append("error", code="TURN_FAILED", message="处理失败,请重试", turn_id="t-5", retryable=True)
    page.wait("document.querySelector('.note.bad')")
    assert "已经保存" in page.text(".note.bad")
    page.click(".note.bad button")
    assert bridge.wait_for("retry") == {"turn_id": "t-5"}
    page.wait("!document.querySelector('.note.bad')")


def fail(bridge, turn, retryable=True):
    """A reply that could not be made, as the bridge shows it."""
    bridge.append("turn", turn_id=turn, kind="reply", state="failed", retryable=retryable)
    bridge.append("error", same_event=True, code="TURN_FAILED", message="处理失败,请重试", turn_id=turn, retryable=retryable)


def test_after_a_reload_a_failed_turn_can_be_tried_again(open_page, bridge):
    page = opened(open_page, bridge)
    bridge.append("turn", turn_id="t-0", kind="re_greeting", state="failed", retryable=True)
    fail(bridge, "t-1")
    bridge.append("turn", turn_id="t-1", kind="reply", state="started", attempt=2)
    bridge.append("agent_response", text="这回想好了。", index=0, total=1, assistant_message_id="m-1", turn_id="t-1")
    bridge.append("turn", turn_id="t-1", kind="reply", state="completed")
    fail(bridge, "t-2")
    fail(bridge, "t-3", retryable=False)
    page.wait("document.querySelectorAll('.note.bad').length === 2")
    page.reload()
    page.type(TOKEN)
    page.press("Enter")
    wait_idle(page)
    assert [words[:4] for words in in_order(page)[len(GREETING):]] == ["这回想好", "刚才没有", "刚才没有"]
    assert page.js("[...document.querySelectorAll('.note.bad')].map(note => note.querySelector('button').checkVisibility())") == [True, False]
    page.click(".note.bad button")
    assert bridge.wait_for("retry") == {"turn_id": "t-2"}
    page.wait("document.querySelectorAll('.note.bad').length === 1")


def test_a_refused_retry_shows_the_failure_again(open_page, bridge):
    page = opened(open_page, bridge)
    bridge.append("error", code="TURN_FAILED", message="处理失败,请重试", turn_id="t-5", retryable=True)
    page.click(".note.bad button")
    bridge.wait_for("retry")
    page.wait("!document.querySelector('.note.bad')")
    bridge.tell("error", code="TURN_UNKNOWN", message="处理失败,请重试", turn_id="t-5")
    page.wait("document.querySelector('.note.bad button')")
    page.click(".note.bad button")
    bridge.wait_for("retry", 2)
    # Its answer is lost with the connection.
    bridge.cut()
    page.wait("document.querySelector('.note.bad button')")


def in_order(page):
    """The words of everything in the log, notes too."""
    return page.js("[...document.querySelectorAll('#log > li p span + span')].map(e => e.textContent)")


def test_what_went_wrong_stands_where_it_happened(open_page, bridge):
    """By its event's number, or, when it shows no event, where it came."""
    page = opened(open_page, bridge)
    bridge.append("error", code="TRANSCRIPTION_FAILED", message="语音转写失败,请重试或使用文字输入", voice_session_id="v-1",
                  generation=1, reason="ENGINE_FAILED", retryable=True)
    bridge.reply("第一句。")
    bridge.tell("error", code="RATE_LIMITED", message="处理失败,请重试")
    page.wait("document.querySelectorAll('.note.bad').length === 2")
    bridge.reply("第二句。")
    wait_said(page, "第二句。")
    shown = [words[:4] for words in in_order(page)[len(GREETING):]]
    assert shown == ["这段录音", "第一句。", "出了点小", "第二句。"]
    page.reload()
    page.type(TOKEN)
    page.press("Enter")
    wait_said(page, "第二句。")
    assert [words[:4] for words in in_order(page)[len(GREETING):]] == ["这段录音", "第一句。", "第二句。"]


def test_a_used_up_quota_is_told_once(open_page, bridge):
    page = opened(open_page, bridge)
    for _ in range(3):
        bridge.tell("error", code="QUOTA_EXCEEDED", message=OUT_OF_TURNS)
    bridge.reply("好。")
    wait_said(page, "好。")
    assert page.js("document.querySelectorAll('.note.bad').length") == 1


def test_a_used_up_quota_keeps_the_words(open_page, bridge):
    page = opened(open_page, bridge)
    bridge.acknowledges = False
    write(page, "还想说")
    request = bridge.wait_for("text")["client_msg_id"]
    bridge.tell("error", code="QUOTA_EXCEEDED", message=OUT_OF_TURNS, client_msg_id=request)
    page.wait("document.querySelector('.said.failed')")
    assert "还想说" in page.text(".said.failed") and "明天再聊" in page.text(".note.bad")
    bridge.acknowledges = True
    page.click(".said.failed button")
    wait_said(page, "您说“还想说”，真好。")
    assert bridge.wait_for("text", 2)["client_msg_id"] == request


def test_a_passing_failure_is_tried_again_by_itself(open_page, bridge):
    page = opened(open_page, bridge)
    bridge.acknowledges = False
    write(page, "试试看")
    request = bridge.wait_for("text")["client_msg_id"]
    bridge.acknowledges = True
    bridge.tell("error", code="UNAVAILABLE", message="处理失败,请重试", client_msg_id=request)
    wait_said(page, "您说“试试看”，真好。")
    assert bridge.wait_for("text", 2)["client_msg_id"] == request


def test_unknown_frames_are_ignored(open_page, bridge):
    page = opened(open_page, bridge)
    bridge.tell("hologram", anything=[1, 2])
    bridge.reply("照常。")
    wait_said(page, "照常。")


# Speaking

def record(page, bridge, seconds):
    """Presses the microphone, speaks for so long, presses again."""
    page.click("#mic")
    page.wait("document.querySelector('#recording').checkVisibility()")
    assert page.text("#mic-text") == "说完了"
    page.wait(f"document.querySelector('#recording-time').textContent >= '0:{seconds:02}'", seconds=seconds + 10)
    page.click("#mic")


def segments(bridge):
    return [frame["data"] for frame in bridge.of("binary")]


def decoded_s(page, audio):
    """How long a file sounds when it is decoded alone, and how loud it is."""
    return page.js(f"""(async () => {{
      const bytes = Uint8Array.from(atob('{base64.b64encode(audio).decode()}'), c => c.charCodeAt(0));
      const sound = await new OfflineAudioContext(1, 16000, 16000).decodeAudioData(bytes.buffer);
      return [sound.duration, Math.max(...sound.getChannelData(0))];
    }})()""")


def test_a_recording_comes_in_segments_that_stand_alone(open_page, bridge):
    page = opened(open_page, bridge)
    record(page, bridge, 10)
    wait_said(page, "我小时候住在河边。")
    wait_said(page, "讲得真好。")
    sent = segments(bridge)
    started = bridge.wait_for("recording_started")
    assert {s["voice_session_id"] for s in sent} == {started["voice_session_id"]}
    assert [s["segment_index"] for s in sent] == list(range(len(sent))) and len(sent) >= 2
    assert [s["is_last"] for s in sent] == [False] * (len(sent) - 1) + [True]
    assert all(4.5 <= s["duration"] <= 9 for s in sent[:-1])
    total_s, loudest = 0, 0
    for segment in sent:
        duration_s, peak = decoded_s(page, segment["audio"])
        assert abs(duration_s - segment["duration"]) < 0.5
        total_s, loudest = total_s + duration_s, max(loudest, peak)
    assert 9.5 < total_s < 13 and loudest > 0.1
    assert messages(page)[2] == ("您说", "我小时候住在河边。")
    assert not page.visible("#recording") and page.text("#mic-text") == "按这里说话"


def test_without_a_pause_a_segment_ends_after_eight_seconds(open_page, bridge):
    page = opened(open_page, bridge)
    page.js("AnalyserNode.prototype.getFloatTimeDomainData = samples => samples.fill(0.5), true")
    record(page, bridge, 9)
    wait_said(page, "讲得真好。")
    assert 7.9 <= segments(bridge)[0]["duration"] <= 9 and len(segments(bridge)) == 2


def test_segments_without_ack_are_sent_again(open_page, bridge):
    page = opened(open_page, bridge)
    bridge.acknowledges = False
    page.click("#mic")
    wait_until(lambda: segments(bridge), "a segment", 20)
    bridge.acknowledges = True
    bridge.cut()
    wait_until(lambda: len(bridge.segments) == 1, "it is stored")
    page.click("#mic")
    wait_said(page, "讲得真好。")
    (stored,) = bridge.segments.values()
    sent = segments(bridge)
    assert sent[1]["audio"] == sent[0]["audio"] and sent[1]["segment_index"] == 0
    assert sorted(stored) == list(range(len(stored))) and len(stored) >= 2
    assert [said for who, said in messages(page) if who == "您说"] == ["我小时候住在河边。"]


def test_a_recording_without_words_is_explained_kindly(open_page, bridge):
    bridge.transcript = ""
    page = opened(open_page, bridge)
    record(page, bridge, 1)
    page.wait("document.querySelector('.said.failed')")
    assert "没有听清" in page.text(".said.failed")
    assert len(segments(bridge)) == 1 and segments(bridge)[0]["is_last"]


def test_a_failed_transcription_can_be_tried_again(open_page, bridge):
    bridge.transcript = None
    page = opened(open_page, bridge)
    record(page, bridge, 1)
    wait_until(lambda: bridge.segments, "it is stored")
    (session,) = bridge.segments
    bridge.append("transcript", text="", audio_duration=1, voice_session_id=session)
    bridge.append("error", same_event=True, code="TRANSCRIPTION_FAILED", message="语音转写失败,请重试或使用文字输入",
                  voice_session_id=session, generation=1, reason="ENGINE_FAILED", retryable=True)
    page.wait("document.querySelector('.said.failed button')")
    assert "录音已经留着" in page.text(".said.failed")
    page.click(".said.failed button")
    assert bridge.wait_for("retry") == {"voice_session_id": session, "generation": 1}
    bridge.append("transcript", text="这回听清了", audio_duration=1, voice_session_id=session, message_id="m-3")
    wait_said(page, "这回听清了")
    assert not page.js("document.querySelector('.said.failed, .said.waiting')")


def test_without_a_recogniser_a_recording_can_be_tried_again_and_again(open_page, bridge):
    bridge.transcript = None
    page = opened(open_page, bridge)
    record(page, bridge, 1)
    wait_until(lambda: bridge.segments, "it is stored")
    (session,) = bridge.segments
    bridge.append("error", code="TRANSCRIPTION_FAILED", message="语音转写失败,请重试或使用文字输入", voice_session_id=session,
                  generation=1, reason="ENGINE_MISSING", retryable=True)
    for attempt in (1, 2):
        page.wait("document.querySelector('.said.failed button')")
        assert "没有语音识别" in page.text(".said.failed")
        page.click(".said.failed button")
        bridge.wait_for("retry", attempt)
        page.wait("document.querySelector('.said.waiting')")
        bridge.tell("error", code="ENGINE_MISSING", message="语音转写失败,请重试", voice_session_id=session)
    page.wait("document.querySelector('.said.failed button')")
    assert not page.js("document.querySelector('.note.bad')")


def test_a_recording_over_the_quota_is_kept_until_it_is_sent_again(open_page, bridge):
    """It is not sent by itself, and what is still being said is not recorded in vain."""
    bridge.refuses_recordings = "QUOTA_EXCEEDED"
    page = opened(open_page, bridge)
    page.click("#mic")
    page.wait("document.querySelector('.said.failed') && document.querySelector('#mic-text').textContent === '按这里说话'",
              "the microphone is off")
    assert "明天再聊" in page.text(".said.failed") and not page.js("document.querySelector('.note.bad')")
    assert len(segments(bridge)) == 1
    bridge.cut()
    wait_until(lambda: len(bridge.handshakes) == 2, "it connects again")
    wait_idle(page)
    write(page, "还在")
    wait_said(page, "还在")
    assert len(segments(bridge)) == 1 and "明天再聊" in page.text(".said.failed")
    assert "留在这个页面" in page.text(".said.failed")
    page.click(".said.failed button")
    wait_until(lambda: len(segments(bridge)) > 1, "it is sent again")
    page.wait("document.querySelector('.said.failed button')", "and refused again")
    # With the page it would be lost; ending the conversation ends it all the same.
    assert not page.js("dispatchEvent(new Event('beforeunload', {cancelable: true}))"), "the person is asked"
    bridge.close(1000)
    wait_state(page, "closed")
    bridge.refuses_recordings = None
    page.click(".said.failed button")
    wait_said(page, "讲得真好。")
    (stored,) = bridge.segments.values()
    assert sorted(stored) == list(range(len(stored))) and segments(bridge)[-1]["is_last"]
    assert stored[0] == segments(bridge)[0]["audio"]
    assert not page.js("document.querySelector('.said.failed, .said.waiting')")


def test_a_refused_segment_does_not_end_a_recording(open_page, bridge):
    page = opened(open_page, bridge)
    bridge.acknowledges = False
    page.click("#mic")
    wait_until(lambda: segments(bridge), "a segment", 20)
    bridge.acknowledges = True
    bridge.tell("audio_ack", voice_session_id=segments(bridge)[0]["voice_session_id"], durable_through=-1, durable=[], missing=[0],
                rejected=[{"index": 0, "code": "SEGMENT_TOO_LARGE", "message": "语音处理失败,请重试或使用文字输入"}],
                duplicate=False, state="recording")
    page.wait("document.querySelector('.said.failed')")
    assert page.text("#mic-text") == "说完了"
    page.click("#mic")
    wait_said(page, "我小时候住在河边。")
    assert [s["is_last"] for s in segments(bridge)] == [False, True]


def test_a_recording_that_cannot_be_taken_now_is_kept(open_page, bridge):
    bridge.refuses_recordings = "UNAVAILABLE"
    page = opened(open_page, bridge)
    record(page, bridge, 1)
    page.wait("document.querySelector('.note.bad') && document.querySelector('.said.waiting')")
    bridge.refuses_recordings = None
    bridge.cut()
    wait_said(page, "讲得真好。")
    assert not page.js("document.querySelector('.note.bad')")


def test_a_recording_that_ends_while_away_says_so(open_page, bridge):
    page = opened(open_page, bridge)
    bridge.refuse = 503
    bridge.cut()
    page.wait("document.querySelector('#state').dataset.state !== 'open'")
    record(page, bridge, 1)
    page.wait("document.querySelector('.said.waiting p').textContent.includes('连上后补发')")
    assert "变成文字" not in page.text(".said.waiting")
    bridge.refuse = None
    wait_said(page, "讲得真好。")
    # One that the connection is lost after.
    bridge.acknowledges = False
    record(page, bridge, 1)
    page.wait("document.querySelector('.said.waiting p')?.textContent.includes('变成文字')")
    bridge.refuse = 503
    bridge.cut()
    page.wait("document.querySelector('.said.waiting p').textContent.includes('连上后补发')")


def test_a_refused_recording_is_explained(open_page, bridge):
    bridge.acknowledges = False
    page = opened(open_page, bridge)
    record(page, bridge, 1)
    wait_until(lambda: segments(bridge), "a segment")
    bridge.tell("audio_ack", voice_session_id=segments(bridge)[0]["voice_session_id"], durable_through=-1, durable=[], missing=[],
                rejected=[{"index": 0, "code": "QUOTA_EXCEEDED", "message": "今天的语音时长已用完,可以用文字继续聊"}],
                duplicate=False, state="recording")
    page.wait("document.querySelector('.said.failed')")
    assert "语音时长已用完" in page.text(".said.failed")
    # Also when another conversation was open meanwhile.
    settings(page)
    for conversation in ("another", bridge.clients[0].conversation):
        page.js("document.querySelector('#conversation').select()")
        page.focus("#conversation")
        page.type(conversation)
        page.press("Enter")
        wait_until(lambda: [c.conversation for c in bridge.clients if c.ready] == [conversation], "the conversation")
        page.wait(f"Boolean(document.querySelector('.said.failed')) === {str(conversation != 'another').lower()}")
    bridge.acknowledges = True
    page.click(".said.failed button")
    wait_said(page, "讲得真好。")


def test_a_recording_stays_with_its_conversation(open_page, bridge):
    """What is recorded last comes when another conversation is open already: it waits for its own."""
    page = opened(open_page, bridge, conversation="first")
    page.click("#mic")
    page.wait("document.querySelector('#recording-time').textContent >= '0:01'")
    settings(page)
    page.focus("#conversation")
    page.js("document.querySelector('#conversation').select()")
    page.type("second")
    page.press("Enter")
    wait_until(lambda: [c.conversation for c in bridge.clients if c.ready] == ["second"], "the other conversation")
    page.wait("document.querySelector('#mic-text').textContent === '按这里说话'", "the recording ended")
    assert segments(bridge) == []
    page.js("document.querySelector('#conversation').select()")
    page.focus("#conversation")
    page.type("first")
    page.press("Enter")
    wait_until(lambda: segments(bridge), "the segment")
    wait_said(page, "讲得真好。")
    assert [client.conversation for client, frame in bridge.received if frame["type"] == "binary"] == ["first"]


def test_nobody_is_talked_over(open_page, bridge):
    bridge.speech_s = 20
    page = opened(open_page, bridge)
    page.click("#mic")
    page.wait("document.querySelector('#recording').checkVisibility()")
    bridge.reply("我在听。")
    wait_said(page, "我在听。")
    page.wait("document.querySelector('#recording-time').textContent >= '0:01'")
    assert not page.js("document.querySelector('.spoken')") and not page.visible("#speaking")


def test_a_conversation_id_is_no_longer_than_the_service_takes(open_page, bridge):
    page = opened(open_page, bridge)
    settings(page)
    page.js("document.querySelector('#conversation').select()")
    page.focus("#conversation")
    page.type("长" * 300)
    assert len(page.js("document.querySelector('#conversation').value")) == 256


def test_signing_out_forgets_everything(open_page, bridge):
    page = opened(open_page, bridge)
    bridge.acknowledges = False
    write(page, "没存好的话")
    bridge.wait_for("text")
    bridge.acknowledges = True
    settings(page)
    page.click("#forget")
    page.wait("document.querySelector('#gate').checkVisibility()")
    assert page.dialogs == ["confirm"]
    # Nobody is here whose conversation could be ended.
    page.click("#panel-button")
    assert not page.visible("#end") and not page.visible("#forget") and page.visible("#fresh")
    page.press("Escape")
    page.focus("#token")
    page.type("another-person")
    page.press("Enter")
    wait_idle(page)
    assert words(page) == GREETING and len(bridge.of("text")) == 1


def test_signing_out_while_recording_asks(open_page, bridge):
    page = opened(open_page, bridge)
    page.click("#mic")
    page.wait("document.querySelector('#recording').checkVisibility()")
    settings(page)
    page.click("#forget")
    page.wait("document.querySelector('#gate').checkVisibility()")
    assert page.dialogs == ["confirm"]


# Listening

def test_replies_are_read_aloud_and_can_be_stopped(open_page, bridge):
    bridge.speech_s = 20
    page = opened(open_page, bridge)
    # A page may not speak before it was touched: it offers to.
    page.wait("document.querySelector('#speech-play').checkVisibility()")
    page.click("#speech-play")
    page.wait("!document.querySelector('#speech-play').checkVisibility() && document.querySelector('.said.agent.spoken')")
    assert page.text(".said.spoken").startswith("访谈员说") and GREETING[0] in page.text(".said.spoken")
    started_s = time.monotonic()
    wait_until(lambda: time.monotonic() - started_s > 1, "a second of speech")
    page.click("#speech-stop")
    cancel = bridge.wait_for("tts_cancel")
    turn = next(e["data"]["turn_id"] for e in bridge.log if e["type"] == "turn")
    assert cancel["turn_id"] == turn and 0.5 < cancel["heard"] < 10
    assert not page.visible("#speaking") and not page.js("document.querySelector('.spoken')")


def test_the_pieces_of_a_reply_are_read_in_order(open_page, bridge):
    page = opened(open_page, bridge)
    page.js("""new MutationObserver(() => {
      const spoken = document.querySelector('.spoken p span + span')?.textContent;
      if (spoken && spoken !== window.order.at(-1)) window.order.push(spoken);
    }).observe(document.querySelector('#log'), {subtree: true, attributes: true}), window.order = [], true""")
    page.click("#say")
    bridge.reply("一。", "二。", "三。")
    page.wait("window.order.at(-1) === '三。' && !document.querySelector('#speaking').checkVisibility()")
    assert [piece for piece in page.js("window.order") if piece in ("一。", "二。", "三。")] == ["一。", "二。", "三。"]


def test_speech_where_the_browser_cannot_stream_it(open_page, bridge):
    """And without a secure context's crypto.randomUUID."""
    bridge.speech_s = 2
    page = open_page(bridge.address(TOKEN), before="delete window.MediaSource; delete Crypto.prototype.randomUUID")
    wait_idle(page)
    page.click("#speech-play")
    page.wait("document.querySelector('.said.agent.spoken')")
    page.wait("!document.querySelector('#speaking').checkVisibility()", "both pieces were read")
    write(page, "好听")
    request = bridge.wait_for("text")["client_msg_id"]
    assert uuid.UUID(request).version == 4 and str(uuid.UUID(request)) == request


def test_speech_that_cannot_be_decoded_is_passed_over(open_page, bridge):
    page = opened(open_page, bridge)
    page.click("#say")
    page.wait("!document.querySelector('#speaking').checkVisibility()")
    turn, message = "t-1", "m-1"
    for index, audio in enumerate([b"this is no sound" * 50, silent_mp3(3)]):
        bridge.append("agent_response", text=f"第{index}段", index=index, total=2, assistant_message_id=message, turn_id=turn)
        bridge.tell("tts_audio", assistant_message_id=message, index=index, chunk=0, is_last=True,
                    audio_base64=base64.b64encode(audio).decode())
    page.wait("document.querySelector('.spoken')?.textContent.includes('第1段')", "the next piece")
    page.wait("!document.querySelector('#speaking').checkVisibility()")


def test_speech_that_began_in_the_middle_of_a_reply_says_so(open_page, bridge):
    """The page was opened when the first piece had been read; what is before is not counted in what was heard."""
    page = opened(open_page, bridge)
    page.click("#say")
    page.wait("!document.querySelector('#speaking').checkVisibility()")
    bridge.speech_s = 20
    for index in range(2):
        bridge.append("agent_response", text=f"第{index}段", index=index, total=2, assistant_message_id="m-1", turn_id="t-1")
    bridge.speak("m-1", 1)
    page.wait("document.querySelector('.spoken')?.textContent.includes('第1段')", "the second piece")
    write(page, "等一下")
    cancel = bridge.wait_for("tts_cancel")
    assert (cancel["turn_id"], cancel["heard_from"]) == ("t-1", 1) and cancel["heard"] < 20


def test_after_a_barge_in_speech_that_comes_before_its_text_is_heard(open_page, bridge):
    """Pauses hold the pieces back, but not their sound: its turn is not known yet."""
    bridge.speech_s = 20
    page = opened(open_page, bridge)
    page.click("#say")
    page.wait("document.querySelector('.said.agent.spoken')", "the greeting is spoken")
    for number in range(3):
        page.click("#speech-stop")
        page.wait("!document.querySelector('#speaking').checkVisibility()")
        bridge.speak(f"m-{number}", 0)
        page.wait("document.querySelector('#speaking').checkVisibility()", f"reply {number} is spoken")
    page.click("#speech-stop")
    assert "turn_id" not in bridge.wait_for("tts_cancel", 4)
    # The rest of what was stopped stays silent; what became known meanwhile is named.
    bridge.speak("m-2", 1)
    bridge.speak("m-3", 0)
    bridge.append("agent_response", text="接着说。", index=0, total=1, assistant_message_id="m-3", turn_id="t-3")
    page.wait("document.querySelector('.spoken')?.textContent.includes('接着说。')", "the next reply is spoken")
    page.click("#speech-stop")
    assert bridge.wait_for("tts_cancel", 5)["turn_id"] == "t-3"


def test_speech_stops_when_the_person_speaks(open_page, bridge):
    bridge.speech_s = 20
    page = opened(open_page, bridge)
    page.click("#speech-play")
    page.wait("document.querySelector('.said.agent.spoken')")
    write(page, "我来说")
    bridge.wait_for("text")
    assert [f["type"] for _, f in bridge.received][:2] == ["tts_cancel", "text"]


def test_speech_can_be_switched_off(open_page, bridge):
    page = opened(open_page, bridge)
    settings(page)
    page.click("#speech")
    wait_until(lambda: len(bridge.handshakes) == 2, "it connects anew")
    assert "speech" not in bridge.handshakes[1] and bridge.handshakes[1]["v"] == "2"
    assert words(page) == GREETING


# As an old phone

def test_the_legacy_switch_makes_it_an_old_phone(open_page, bridge):
    page = opened(open_page, bridge)
    settings(page)
    page.click("#legacy")
    wait_until(lambda: len(bridge.handshakes) == 2, "it connects anew")
    assert set(bridge.handshakes[1]) == {"token"}
    wait_state(page, "open")
    write(page, "旧手机说的")
    wait_said(page, "您说“旧手机说的”，真好。")
    assert bridge.of("text")[-1] == {"type": "text", "data": {"text": "旧手机说的"}}
    record(page, bridge, 1)
    wait_said(page, "我小时候住在河边。")
    assert bridge.of("binary") == []
    data = bridge.wait_for("audio_segment")
    assert set(data) == {"voice_session_id", "segment_index", "is_last", "duration", "audio_base64"}
    assert decoded_s(page, base64.b64decode(data["audio_base64"]))[0] > 0.5
    bridge.cut()
    wait_until(lambda: len(bridge.handshakes) == 3, "it connects again")
    assert set(bridge.handshakes[2]) == {"token"}
    page.click("#legacy")
    wait_until(lambda: len(bridge.handshakes) == 4, "protocol 2 again")
    wait_idle(page)
    assert words(page).count("旧手机说的") == 1


# The raw view

def test_raw_frames_show_both_ways_without_sound(open_page, bridge):
    page = opened(open_page, bridge, size=PHONE)
    record(page, bridge, 1)
    wait_said(page, "讲得真好。")
    settings(page)
    lines = raw_frames(page)
    assert any('← {"' in line and '"type":"agent_response"' in line for line in lines)
    assert any("→" in line and '"type":"recording_started"' in line for line in lines)
    assert any("→" in line and "#0" in line and "is_last" in line and " B" in line for line in lines)
    assert max(len(line) for line in lines if "tts_audio" in line) < 600
    page.click("#frames-clear")
    assert page.texts("#frame-list li") == []


def test_chips_and_quota_frames_are_json(open_page, bridge):
    page = opened(open_page, bridge)
    settings(page)
    frames = [json.loads(line.split("← ", 1)[1]) for line in raw_frames(page) if "← " in line]
    assert {"connect", "replay_completed", "agent_response", "topic_suggestions", "quota"} <= {f["type"] for f in frames}
