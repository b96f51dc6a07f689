"""However the file is changed, it is noticed: by watching its folder, and on SIGHUP."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from gateway.reload import Reloader
from gateway.triggers import triggers
from routing.policy import ChannelState
from tests.support.clock import settle
from tests.support.live_gateway import FILE, LiveGateway, live_gateway
from tests.support.patience import PATIENCE_S

DRAINED = FILE.replace("[channels.alpha]\n", '[channels.alpha]\nstate = "draining"\n')


class Watched:
    """A gateway with its triggers, and word of every look at its file."""

    def __init__(self, live: LiveGateway, looked: asyncio.Event) -> None:
        self.live = live
        self._looked = looked

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait for the look after which it holds."""
        async with asyncio.timeout(PATIENCE_S):
            while not holds():
                await self._looked.wait()
                self._looked.clear()

    def is_drained(self) -> bool:
        return self.live.gateway.services.channels["alpha"].policy.state is ChannelState.DRAINING

    def is_refused(self) -> bool:
        return not self.live.gateway.reloads.state.ok


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Set whenever somebody has had a look at the file."""
    found, reload = asyncio.Event(), Reloader.try_reload

    async def told(reloader: Reloader, actor: str) -> None:
        await reload(reloader, actor)
        found.set()

    monkeypatch.setattr(Reloader, "try_reload", told)
    return found


@pytest.fixture
async def watched(tmp_path: Path, looked: asyncio.Event) -> AsyncIterator[Watched]:
    async with live_gateway(tmp_path) as live, triggers(live.gateway.reloader):
        await settle()  # the watch stands
        yield Watched(live, looked)


async def test_written_in_place(watched: Watched) -> None:
    """As an editor does."""
    watched.live.write(DRAINED)
    await watched.until(watched.is_drained)


async def test_renamed_over(watched: Watched) -> None:
    """As a careful editor does, and again: it is the name that is watched, not the file that bore it."""
    watched.live.rename_over(DRAINED)
    await watched.until(watched.is_drained)
    watched.live.rename_over(FILE)
    await watched.until(lambda: not watched.is_drained())


async def test_a_broken_file_then_a_right_one(watched: Watched) -> None:
    """The old one stays in force, and the state says so until the file is right."""
    watched.live.rename_over("version = 1\n[gateway\n")
    await watched.until(watched.is_refused)
    assert watched.live.gateway.reloads.state.faults[0].startswith(f"{watched.live.path}:2: ")
    assert not watched.is_drained()
    watched.live.rename_over(DRAINED)
    await watched.until(watched.is_drained)
    assert not watched.is_refused()


async def test_a_file_that_is_gone_for_a_while(watched: Watched) -> None:
    """That is a fault like another."""
    watched.live.path.unlink()
    await watched.until(watched.is_refused)
    assert "there is no such file" in watched.live.gateway.reloads.state.faults[0]
    watched.live.write(DRAINED)
    await watched.until(watched.is_drained)


async def test_sighup(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing is heard of the folder, the operator says it."""

    async def deaf(_reloader: Reloader) -> None:
        return None

    monkeypatch.setattr(Reloader, "look", deaf)
    watched.live.write(DRAINED)
    os.kill(os.getpid(), signal.SIGHUP)
    await watched.until(watched.is_drained)


async def test_kubernetes_swaps_a_link(tmp_path: Path, looked: asyncio.Event) -> None:
    """A mounted ConfigMap: `config.toml` is a link into `..data`, which is a link that is swapped. Nothing that
    happens bears the file's name."""
    for name, text in (("..first", FILE), ("..second", DRAINED)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.toml").write_text(text)
        (tmp_path / name / "config.toml").chmod(0o644)
    (tmp_path / "..data").symlink_to("..first")
    (tmp_path / "config.toml").symlink_to("..data/config.toml")
    async with live_gateway(tmp_path, None) as live, triggers(live.gateway.reloader):
        await settle()
        (tmp_path / "..data_tmp").symlink_to("..second")
        (tmp_path / "..data_tmp").replace(tmp_path / "..data")
        watched = Watched(live, looked)
        await watched.until(watched.is_drained)
