"""Headless Chromium, driven over the DevTools protocol: real keys, real clicks, real audio devices (fake ones)."""
import base64
import contextlib
import itertools
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import threading

from websockets.sync.client import connect

from waiting import wait_until

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser") or "chromium"
START_S = 30.0
COMMAND_S = 60.0

PHONE = dict(width=390, height=844, deviceScaleFactor=2, mobile=True)
DESKTOP = dict(width=1280, height=800, deviceScaleFactor=1, mobile=False)

KEYS = {
    "Enter": dict(key="Enter", code="Enter", windowsVirtualKeyCode=13, text="\r"),
    "Tab": dict(key="Tab", code="Tab", windowsVirtualKeyCode=9),
    "Escape": dict(key="Escape", code="Escape", windowsVirtualKeyCode=27),
    "Space": dict(key=" ", code="Space", windowsVirtualKeyCode=32, text=" "),
}
SHIFT = 8


class Browser:
    """One Chromium process with a profile of its own. `microphone`: the wav file that its fake microphone hears."""

    def __init__(self, microphone=None, flags=()):
        self.profile = tempfile.mkdtemp(prefix="lifeecho-chromium-")
        flags = [
            # As root, and in containers without user namespaces, there is no sandbox; it opens only our own page.
            "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-extensions", "--mute-audio",
            "--no-default-browser-check", "--disable-search-engine-choice-screen", "--disable-crash-reporter",
            # Its requests stay here: nothing but this machine is reachable.
            "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1", "--proxy-server=direct://",
            "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
            f"--user-data-dir={self.profile}", "--remote-debugging-port=0", *flags,
        ]
        if microphone:
            flags.append(f"--use-file-for-fake-audio-capture={microphone}")
        # Some distributions' start script reads files of the home folder; this user may have none.
        env = {**os.environ, "HOME": self.profile, "LANG": "C.UTF-8"}
        self.log = open(os.path.join(self.profile, "chromium.log"), "w+")
        self.process = subprocess.Popen(
            [CHROMIUM, *flags, "about:blank"], stdout=self.log, stderr=self.log, stdin=subprocess.DEVNULL, env=env,
            start_new_session=True)
        port_file = pathlib.Path(self.profile, "DevToolsActivePort")

        def ready():
            assert self.process.poll() is None, f"{CHROMIUM} ended:\n{self.report()}"
            lines = port_file.read_text().split() if port_file.exists() else []
            return lines if len(lines) == 2 else None
        try:
            port, path = wait_until(ready, lambda: f"Chromium's port\n{self.report()}", START_S)
            self.wire = Wire(f"ws://127.0.0.1:{port}{path}")
        except BaseException:
            self.close()
            raise

    def report(self):
        self.log.flush()
        self.log.seek(0)
        return self.log.read()[-3000:]

    def open(self, url="about:blank", size=DESKTOP, media=None, before=None):
        """A page in a context of its own (no shared cookies or storage). `before`: a script that runs before its own."""
        context = self.wire.send("Target.createBrowserContext")["browserContextId"]
        target = self.wire.send("Target.createTarget", url="about:blank", browserContextId=context)["targetId"]
        session = self.wire.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = Page(self.wire, session, context)
        page.resize(size)
        if media:
            page.media(**media)
        if before:
            page.send("Page.addScriptToEvaluateOnNewDocument", source=before)
        if url != "about:blank":
            page.go(url)
        return page

    def close(self):
        if hasattr(self, "wire"):
            self.wire.close()
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log.close()
        shutil.rmtree(self.profile, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Wire:
    """The DevTools connection: commands with their answers, events by session."""

    def __init__(self, url):
        self.opened = contextlib.ExitStack()
        self.socket = self.opened.enter_context(connect(url, max_size=64 << 20, open_timeout=START_S))
        self.numbers = itertools.count(1)
        self.answers = {}
        self.arrived = threading.Condition()
        self.listeners = {}
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        try:
            for text in self.socket:
                message = json.loads(text)
                with self.arrived:
                    if "id" in message:
                        self.answers[message["id"]] = message
                        self.arrived.notify_all()
                    elif listener := self.listeners.get(message.get("sessionId")):
                        listener(message["method"], message["params"])
        except Exception as error:  # noqa: BLE001: the waiting caller gets it
            with self.arrived:
                self.answers[None] = error
                self.arrived.notify_all()

    def send(self, method, session=None, **params):
        number = next(self.numbers)
        message = {"id": number, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        self.socket.send(json.dumps(message))
        with self.arrived:
            done = self.arrived.wait_for(lambda: number in self.answers or None in self.answers, COMMAND_S)
            assert done and number in self.answers, f"no answer to {method}: {self.answers.get(None)}"
            answer = self.answers.pop(number)
        assert "error" not in answer, f"{method}: {answer['error']}"
        return answer["result"]

    def close(self):
        self.opened.close()
        self.reader.join(5)


class Page:
    """A tab. `problems` collects uncaught exceptions, console errors and refusals of the content security policy."""

    def __init__(self, wire, session, context):
        self.wire, self.session, self.context = wire, session, context
        self.problems = []
        self.requests = []
        self.sockets = []
        self.dialogs = []
        # Called with the text of each WebSocket frame that comes.
        self.received = None
        with wire.arrived:
            wire.listeners[session] = self._event
        for domain in ("Page", "Runtime", "Network", "Log", "DOM", "Accessibility"):
            self.send(f"{domain}.enable")

    def send(self, method, **params):
        return self.wire.send(method, self.session, **params)

    def _event(self, method, params):
        if method == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            self.problems.append(details.get("exception", {}).get("description") or details["text"])
        elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning"):
            self.problems.append(" ".join(str(a.get("value", a.get("description"))) for a in params["args"]))
        elif method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            self.problems.append(f"{params['entry']['source']}: {params['entry']['text']}")
        elif method == "Page.javascriptDialogOpening":
            self.dialogs.append(params["type"])
            # Answers wait for this thread.
            threading.Thread(target=self.send, args=("Page.handleJavaScriptDialog",), kwargs={"accept": True}, daemon=True).start()
        elif method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif method == "Network.webSocketCreated":
            self.sockets.append(params["url"])
        elif method == "Network.webSocketFrameReceived" and self.received and params["response"]["opcode"] == 1:
            self.received(params["response"]["payloadData"])

    def own_problems(self):
        """Without those of the network, which every refused or cut connection leaves."""
        return [p for p in self.problems if not p.startswith(("network:", "WebSocket connection to"))
                and "WebSocket connection to" not in p]

    def go(self, url):
        self.send("Page.navigate", url=url)
        wait_until(lambda: self.js("document.readyState === 'complete' && location.href !== 'about:blank'"), f"{url} opens")

    def reload(self):
        self.js("window.beforeReload = true")
        self.send("Page.reload")

        def reloaded():
            try:
                return self.js("!window.beforeReload && document.readyState === 'complete'")
            except AssertionError as error:
                if "navigated" not in str(error):
                    raise
                return False
        wait_until(reloaded, "the page reloads", COMMAND_S)

    def js(self, expression, user_gesture=False):
        """The value of an expression; promises are awaited."""
        answer = self.send(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True, userGesture=user_gesture)
        assert "exceptionDetails" not in answer, f"{expression}: {json.dumps(answer['exceptionDetails'])[:600]}"
        return answer["result"].get("value")

    def wait(self, expression, what=None, seconds=30.0):
        """Until the expression is true in the page."""
        def report():
            return f"{what or expression}\nproblems: {self.problems}\n{self.text('body')[:2000]}"
        return wait_until(lambda: self.js(f"Boolean({expression})"), report, seconds)

    def text(self, selector):
        """What a person reads there."""
        return self.js(f"document.querySelector({json.dumps(selector)})?.innerText ?? ''")

    def texts(self, selector):
        return self.js(f"[...document.querySelectorAll({json.dumps(selector)})].map(e => e.innerText.trim())")

    def visible(self, selector):
        return self.js(f"Boolean(document.querySelector({json.dumps(selector)})?.checkVisibility())")

    def click(self, selector):
        """A real click in the middle of the element; fails when something else lies over it."""
        quoted = json.dumps(selector)
        self.wait(f"document.querySelector({quoted})?.checkVisibility() && !document.querySelector({quoted}).disabled",
                  f"{selector} can be clicked")
        point = self.js(f"""(() => {{
          const element = document.querySelector({quoted});
          element.scrollIntoView({{block: 'nearest', behavior: 'instant'}});
          const box = element.getBoundingClientRect();
          const x = box.x + box.width / 2, y = box.y + box.height / 2;
          const top = document.elementFromPoint(x, y);
          return {{x, y, hit: element.contains(top) || top?.closest('label')?.control === element, top: top?.outerHTML}};
        }})()""")
        assert point["hit"], f"over {selector} lies {str(point['top'])[:200]}"
        for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
            self.send("Input.dispatchMouseEvent", type=kind, x=point["x"], y=point["y"], button="left", clickCount=1)

    def focus(self, selector):
        self.js(f"document.querySelector({json.dumps(selector)}).focus()")

    def type(self, text):
        """Text into what has the focus."""
        self.send("Input.insertText", text=text)

    def press(self, key, shift=False):
        press = dict(KEYS[key])
        text = press.pop("text", None)
        modifiers = SHIFT if shift else 0
        self.send("Input.dispatchKeyEvent", type="keyDown" if text else "rawKeyDown", modifiers=modifiers,
                  **press, **({"text": text} if text else {}))
        self.send("Input.dispatchKeyEvent", type="keyUp", modifiers=modifiers, **press)

    def compose(self, text):
        """An input method shows this text and has not yet handed it over."""
        self.send("Input.imeSetComposition", text=text, selectionStart=len(text), selectionEnd=len(text))

    def press_in_composition(self, key, number):
        """Enter that belongs to an input method: it confirms the characters. Systems name it differently."""
        self.send("Input.dispatchKeyEvent", type="rawKeyDown", key=key, code="Enter", windowsVirtualKeyCode=number)
        self.send("Input.dispatchKeyEvent", type="keyUp", key="Enter", code="Enter", windowsVirtualKeyCode=13)

    def wheel(self, selector, pixels):
        """Turns the mouse's wheel over the element; up is negative."""
        x, y = self.js(f"(b => [b.x + b.width / 2, b.y + b.height / 2])(document.querySelector({json.dumps(selector)}).getBoundingClientRect())")
        self.send("Input.dispatchMouseEvent", type="mouseWheel", x=x, y=y, deltaX=0, deltaY=pixels)

    def resize(self, size):
        self.size = size
        self.send("Emulation.setDeviceMetricsOverride", **size)

    def media(self, **features):
        """`media(prefers_color_scheme="dark")`"""
        self.send("Emulation.setEmulatedMedia", features=[
            {"name": name.replace("_", "-"), "value": value} for name, value in features.items()])

    def offline(self, is_offline):
        self.send("Network.emulateNetworkConditions", offline=is_offline, latency=0, downloadThroughput=-1,
                  uploadThroughput=-1)

    def accessible(self):
        """(role, name) of everything that assistive technology is told of."""
        nodes = self.send("Accessibility.getFullAXTree")["nodes"]
        return [(n["role"]["value"], n.get("name", {}).get("value", "")) for n in nodes if not n["ignored"] and "role" in n]

    def screenshot(self, path):
        data = self.send("Page.captureScreenshot", format="png")["data"]
        pathlib.Path(path).write_bytes(base64.b64decode(data))

    def close(self):
        with self.wire.arrived:
            self.wire.listeners.pop(self.session, None)
        self.wire.send("Target.disposeBrowserContext", browserContextId=self.context)
