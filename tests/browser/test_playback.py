"""Objects play in a real browser, from a distributor that fetches them meanwhile."""

import contextlib
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web

from joygrpc.supervisor import bind_listener, url_of
from tests.browser.chromium import Chromium, Tab, running_chromium
from tests.integration.network import Network, chain_of, created, eventually, form, running_network

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]

ARTEFACTS = Path(__file__).parents[2] / "artefacts" / "playback"
LEAST_SECONDS = 60
PAGE = """<!doctype html><meta charset="utf-8"><title>Playback</title>
<style>body{{margin:0;background:#222}}video{{width:100vw;height:100vh}}</style>
<video id="video" src="{asset}" preload="metadata" controls></video>
<script>
const video = document.getElementById("video");
const seen = [];
for (const name of ["loadedmetadata", "seeked", "playing", "ended", "error", "stalled"])
  video.addEventListener(name, () => seen.push(name));
const until = (holds) => new Promise((resolve, reject) => {{
  const check = () => {{
    if (video.error) reject(new Error("media error " + video.error.code + " " + video.error.message));
    else if (holds()) resolve(state());
    else setTimeout(check, 20);
  }};
  check();
}});
const state = () => ({{
  time: video.currentTime, duration: video.duration, ready: video.readyState, ended: video.ended,
  seekable: video.seekable.length ? [video.seekable.start(0), video.seekable.end(0)] : null,
  width: video.videoWidth, error: video.error && video.error.message, seen,
}});
const seek = async (time) => {{ video.currentTime = time; return until(() => !video.seeking && video.readyState >= 2); }};
</script>"""


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    with tempfile.TemporaryDirectory(prefix="joygrpc-test-") as folder, running_network(Path(folder)) as started:
        yield started


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Chromium]:
    with tempfile.TemporaryDirectory(prefix="joygrpc-chromium-", ignore_cleanup_errors=True) as profile:
        async with running_chromium(Path(profile)) as chromium:
            yield chromium


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cold_assets(network: Network) -> list[str]:
    """URLs of the sample's video under two ids that the distributor has not fetched."""
    data = Path(network.sample["path"]).read_bytes()
    async with chain_of(network) as chain, aiohttp.ClientSession() as http:
        another = await created(chain, data)
        url = f"{network.storage}/api/v1/files"
        async with http.post(url, params=another.parameters, data=form(data)) as response:
            assert response.status == 201
        assets = [f"{network.distributor}/api/v1/assets/{one}" for one in (network.sample["id"], another.id)]
        for asset in assets:
            assert (await eventually(http, asset))["X-Cache"] == "miss"
    return assets


@contextlib.asynccontextmanager
async def serving_page(asset: str) -> AsyncIterator[str]:
    """A page with the video, of another origin than the distributor's."""

    async def page(_: web.Request) -> web.Response:
        return web.Response(text=PAGE.format(asset=asset), content_type="text/html")

    app = web.Application()
    app.router.add_get("/", page)
    runner = web.AppRunner(app)
    await runner.setup()
    with bind_listener("127.0.0.1", 0) as listener:
        await web.SockSite(runner, listener).start()
        try:
            yield url_of(listener)
        finally:
            await runner.cleanup()


def cache_states(tab: Tab, asset: str) -> list[str]:
    return [headers["x-cache"] for url, _, headers in tab.responses if url == asset]


async def test_a_page_plays_and_seeks_in_a_cold_object(browser: Chromium, cold_assets: list[str]) -> None:
    asset = cold_assets[0]
    async with serving_page(asset) as page, browser.tab() as tab:
        await tab.open(page)
        begin = await tab.evaluate("until(() => video.readyState >= 1)")
        assert begin["duration"] >= LEAST_SECONDS
        assert begin["seekable"] == [0, pytest.approx(begin["duration"])]
        assert begin["width"] > 0

        end = await tab.evaluate("seek(video.duration - 2)")
        assert end["time"] == pytest.approx(begin["duration"] - 2, abs=0.1)
        assert end["ready"] >= 2, "there is a picture"
        await tab.screenshot(ARTEFACTS / "end.png")
        ended = await tab.evaluate("video.play().then(() => until(() => video.ended))")
        assert ended["time"] == pytest.approx(begin["duration"], abs=0.1)

        back = await tab.evaluate("seek(1)")
        assert back["time"] == pytest.approx(1, abs=0.1)
        played = await tab.evaluate("video.play().then(() => until(() => video.currentTime >= 2.5))")
        assert 2.5 <= played["time"] < 10
        await tab.screenshot(ARTEFACTS / "playing.png")
        assert played["error"] is None
        assert "error" not in played["seen"]

        states = cache_states(tab, asset)
        assert states[0] in {"miss", "pending"}, "it was cold"
        statuses = {status for url, status, _ in tab.responses if url == asset}
        assert statuses <= {200, 206}


async def test_an_asset_plays_in_a_tab_of_its_own(browser: Chromium, cold_assets: list[str]) -> None:
    asset = cold_assets[1]
    async with browser.tab() as tab:
        await tab.open(asset)
        video = "document.querySelector('video')"
        opened = await tab.observed(f"{video} && {video}.readyState >= 2 && {video}.duration")
        assert opened >= LEAST_SECONDS
        assert await tab.evaluate("self.origin") == "null", "the document has no origin, and so no rights"
        await tab.evaluate(f"void {video}.play()")
        assert await tab.observed(f"{video}.currentTime >= 1 && {video}.currentTime") >= 1
        assert await tab.evaluate(f"{video}.error") is None
        await tab.screenshot(ARTEFACTS / "tab.png")
        (first, *_) = [headers for url, _, headers in tab.responses if url == asset]
        assert first["content-security-policy"] == "sandbox"
        assert first["content-type"] == "video/webm"
