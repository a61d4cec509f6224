"""A headless Chromium, driven over a pipe with the standard library alone.

What comes in: a page's file, a window's width and the system's theme.
What goes out: what a script on the page returns, pictures, and everything the page complained about or asked for.
Why it is shaped so: the DevTools protocol over a pipe (`--remote-debugging-pipe`: file descriptors 3 and 4, messages
ended by a zero byte) needs no port, no driver and no package.
"""

import base64
import json
import os
import select
import shutil
import subprocess
import time

from tests.patience import PATIENCE_SECONDS

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
    "--remote-debugging-pipe",
)  # fmt: skip


def find():
    """Where a Chromium is, or None."""
    return next((path for path in map(shutil.which, NAMES) if path), None)


class Browser:
    """One browser process with one page; `complaints` and `requests` are of the page now open."""

    def __init__(self, binary, profile):
        to_browser, self._write = os.pipe()
        self._read, from_browser = os.pipe()

        def wire():  # the browser reads its orders from descriptor 3 and answers on 4
            reading, writing = os.dup(to_browser), os.dup(from_browser)
            os.dup2(reading, 3)
            os.dup2(writing, 4)

        self._process = subprocess.Popen(
            [binary, *FLAGS, f"--user-data-dir={profile}", "about:blank"],
            preexec_fn=wire,  # noqa: PLW1509 - descriptors 3 and 4 can be given in no other way
            close_fds=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_browser)
        os.close(from_browser)
        self._number, self._rest, self._session = 0, b"", None
        self.complaints, self.requests = [], []
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.ask(f"{domain}.enable")

    def ask(self, method, *, seconds=PATIENCE_SECONDS, **parameters):
        """Call one method of the protocol and wait for its answer."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        until = time.monotonic() + seconds
        while True:
            heard = self._hear(until)
            if heard.get("id") == self._number:
                assert "error" not in heard, heard["error"]
                return heard["result"]
            self._note(heard)

    def _hear(self, until):
        """The next message from the browser."""
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._read], [], [], max(until - time.monotonic(), 0.0))
            if not ready:
                raise TimeoutError("the browser does not answer")
            self._rest += os.read(self._read, 1 << 20)
        message, self._rest = self._rest.split(b"\0", 1)
        return json.loads(message)

    def _note(self, event):
        """Remember what the page complained about and what it asked for."""
        method, told = event.get("method"), event.get("params", {})
        if method == "Runtime.exceptionThrown":
            details = told["exceptionDetails"]
            self.complaints.append(details.get("exception", {}).get("description", details["text"]))
        elif method == "Log.entryAdded" and told["entry"]["level"] in {"error", "warning"}:
            self.complaints.append(told["entry"]["text"])
        elif method == "Runtime.consoleAPICalled" and told["type"] in {"error", "warning", "assert"}:
            self.complaints.append(str(told["args"]))
        elif method == "Network.requestWillBeSent":
            self.requests.append(told["request"]["url"])

    def open(self, path, **window):
        """Open a report and wait until its script has done everything."""
        self.show(path, **window)
        self.wait("document.documentElement.dataset.ready === 'yes' || !document.getElementById('trouble').hidden")

    def show(self, path, *, width=1280, height=900, dark=False):
        """Open a page that runs no script."""
        self.ask(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        theme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.ask("Emulation.setEmulatedMedia", features=[theme])
        self.complaints, self.requests = [], []
        self.ask("Page.navigate", url=path.as_uri())
        self._wait(f"document.readyState === 'complete' && location.href === {json.dumps(path.as_uri())}")

    def run(self, script):
        """The value of an expression on the page."""
        told = self.ask("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in told, told["exceptionDetails"]
        return told["result"].get("value")

    def wait(self, script, seconds=PATIENCE_SECONDS):
        """Wait until an expression is true on a page that can say its trouble."""
        self._wait(f"document.getElementById('trouble') && ({script})", seconds)

    def _wait(self, script, seconds=PATIENCE_SECONDS):
        """Wait until an expression is true."""
        until = time.monotonic() + seconds
        while not self.run(f"Boolean({script})"):
            assert time.monotonic() < until, f"never true: {script}"
            time.sleep(0.05)

    def press(self, key):
        """Press one key where the focus is."""
        text = {"text": key} if len(key) == 1 else {}
        self.ask("Input.dispatchKeyEvent", type="keyDown", key=key, **text)
        self.ask("Input.dispatchKeyEvent", type="keyUp", key=key)

    def picture(self):
        """The window as PNG."""
        return base64.b64decode(self.ask("Page.captureScreenshot", format="png")["data"])

    def close(self):
        """End the process and wait for it."""
        self._session = None
        try:
            self.ask("Browser.close", seconds=5.0)
        except (OSError, TimeoutError, ValueError):
            self._process.kill()
        self._process.wait(timeout=20)
        os.close(self._read)
        os.close(self._write)
