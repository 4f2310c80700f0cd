"""The page and `lifeecho serve`: a browser, a socket, the service and its database, nothing in between."""
import http.client
import pathlib
import re
import shutil
import signal
import tempfile
import urllib.parse

import pytest

import tokens
from browser import PHONE
from contract import pb, resources, users
from person import COMPLETE_PROFILE, Person, fresh, open_channel
from server import Server
from steps import messages, settings, wait_idle, wait_said, wait_saved, wait_state, words, write
from waiting import wait_until

PAGE = pathlib.Path(__file__).parents[2] / "bridge" / "Console"
TYPES = {".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"}
# What each directive must name, and may name besides.
POLICY = {
    "default-src": ({"'none'"}, set()), "script-src": ({"'self'"}, set()), "style-src": ({"'self'"}, set()),
    "connect-src": ({"'self'"}, {"ws:", "wss:"}), "media-src": ({"blob:"}, {"'self'", "data:"}),
    "img-src": ({"'self'", "data:"}, set()), "base-uri": ({"'none'"}, set()), "frame-ancestors": ({"'none'"}, set()),
    "form-action": ({"'none'"}, set())}


class Bridge(Server):
    """The service with its bridge on a free port of loopback; speech by its own deterministic engines."""

    def __init__(self, data_dir, *flags, bridge="127.0.0.1:0", env=None, **how):
        speech = {"LIFEECHO_SPEECH_RECOGNIZER": "builtin", "LIFEECHO_SPEECH_SYNTHESIZER": "builtin"}
        super().__init__(data_dir, "--bridge", bridge, *flags, env={**speech, **(env or {})}, **how)

    def printed(self, start):
        """The rest of the line that starts so."""
        return wait_until(lambda: next((line[len(start):] for line in self.lines if line.startswith(start)), None),
                          lambda: f"the line “{start}…”:\n{self.report()}")

    @property
    def bridge(self):
        return self.printed("bridge listening on ")

    def address(self, person, conversation, ttl_s=3600):
        token = tokens.access(self.secret, person.user, ttl_s)
        return f"http://{self.bridge}/#" + urllib.parse.urlencode({"token": token, "conversation": conversation})


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with Bridge(tmp_path_factory.mktemp("console")) as running:
        yield running


@pytest.fixture
def conversation():
    return fresh("conversation")


def stored(person, conversation):
    """(who, words) of the history, as the page shows it: each piece of a reply on its own."""
    shown = []
    for message in person.messages(conversation):
        if message.role == resources.ROLE_USER:
            shown.append(("您说", message.text))
        else:
            shown += [("访谈员说", piece) for piece in message.text.split("\n")]
    return shown


def wait_same(page, person, conversation):
    """What the page shows becomes what is stored."""
    wait_until(lambda: messages(page) == stored(person, conversation),
               lambda: f"shown: {messages(page)}\nstored: {stored(person, conversation)}", 30)


def get(server, path, method="GET"):
    connection = http.client.HTTPConnection(server.bridge, timeout=10)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def segments_s(page):
    """The lengths of the segments of the one spoken message: the built-in recogniser says them."""
    (spoken,) = [text for who, text in messages(page) if who == "您说"]
    return [float(seconds) for seconds in re.findall(r"一段语音，([\d.]+)秒", spoken)]


def test_every_file_is_served_with_the_policy(server):
    files = [path for path in PAGE.iterdir() if path.suffix in TYPES]
    assert len(files) > 3
    for path in [*files, None]:
        status, headers, body = get(server, f"/{path.name}" if path else "/")
        expected = path or PAGE / "index.html"
        assert (status, body) == (200, expected.read_bytes()), path
        assert headers["content-type"] == TYPES[expected.suffix]
        policy = dict(part.split(None, 1) for part in headers["content-security-policy"].split(";"))
        assert policy.keys() == POLICY.keys()
        for directive, sources in policy.items():
            least, besides = POLICY[directive]
            assert least <= set(sources.split()) <= least | besides, directive
        assert headers["x-content-type-options"] == "nosniff"
        assert get(server, f"/{path.name}" if path else "/", "HEAD") == (200, headers, b"")
    for path in ("/README.md", "/../PROTOCOL.md", "/nothing.js"):
        assert get(server, path)[0] == 404


