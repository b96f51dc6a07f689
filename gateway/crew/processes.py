"""The workers as the parent has them: processes that are started, asked, stopped, and started again when they die."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import aiohttp
import structlog

from gateway import child
from gateway.clock import Clock
from gateway.crew.merging import Merging
from gateway.crew.post import ANSWERS_WITHIN_S, Post
from gateway.crew.rounds import DECIDE_S, Round
from gateway.domain.errors import PaymuxError
from gateway.metrics.table import WORKER_RESTARTS

log: structlog.stdlib.BoundLogger = structlog.get_logger()
T = TypeVar("T")

LOOK_S = 0.05
"""How often a worker that starts is asked whether it is ready."""
BACK_OFF_S = (0.2, 1.0, 5.0, 15.0, 30.0)
"""How long after its death a worker is started again: the first, the second time, and so on."""
STEADY_S = 60.0
"""After so long at work a death is a first one again."""
UNHEARD = (aiohttp.ClientError, OSError, TimeoutError)
"""A worker that does not answer."""


class NotStarted(PaymuxError):
    """A worker ended before the gateway was ready for the first time; it has said why."""


@dataclass(slots=True)
class Member:
    """One worker: its process while there is one, and the way to it."""

    post: Post
    process: asyncio.subprocess.Process | None = None
    session: aiohttp.ClientSession | None = None
    ready: bool = False
    lifeline: int | None = None
    """Closed with us, however we end: the worker then ends, too."""

    @property
    def number(self) -> int:
        return self.post.number

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.returncode is None

    async def ask(self, method: str, path: str, timeout_s: float = ANSWERS_WITHIN_S) -> tuple[int, str]:
        """Status and text. Raises `UNHEARD`."""
        if self.session is None:
            raise ConnectionError(f"worker {self.number} is not running")
        timeout = aiohttp.ClientTimeout(total=timeout_s)
        async with self.session.request(method, f"http://worker{path}", timeout=timeout) as response:
            return response.status, await response.text()


class Crew:
    """All of them."""

    def __init__(self, config: Path, folder: Path, workers: int, clock: Clock) -> None:
        self.members = [Member(Post(folder, number)) for number in range(1, workers + 1)]
        self.merging = Merging()
        self.round: Round | None = None
        self.unsure = False
        """Whether all run the same file is not known: some refused it, or one has come back."""
        self._config = config
        self._clock = clock
        self._one_round = asyncio.Lock()
        self._stopping = asyncio.Event()
        self._keeping: list[asyncio.Task[None]] = []

    @property
    def ready(self) -> list[Member]:
        """Those that can be asked something."""
        return [member for member in self.members if member.ready]

    # Running ---------------------------------------------------------------------------------------------------------

    async def start(self, *, quarantine: bool) -> None:
        """The first worker alone: it brings the schema up, looks whether the database is the one that was left, and is
        there when the others come as new nodes beside it. Then those.

        Raises:
            NotStarted: one of them did not come up.
        """
        first, *others = self.members
        came = [await self._bring_up(first, *(("--quarantine",) if quarantine else ()))]
        if came[0]:
            came += await asyncio.gather(*(self._bring_up(each) for each in others))
        if not all(came):
            raise NotStarted("a worker did not start; it has said why")
        self._keeping = [asyncio.create_task(self._keep(member)) for member in self.members]
        log.info("workers.started", workers=len(self.members))

    async def _bring_up(self, member: Member, *options: str) -> bool:
        """Start its process and wait until it is ready; false when it ended before it was."""
        post = member.post
        post.socket.unlink(missing_ok=True)
        read, member.lifeline = os.pipe()
        command = [*child.command("gateway.crew.member"), f"--config={self._config}"]
        try:
            member.process = await asyncio.create_subprocess_exec(
                *command, f"--folder={post.folder}", f"--number={post.number}", *options, stdin=read,
                env=child.environment(os.environ),
                start_new_session=True,  # a Ctrl-C in a terminal is for the parent, which tells them in its own way
            )  # fmt: skip
        finally:
            os.close(read)
        connector = aiohttp.UnixConnector(str(post.socket), limit=64)
        member.session = aiohttp.ClientSession(connector=connector)
        while member.running and not self._stopping.is_set():
            with contextlib.suppress(*UNHEARD):
                if (await member.ask("GET", "/readyz", 5.0))[0] == 200:
                    member.ready = True
                    return True
            await self._clock.sleep(LOOK_S)
        return False

    async def _keep(self, member: Member) -> None:
        """Start it again, whenever it ends unasked."""
        deaths, since_s = 0, self._clock.monotonic()
        while True:
            assert member.process is not None  # noqa: S101 - it was brought up
            code = await member.process.wait()
            await self._over(member)
            if self._stopping.is_set():
                return
            deaths = 0 if self._clock.monotonic() - since_s > STEADY_S else deaths
            wait_s = BACK_OFF_S[min(deaths, len(BACK_OFF_S) - 1)]
            log.error("worker.died", worker=member.number, pid=member.process.pid, code=code, again_in_s=wait_s)
            self.merging.count(WORKER_RESTARTS)
            deaths += 1
            await self._clock.sleep(wait_s)
            if self._stopping.is_set():
                return
            since_s = self._clock.monotonic()
            if await self._bring_up(member):
                self.unsure = True  # it read the file that is there now
                log.warning("worker.back", worker=member.number, pid=member.process.pid)

    async def _over(self, member: Member) -> None:
        member.ready = False
        self.merging.ended(member.number)
        if self.round is not None:
            self.round.ended(member.number, "it ended")
        if member.lifeline is not None:
            os.close(member.lifeline)
            member.lifeline = None
        if member.session is not None:
            await member.session.close()
            member.session = None

    async def stop(self, grace_s: float) -> None:
        """Let all of them drain; who has not ended by then is killed, which loses nothing."""
        self._stopping.set()
        running = [each for each in self.members if each.running]
        for member in running:
            self._signal(member, signal.SIGTERM)
        endings = [asyncio.create_task(member.process.wait()) for member in running if member.process is not None]
        if endings:
            await asyncio.wait(endings, timeout=grace_s)
        for member in running:
            if member.running:
                log.error("worker.killed", worker=member.number, after_s=grace_s)
                self._signal(member, signal.SIGKILL)
        await asyncio.gather(*endings)
        for task in self._keeping:
            task.cancel()
        await asyncio.gather(*self._keeping, return_exceptions=True)
        for member in self.members:
            await self._over(member)

    @staticmethod
    def _signal(member: Member, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            if member.process is not None:
                member.process.send_signal(number)

    # The file --------------------------------------------------------------------------------------------------------

    async def take_up(self, ask: Callable[[Member], Awaitable[T]]) -> list[T]:
        """One round: `ask` each worker to take the file up, whichever way; what came of it, in their order."""
        async with self._one_round:
            voters = self.ready
            held = self.round = Round(member.number for member in voters)
            try:
                return list(await asyncio.gather(*(self._asked(held, member, ask) for member in voters)))
            finally:
                self.round = None
                self.unsure = held.split
                if held.split:
                    log.error("workers.differ", refused=held.refused)

    @staticmethod
    async def _asked(held: Round, member: Member, ask: Callable[[Member], Awaitable[T]]) -> T:
        try:
            return await ask(member)
        finally:
            held.ended(member.number, "it was not asked, or did not try")

    async def by_signal(self) -> None:
        """As SIGHUP does."""

        async def ask(member: Member) -> None:
            self._signal(member, signal.SIGHUP)
            if self.round is not None:
                await self.round.over(DECIDE_S * 2)

        await self.take_up(ask)

    # What they show --------------------------------------------------------------------------------------------------

    async def exposition(self) -> bytes:
        """The metrics of all, as those of one."""
        asked = self.ready
        texts = await asyncio.gather(*(self._scraped(member) for member in asked))
        return self.merging.together({each.number: text for each, text in zip(asked, texts, strict=True) if text})

    @staticmethod
    async def _scraped(member: Member) -> str:
        try:
            status, text = await member.ask("GET", "/metrics", 5.0)
        except UNHEARD as error:
            log.warning("worker.not_scraped", worker=member.number, error=type(error).__name__)
            return ""
        return text if status == 200 else ""
