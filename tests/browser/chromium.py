"""Chromium without a screen, driven over its DevTools protocol."""

import asyncio
import base64
import contextlib
import itertools
import shutil
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

FLAGS = (
    "--headless=new",
    "--no-sandbox",  # tests may run as root, where its own sandbox does not work
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--mute-audio",
    "--autoplay-policy=no-user-gesture-required",
    "--remote-debugging-port=0",
    "--window-size=960,640",
)
READY_WITHIN_S = 30
ANSWER_WITHIN_S = 60


class ScriptFailed(Exception):
    """A script in the page threw, or the browser refused a command."""


@dataclass
class Tab:
    """One tab. `responses` are the headers of what it loaded, by URL, in order."""

    socket: aiohttp.ClientWebSocketResponse
    responses: list[tuple[str, int, dict[str, str]]] = field(default_factory=list)
    _answers: dict[int, asyncio.Future[dict[str, Any]]] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    async def command(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Sends a command, and gives its result."""
        number = next(self._numbers)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        await self.socket.send_json({"id": number, "method": method, "params": parameters})
        async with asyncio.timeout(ANSWER_WITHIN_S):
            found = await answer
        if "error" in found:
            raise ScriptFailed(f"{method}: {found['error']}")
        return found["result"]

    async def open(self, url: str) -> None:
        """Goes to a URL, and waits until its document is parsed."""
        found = await self.command("Page.navigate", url=url)
        if found.get("errorText"):
            raise ScriptFailed(f"{url}: {found['errorText']}")
        await self.observed(f"location.href.startsWith('{url}') && document.readyState !== 'loading'")

    async def observed(self, expression: str) -> Any:
        """The value of an expression once it is true. It is asked again and again, as a sandboxed page has no timers."""
        async with asyncio.timeout(ANSWER_WITHIN_S):
            while not (found := await self.evaluate(expression)):  # noqa: ASYNC110 - there is no event to await
                await asyncio.sleep(0.05)
        return found

    async def evaluate(self, script: str) -> Any:
        """The value of an expression in the page, awaited if it is a promise; counts as a user's doing."""
        found = await self.command(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True, userGesture=True
        )
        if "exceptionDetails" in found:
            raise ScriptFailed(str(found["exceptionDetails"].get("exception", found["exceptionDetails"])))
        return found["result"].get("value")

    async def screenshot(self, path: Path) -> None:
        """Saves what is to be seen, as PNG."""
        found = await self.command("Page.captureScreenshot", format="png")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(found["data"]))

    async def listen(self) -> None:
        """Takes in what the browser sends, until the tab is gone."""
        async for message in self.socket:
            event = message.json()
            if "id" in event:
                answer = self._answers.pop(event["id"])
                if not answer.done():
                    answer.set_result(event)
            elif event["method"] == "Network.responseReceived":
                response = event["params"]["response"]
                headers = {name.lower(): value for name, value in response["headers"].items()}
                self.responses.append((response["url"], response["status"], headers))


@contextlib.asynccontextmanager
async def running_chromium(profile: Path) -> AsyncIterator["Chromium"]:
    """A browser with a fresh profile in a directory."""
    program = shutil.which("chromium")
    assert program is not None, "the Debian package chromium is needed"
    with (profile / "chromium.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            program, *FLAGS, f"--user-data-dir={profile}", "about:blank", stdout=log, stderr=log
        )
    try:
        async with aiohttp.ClientSession() as http:
            yield Chromium(http, await _port(profile / "DevToolsActivePort", process))
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), 10)
        except TimeoutError:
            process.kill()
            await process.wait()


@dataclass(frozen=True)
class Chromium:
    """A running browser."""

    http: aiohttp.ClientSession
    port: int

    @contextlib.asynccontextmanager
    async def tab(self) -> AsyncIterator[Tab]:
        """A new tab, closed at the end."""
        root = f"http://127.0.0.1:{self.port}/json"
        async with self.http.put(f"{root}/new?about:blank") as response:
            target = await response.json(content_type=None)
        async with self.http.ws_connect(target["webSocketDebuggerUrl"], max_msg_size=0) as socket:
            tab = Tab(socket)
            async with asyncio.TaskGroup() as tasks:
                listening = tasks.create_task(tab.listen())
                for domain in ("Page", "Runtime", "Network"):
                    await tab.command(f"{domain}.enable")
                try:
                    yield tab
                finally:
                    listening.cancel()
        async with self.http.get(f"{root}/close/{target['id']}"):
            pass


async def _port(announced: Path, process: asyncio.subprocess.Process) -> int:
    async with asyncio.timeout(READY_WITHIN_S):
        while not announced.exists() or "\n" not in announced.read_text():
            assert process.returncode is None, "chromium ended"
            await asyncio.sleep(0.05)
    return int(announced.read_text().split()[0])
