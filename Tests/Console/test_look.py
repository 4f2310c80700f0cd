"""How the page looks and reads: sizes, colours, languages, keyboard, screen readers. Pictures go to CONSOLE_SHOTS."""
import os
import pathlib
import re

import pytest

from browser import DESKTOP, PHONE
from scripted_bridge import CHIPS
from steps import settings, wait_idle, wait_said, wait_state, write
from waiting import wait_until

SHOTS = os.environ.get("CONSOLE_SHOTS")
CONTRAST = (pathlib.Path(__file__).parent / "contrast.js").read_text()
SMALL_PHONE = dict(width=320, height=568, deviceScaleFactor=2, mobile=True)
SIZES = {"phone": PHONE, "desktop": DESKTOP}
STORY = "我小时候住在绍兴河边的老屋里，门口有一棵很大的桂花树，秋天满院子都是香的。"


def talk(page, bridge):
    """A conversation in the middle, with everything that can stand in it at once."""
    bridge.speech_s = 30
    wait_idle(page)
    write(page, STORY)
    wait_said(page, "后来呢？")
    bridge.append("message", message_id="m-7", text="妈妈，弟弟也在吗？", source="text", request_id="r-7", turn_id="t-7")
    bridge.reply("桂花香满院，真好。那时候谁常陪您在树下玩？", chips=CHIPS)
    bridge.append("error", code="TURN_FAILED", message="处理失败,请重试", turn_id="t-5", retryable=True)
    page.wait("document.querySelector('.note.bad button') && document.querySelector('.said.agent.spoken')")
    bridge.acknowledges = False
    page.focus("#say")
    page.type("还有我弟弟")
    page.press("Enter")
    page.wait("document.querySelector('.said.pending')")
    bridge.tell("topic_suggestions", reason="turn", stage="childhood", suggestions=CHIPS)
    page.wait("document.querySelectorAll('#chips button').length === 3")


def shoot(page, name):
    if SHOTS:
        page.js("new Promise(done => setTimeout(done, 400))")
        page.screenshot(pathlib.Path(SHOTS) / f"{name}.png")