def test_without_console_there_is_no_page(tmp_path):
    with Bridge(tmp_path, "--console", "off") as server:
        assert get(server, "/")[0] == 404
        assert not [line for line in server.lines if line.startswith("console")]


def test_the_page_is_served_elsewhere_than_on_loopback_when_it_is_asked_for(tmp_path):
    for flags, status in (((), 404), (("--console", "auto"), 404), (("--console", "on"), 200), (("--console",), 200)):
        with Bridge(tmp_path, *flags, bridge="0.0.0.0:0") as server:
            connection = http.client.HTTPConnection("127.0.0.1", int(server.bridge.rsplit(":", 1)[1]), timeout=10)
            connection.request("GET", "/")
            assert connection.getresponse().status == status, flags
            connection.close()


def test_the_printed_address_opens_a_conversation(server, open_page):
    address = server.printed("console: ")
    token = urllib.parse.parse_qs(urllib.parse.urlsplit(address).fragment)["token"][0]
    page = open_page(address, size=PHONE)
    page.wait("document.querySelectorAll('.said.agent').length > 0", "it greets")
    wait_state(page, "open")
    assert token not in page.js("location.href + document.documentElement.outerHTML")
    # Nothing is known of the demo user: the interviewer asks.
    before = len(messages(page))
    write(page, "叫我王奶奶吧")
    page.wait(f"document.querySelectorAll('.said.agent').length > {before}", "it answers")


def test_a_chip_and_a_typed_story(server, person, conversation, open_page):
    page = open_page(server.address(person, conversation))
    wait_idle(page)
    assert messages(page) == stored(person, conversation) and len(messages(page)) >= 1
    chip = page.texts("#chips button")[0]
    page.click("#chips button")
    wait_said(page, chip)
    wait_idle(page)
    write(page, "我小时候住在绍兴河边的老屋里，\n门口有一棵桂花树。")
    wait_said(page, "我小时候住在绍兴河边的老屋里，\n门口有一棵桂花树。")
    wait_idle(page)
    wait_same(page, person, conversation)
    said = [m for m in person.messages(conversation) if m.text == chip]
    assert [m.source for m in said] == [resources.MESSAGE_SOURCE_CHIP]
    # 30 a day, less the two.
    assert "28 次" in page.text("#quota")


def test_a_recording_becomes_words_and_an_answer(server, person, conversation, open_page):
    page = open_page(server.address(person, conversation))
    wait_idle(page)
    before = len(messages(page))
    page.click("#mic")
    page.wait("document.querySelector('#recording-time').textContent >= '0:09'", "nine seconds")
    page.click("#mic")
    page.wait(f"document.querySelectorAll('#log > .said').length > {before} && !document.querySelector('.said.waiting')",
              "the transcript", 60)
    wait_idle(page)
    wait_same(page, person, conversation)
    heard = segments_s(page)
    # The encoder begins a little after the clock.
    assert len(heard) >= 2 and 8.5 <= sum(heard) < 13
    assert messages(page)[-1][0] == "访谈员说"


def test_a_recording_over_the_quota_is_taken_when_there_is_more(tmp_path, open_page):
    """A larger quota is another day's, seen from the recording."""
    with Bridge(tmp_path, "--set", "quota.free.turns=1") as server, open_channel(server.target) as channel:
        person = Person(channel, server.secret).provision(**COMPLETE_PROFILE)
        conversation = fresh("conversation")
        page = open_page(server.address(person, conversation))
        wait_idle(page)
        write(page, "这是今天的最后一句。")
        wait_saved(page)
        page.click("#mic")
        page.wait("document.querySelector('#recording-time').textContent >= '0:01'", "a second")
        page.click("#mic")
        page.wait("document.querySelector('.said.failed button')", "it is refused", 60)
        assert "明天再聊" in page.text(".said.failed")
        person.provision(subscription_type=users.SUBSCRIPTION_TYPE_PREMIUM)
        page.click(".said.failed button")
        page.wait("!document.querySelector('.said.failed, .said.waiting')", "the transcript", 60)
        wait_idle(page)
        wait_same(page, person, conversation)
        assert [who for who, _ in messages(page)].count("您说") == 2


