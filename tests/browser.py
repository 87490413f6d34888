"""Chromium without a window, told what to do over two pipes (`--remote-debugging-pipe`): a page as people see it."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
_PHONE = 500  # narrower is a phone


class Browser:
    """One page. messages: what its console said; requests: every address that was asked for."""

    def __init__(self, read: int, write: int) -> None:
        self._read, self._write = os.fdopen(read, "rb", buffering=0), os.fdopen(write, "wb", buffering=0)
        self._rest, self._number, self._session = b"", 0, None
        self.messages: list[str] = []
        self.requests: list[str] = []
        self._loaded = False
        target = self.tell("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.tell("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.tell(f"{domain}.enable")

    def tell(self, method: str, **params: Any) -> dict[str, Any]:
        """Have something done, and return what comes of it; what happens meanwhile is kept."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        self._write.write(
            json.dumps(message | ({"sessionId": self._session} if self._session else {})).encode() + b"\0"
        )
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                assert "error" not in answer, (method, answer["error"])
                return answer["result"]

    def open(self, page: Path, *, width: int, dark: bool = False) -> None:
        """Show a page as wide as this; one that is narrow is a phone's."""
        self.messages, self.requests, self._loaded = [], [], False
        phone = width < _PHONE
        self.tell("Emulation.setDeviceMetricsOverride", width=width, height=844, deviceScaleFactor=1, mobile=phone)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.tell("Emulation.setEmulatedMedia", media="screen", features=[scheme])
        self.tell("Page.navigate", url=page.resolve().as_uri())
        while not self._loaded:
            self._next()

    def ask(self, script: str) -> Any:
        """What an expression of JavaScript is on the page."""
        answer = self.tell("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def picture(self, path: Path, *, clip: tuple[float, float, float, float] | None = None) -> None:
        """Save all of the page, or a part (x, y, width, height), as it looks."""
        box = dict(zip(("x", "y", "width", "height"), clip, strict=True), scale=1) if clip else None
        shot = self.tell("Page.captureScreenshot", captureBeyondViewport=True, **({"clip": box} if box else {}))
        path.write_bytes(base64.b64decode(shot["data"]))

    def print(self, path: Path) -> None:
        """Save the page as it would be printed."""
        path.write_bytes(base64.b64decode(self.tell("Page.printToPDF", printBackground=True)["data"]))

    def close(self) -> None:
        """Let go of the pipes."""
        self._read.close()
        self._write.close()

    def _next(self) -> dict[str, Any]:
        """The next message; of events, what is to be kept of it is kept."""
        while b"\0" not in self._rest:
            read = self._read.read(1 << 16)
            assert read, "the browser has ended"
            self._rest += read
        line, self._rest = self._rest.split(b"\0", 1)
        message: dict[str, Any] = json.loads(line)
        match message.get("method"):
            case "Page.loadEventFired":
                self._loaded = True
            case "Network.requestWillBeSent":
                self.requests.append(message["params"]["request"]["url"])
            case "Runtime.consoleAPICalled" | "Runtime.exceptionThrown" | "Log.entryAdded":
                self.messages.append(json.dumps(message["params"]))
        return message


@contextmanager
def browser(folder: Path) -> Iterator[Browser]:
    """A browser that is started for this and ended after it. folder: for what it keeps."""
    assert CHROMIUM is not None
    read_theirs, write_ours = os.pipe()
    read_ours, write_theirs = os.pipe()

    def as_3_and_4() -> None:
        # why by way of others: one of the two may be 3 or 4 already.
        theirs = [os.dup(file) for file in (read_theirs, write_theirs)]
        spare = [os.dup2(file, 50 + place) for place, file in enumerate(theirs)]
        for place, file in enumerate(spare):
            os.dup2(file, 3 + place)

    started = subprocess.Popen(
        [
            *(CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe"),
            *("--disable-dev-shm-usage", "--hide-scrollbars", "--no-first-run", "--disable-background-networking"),
            *(f"--user-data-dir={folder}", "about:blank"),
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        pass_fds=(3, 4),
        preexec_fn=as_3_and_4,
    )
    for file in (read_theirs, write_theirs):
        os.close(file)
    page = Browser(read_ours, write_ours)
    try:
        yield page
    finally:
        page.close()
        started.kill()
        started.wait()