def overflow(page):
    """What sticks out of the window sideways; rows that scroll by themselves may."""
    return page.js(f"""[...document.querySelectorAll('body *')].filter(e => e.checkVisibility() && !e.closest('.unseen, .skip'))
      .filter(e => !e.closest('#chips *, #frame-list *'))
      .filter(e => e.getBoundingClientRect().right > {page.size['width']} + 1 || e.getBoundingClientRect().left < -1)
      .map(e => e.outerHTML.slice(0, 100))""")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_colours_can_be_told_apart(open_page, bridge, size, scheme):
    page = open_page(bridge.address(), size=SIZES[size], media={"prefers_color_scheme": scheme})
    talk(page, bridge)
    shoot(page, f"talk-{size}-{scheme}")
    found = page.js(CONTRAST)
    assert found["poor"] == [] and found["count"] > 30
    assert overflow(page) == []
    page.click("#mic")
    page.wait("document.querySelector('#recording').checkVisibility()")
    shoot(page, f"recording-{size}-{scheme}")
    assert page.js(CONTRAST)["poor"] == []
    settings(page)
    page.click("#frames summary")
    shoot(page, f"settings-{size}-{scheme}")
    assert page.js(CONTRAST)["poor"] == []
    assert overflow(page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_the_gate(open_page, bridge, size, scheme):
    bridge.refuse = 403
    page = open_page(bridge.address(), size=SIZES[size], media={"prefers_color_scheme": scheme})
    page.wait("document.querySelector('#gate').checkVisibility()")
    shoot(page, f"gate-{size}-{scheme}")
    assert page.js(CONTRAST)["poor"] == [] and overflow(page) == []


@pytest.mark.parametrize("larger", [False, True])
@pytest.mark.parametrize("language", ["zh", "en"])
def test_small_phones_and_large_type(open_page, bridge, language, larger):
    page = open_page(bridge.address(), size=SMALL_PHONE)
    wait_idle(page)
    settings(page)
    if larger:
        page.click('input[name="size"][value="larger"]')
    page.click(f'input[name="language"][value="{language}"]')
    page.click("#panel-close")
    write(page, STORY)
    wait_said(page, "后来呢？")
    page.wait("document.querySelector('#chips button')")
    shoot(page, f"small-{language}-{'larger' if larger else 'large'}")
    assert overflow(page) == []
    # Something of the conversation is left to be seen above what one answers with.
    assert page.js("document.querySelector('#scroll').clientHeight") >= 100
    assert page.js("[innerWidth, document.documentElement.scrollWidth]") == [320, 320]


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_title_is_never_cut(open_page, bridge, language):
    page = open_page(bridge.address(), size=PHONE)
    settings(page)
    page.click('input[name="size"][value="larger"]')
    page.click(f'input[name="language"][value="{language}"]')
    assert page.js("(e => e.scrollWidth <= e.clientWidth)(document.querySelector('.top h1 span:last-child'))")
    assert overflow(page) == []


def test_the_log_stands_over_the_composer(open_page, bridge):
    page = open_page(bridge.address())
    wait_idle(page)
    for n in range(20):
        bridge.reply(f"第{n}句")
    wait_said(page, "第19句")
    sides = page.js("""['#log', '#composer'].map(name => {
      const box = document.querySelector(name).getBoundingClientRect();
      return [box.left, box.right];
    })""")
    assert sides[0] == sides[1]


def test_type_is_large_and_targets_are_easy_to_hit(open_page, bridge):
    page = open_page(bridge.address(), size=PHONE)
    talk(page, bridge)
    assert page.js("parseFloat(getComputedStyle(document.querySelector('.said p')).fontSize)") >= 20
    assert page.js("""[...document.querySelectorAll('body *')].filter(e => e.checkVisibility() && e.childNodes.length
      && [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim())).filter(
      e => parseFloat(getComputedStyle(e).fontSize) < 14).map(e => e.outerHTML)""") == []
    small = page.js("""[...document.querySelectorAll('button, textarea')].filter(e => e.checkVisibility() && !e.closest('.meta'))
      .filter(e => e.getBoundingClientRect().height < 44 || e.getBoundingClientRect().width < 44).map(e => e.outerHTML)""")
    assert small == []
    settings(page)
    page.click('input[name="size"][value="larger"]')
    assert page.js("parseFloat(getComputedStyle(document.querySelector('.said p')).fontSize)") >= 24
    page.reload()
    assert page.js("document.documentElement.dataset.size") == "larger"


def test_it_does_not_move_for_those_who_ask(open_page, bridge):
    page = open_page(bridge.address(), size=PHONE, media={"prefers_reduced_motion": "reduce"})
    wait_idle(page)
    page.click("#mic")
    page.wait("document.querySelector('#recording').checkVisibility()")
    assert page.js("document.getAnimations().length") == 0
    assert page.js("getComputedStyle(document.querySelector('#scroll')).scrollBehavior") == "auto"
    other = open_page(bridge.address(), size=PHONE, media={"prefers_reduced_motion": "no-preference"})
    wait_idle(other)
    other.click("#mic")
    other.wait("document.getAnimations().length > 0")


# Languages

CHINESE = re.compile(r"[\u4e00-\u9fff]")


def test_english_leaves_no_chinese_on_the_page(open_page, bridge):
    page = open_page(bridge.address())
    talk(page, bridge)
    settings(page)
    page.click('input[name="language"][value="en"]')
    assert page.js("document.documentElement.lang") == "en" and page.js("document.title").startswith("Tell your story")
    # Without what was said, and the names of the languages.
    left = page.js("""(() => {
      const copy = document.body.cloneNode(true);
      for (const e of copy.querySelectorAll('#log p span + span, #chips, .choice:has([name="language"]), #frame-list')) {
        if (!e.closest('.note')) e.remove();
      }
      const labels = [...copy.querySelectorAll('[aria-label], [placeholder]')].map(e => e.ariaLabel + ' ' + (e.placeholder ?? ''));
      return copy.textContent + labels.join(' ');
    })()""")
    assert not CHINESE.search(left), [line for line in left.splitlines() if CHINESE.search(line)]
    assert page.text("#state-text") == "Connected" and "28" in page.text("#quota")
    page.click('input[name="language"][value="zh"]')
    assert page.text("#state-text") == "已连接"
    page.click('input[name="language"][value="en"]')
    page.reload()
    assert page.js("document.documentElement.lang") == "en"


# Keyboard and screen readers

def test_everything_can_be_reached_by_keyboard(open_page, bridge):
    page = open_page(bridge.address())
    wait_idle(page)
    page.js("document.activeElement.blur()")
    seen = []
    for _ in range(30):
        page.press("Tab")
        seen.append(page.js("""document.activeElement.id || document.activeElement.className || document.activeElement.textContent"""))
        outline = page.js("""(() => { const s = getComputedStyle(document.activeElement);
          return document.activeElement === document.body || (s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 2) })()""")
        assert outline, f"no focus ring on {seen[-1]}"
    for wanted in ("skip", "panel-button", "scroll", CHIPS[0]["text"], "mic", "say", "send"):
        assert wanted in seen, f"{wanted} is not among {seen}"
    assert seen.index("skip") < seen.index("panel-button") < seen.index("scroll") < seen.index("say")


def test_a_conversation_by_keyboard_alone(open_page, bridge):
    page = open_page(bridge.address())
    wait_idle(page)
    page.js("document.querySelector('#panel-button').focus()")
    page.press("Enter")
    page.wait("document.activeElement.id === 'panel-close'")
    page.press("Escape")
    page.wait("document.querySelector('#panel').hidden && document.activeElement.id === 'panel-button'")
    while page.js("document.activeElement.textContent") != CHIPS[0]["text"]:
        page.press("Tab")
    page.press("Enter")
    assert bridge.wait_for("text")["chip_id"] == CHIPS[0]["id"]
    # The pressed chip is gone; the focus is not lost with it.
    page.wait("document.activeElement.id === 'say'")
    page.press("Tab", shift=True)
    page.wait("document.activeElement.id === 'mic'")
    page.press("Space")
    page.wait("document.querySelector('#recording').checkVisibility()")
    wait_until(lambda: page.js("document.querySelector('#recording-time').textContent") >= "0:01", "a second")
    page.press("Space")
    wait_said(page, bridge.transcript)
    page.wait("document.activeElement.id === 'mic'")


def test_what_screen_readers_are_told(open_page, bridge):
    page = open_page(bridge.address())
    wait_idle(page)
    settings(page)
    page.click("#frames summary")
    nodes = page.accessible()
    roles = [role for role, _ in nodes]
    for role in ("banner", "main", "complementary", "log", "status"):
        assert role in roles, role
    assert {name for role, name in nodes if role == "heading"} == {"讲讲您的故事", "对话", "设置"}
    nameless = [(role, name) for role, name in nodes if not name.strip() and role in (
        "button", "textbox", "checkbox", "radio", "switch", "log", "region", "complementary", "group", "meter", "link", "form")
        and role != "form"]
    assert nameless == []
    # Two names for two things: what scrolls, and what is said in it.
    assert len({name for role, name in nodes if role in ("region", "log")}) == len([1 for role, _ in nodes if role in ("region", "log")])
    # The button's label says what a press does; a pressed state beside it would say it twice.
    assert page.js("document.querySelector('#mic').ariaPressed") is None
    assert ("textbox", "想说的话") in nodes and ("switch", "把回答读给我听") in nodes
    log = page.js("(e => [e.ariaLive, e.getAttribute('role'), e.ariaBusy])(document.querySelector('#log'))")
    assert log == ["polite", "log", "false"]
    # Who speaks is said in words, not only by colour and place.
    assert page.js("document.querySelector('.said.agent').textContent").startswith("访谈员说")
    assert page.js("document.querySelectorAll('[tabindex]:not([tabindex=\"0\"], [tabindex=\"-1\"])').length") == 0


def test_a_replay_is_not_read_out(open_page, bridge):
    """The log is busy until the replay is complete."""
    for n in range(60):
        bridge.append("agent_response", text=f"第{n}句", index=0, total=1, assistant_message_id=f"m-{n}", turn_id="t")
    page = open_page(f"http://127.0.0.1:{bridge.port}/")
    page.js("""new MutationObserver(() => window.busy.push(document.querySelector('#log').ariaBusy)).observe(
      document.querySelector('#log'), {childList: true}), window.busy = [], true""")
    page.focus("#token")
    page.type("t")
    page.press("Enter")
    wait_said(page, "第59句")
    assert set(page.js("window.busy")) == {"true"}
    page.wait("document.querySelector('#log').ariaBusy === 'false'")


def test_reading_back_is_not_disturbed(open_page, bridge):
    page = open_page(bridge.address(), size=PHONE)
    wait_idle(page)
    for n in range(30):
        bridge.reply(f"第{n}句")
    wait_said(page, "第29句")
    page.wait("(e => e.scrollHeight - e.scrollTop - e.clientHeight < 2)(document.querySelector('#scroll'))", "it follows")
    page.wheel("#scroll", -100_000)
    page.wait("document.querySelector('#scroll').scrollTop === 0")
    bridge.reply("新的一句")
    wait_said(page, "新的一句")
    page.wait("document.querySelector('#newest').checkVisibility()")
    assert page.js("document.querySelector('#scroll').scrollTop") == 0
    page.click("#newest")
    page.wait("(e => e.scrollHeight - e.scrollTop - e.clientHeight < 2)(document.querySelector('#scroll'))", "it is at the end")
    assert not page.visible("#newest")


def test_on_a_phone_the_settings_cover_the_conversation(open_page, bridge):
    page = open_page(bridge.address(), size=PHONE)
    wait_idle(page)
    settings(page)
    assert page.js("document.querySelector('#main').inert")
    page.press("Escape")
    page.wait("!document.querySelector('#main').inert")
    page.resize(DESKTOP)
    settings(page)
    assert not page.js("document.querySelector('#main').inert")
    bridge.cut()
    wait_state(page, "open")