def test_replies_are_spoken(server, person, conversation, open_page):
    page = open_page(server.address(person, conversation))
    page.wait("document.querySelector('#speech-play').checkVisibility()", "it offers to read", 30)
    page.click("#speech-play")
    page.wait("document.querySelector('.said.agent.spoken')")
    assert page.text(".said.spoken p").endswith(words(page)[0])
    page.click("#speech-stop")
    page.wait("!document.querySelector('.spoken')")
    # The next reply is read again, to its end.
    write(page, "我小时候住在河边。")
    page.wait("document.querySelector('.said.me ~ .said.agent.spoken')", "the reply is read", 60)
    page.wait("!document.querySelector('#speaking').checkVisibility()", "it was read to its end", 120)


def test_two_devices_see_one_conversation(server, person, conversation, open_page):
    phone = open_page(server.address(person, conversation), size=PHONE)
    wait_idle(phone)
    tablet = open_page(server.address(person, conversation))
    wait_idle(tablet)
    assert messages(tablet) == messages(phone)
    write(phone, "这是手机上写的。")
    wait_said(tablet, "这是手机上写的。")
    assert ("您（另一台设备）说", "这是手机上写的。") in messages(tablet)
    wait_idle(phone)
    wait_same(phone, person, conversation)
    wait_until(lambda: words(tablet) == words(phone), "both show the same")


def test_the_legacy_switch(server, person, conversation, open_page):
    page = open_page(server.address(person, conversation))
    wait_idle(page)
    settings(page)
    page.click("#legacy")
    wait_until(lambda: len(page.sockets) == 2, "it connects anew")
    assert re.search(r"\?token=[^&]+$", page.sockets[1])
    page.wait("document.querySelector('#chips button')", "chips")
    write(page, "旧手机说的话。")
    page.wait("document.querySelector('.said.me ~ .said.agent')", "an answer")
    page.click("#legacy")
    wait_idle(page)
    wait_same(page, person, conversation)
    assert words(page).count("旧手机说的话。") == 1


def test_any_conversation_id(server, person, open_page):
    conversation = fresh("对话/一 50%?#&")
    page = open_page(server.address(person, conversation))
    wait_idle(page)
    wait_same(page, person, conversation)


def test_somebody_elses_and_a_deleted_conversation(server, person, channel, conversation, open_page):
    page = open_page(server.address(person, conversation))
    wait_idle(page)
    stranger = Person(channel, server.secret).provision(**COMPLETE_PROFILE)
    other = open_page(server.address(stranger, conversation))
    wait_state(other, "refused")
    assert "别人的" in other.text("#notice") and messages(other) == []
    person.call("DeleteConversation", pb.DeleteConversationRequest(conversation_id=conversation))
    wait_state(page, "refused")
    assert "已经删除" in page.text("#notice")


def test_ending_and_going_on(server, person, conversation, open_page):
    page = open_page(server.address(person, conversation))
    wait_idle(page)
    settings(page)
    page.click("#end")
    wait_state(page, "closed")
    write(page, "我又想起一件事。")
    wait_said(page, "我又想起一件事。")
    page.wait("document.querySelector('.said.me ~ .said.agent')", "an answer")
    wait_same(page, person, conversation)


def test_a_bad_token_is_not_let_in(server, open_page):
    page = open_page(f"http://{server.bridge}/#token=nonsense")
    page.wait("document.querySelector('#gate').checkVisibility()")
    assert page.text("#gate-why").startswith("进不去")


# Restarts

@pytest.fixture
def data_dir():
    """Reachable for the user that PostgreSQL runs as, so that the cluster is in it."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="lifeecho-console-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def restarted(first):
    """The same service on the same data and ports."""
    return Bridge(first.data_dir, ephemeral=False, bridge=first.bridge, grpc=first.target)


@pytest.mark.timeout(240)
def test_a_crash_loses_and_doubles_nothing(data_dir, open_page):
    """kill -9 with messages acknowledged, on their way, and written while the service is away."""
    first = Bridge(data_dir, ephemeral=False).start()
    conversation = fresh("conversation")
    with open_channel(first.target) as channel:
        person = Person(channel, first.secret).provision(**COMPLETE_PROFILE)
    page = open_page(first.address(person, conversation))
    wait_idle(page)
    write(page, "第一件事：河边的老屋。")
    wait_said(page, "第一件事：河边的老屋。")
    for n in range(2, 6):
        write(page, f"第{n}件事。")
    first.kill()
    page.wait("document.querySelector('#state').dataset.state !== 'open'")
    for n in range(6, 8):
        write(page, f"第{n}件事。")
    page.wait("document.querySelector('.said.pending')")
    with restarted(first) as second, open_channel(second.target) as channel:
        person = Person(channel, second.secret, person.user)
        wait_state(page, "open")
        page.wait("!document.querySelector('.said.pending')", "everything is stored", 60)
        person.wait_idle(conversation, 60)
        wait_same(page, person, conversation)
        mine = [text for who, text in messages(page) if who == "您说"]
        assert sorted(mine) == sorted(["第一件事：河边的老屋。", *(f"第{n}件事。" for n in range(2, 8))])
        assert mine[-2:] == ["第6件事。", "第7件事。"]
        # It goes on as if nothing had happened.
        write(page, "后来呢，后来搬家了。")
        wait_said(page, "后来呢，后来搬家了。")
        wait_idle(page)
        wait_same(page, person, conversation)


@pytest.mark.timeout(240)
def test_a_crash_in_the_middle_of_a_recording(data_dir, open_page):
    """Segments stored before, and segments that the page kept, become one message."""
    first = Bridge(data_dir, ephemeral=False).start()
    conversation = fresh("conversation")
    with open_channel(first.target) as channel:
        person = Person(channel, first.secret).provision(**COMPLETE_PROFILE)
    page = open_page(first.address(person, conversation))
    wait_idle(page)
    page.click("#mic")
    page.wait("/已保存|Saved/.test(document.querySelector('.said.waiting .meta')?.textContent)", "a segment is stored", 60)
    first.kill()
    page.wait("document.querySelector('#state').dataset.state !== 'open'")
    page.wait("document.querySelector('#recording-time').textContent >= '0:12'", "it goes on recording")
    page.click("#mic")
    with restarted(first) as second, open_channel(second.target) as channel:
        person = Person(channel, second.secret, person.user)
        page.wait("!document.querySelector('.said.waiting')", "the transcript", 60)
        person.wait_idle(conversation, 60)
        wait_same(page, person, conversation)
        heard = segments_s(page)
        assert len(heard) >= 2 and 11.5 <= sum(heard) < 20


@pytest.mark.timeout(240)
def test_a_clean_stop_is_announced(data_dir, open_page):
    first = Bridge(data_dir, ephemeral=False).start()
    conversation = fresh("conversation")
    with open_channel(first.target) as channel:
        person = Person(channel, first.secret).provision(**COMPLETE_PROFILE)
    page = open_page(first.address(person, conversation))
    wait_idle(page)
    page.js("""new MutationObserver(() => window.notices.push(document.querySelector('#notice').textContent)).observe(
      document.querySelector('#notice'), {childList: true}), window.notices = [], true""")
    first.process.send_signal(signal.SIGTERM)
    page.wait("window.notices.some(text => text.includes('自动重连'))", "the notice")
    first.process.wait(30)
    with restarted(first) as second, open_channel(second.target) as channel:
        person = Person(channel, second.secret, person.user)
        wait_state(page, "open")
        write(page, "我还在。")
        wait_said(page, "我还在。")
        wait_idle(page)
        wait_same(page, person, conversation)


def test_an_expired_token_is_asked_for_again(tmp_path, open_page):
    with Bridge(tmp_path, env={"LIFEECHO_JWT_LEEWAY": "0s"}) as server, open_channel(server.target) as channel:
        person = Person(channel, server.secret).provision(**COMPLETE_PROFILE)
        conversation = fresh("conversation")
        page = open_page(server.address(person, conversation, ttl_s=6))
        wait_idle(page)
        before = messages(page)
        page.wait("document.querySelector('#gate').checkVisibility()", "it asks for another token", 30)
        assert "过期" in page.text("#gate-why")
        page.type(tokens.access(server.secret, person.user))
        page.press("Enter")
        wait_idle(page)
        assert messages(page) == before
        assert stored(person, conversation) == before
