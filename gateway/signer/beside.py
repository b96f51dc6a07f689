"""The gateway's end: begins signatures in the process beside it, and signs here whatever that cannot.

A signer that dies, or hangs, is replaced by another; what it had under way, and what comes until then, is signed here.
Nobody who waits for a signature ever learns of any of it.
"""

from __future__ import annotations

import asyncio
import contextlib

import structlog
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from adapters.signer import HERE, Scheme, Signature
from gateway.clock import Clock
from gateway.signer.life import Life

log: structlog.stdlib.BoundLogger = structlog.get_logger()

BACK_OFF_S = (1.0, 5.0, 15.0, 30.0)
"""How long after its end another is started: the first, the second time, and so on."""
STEADY_S = 60.0
"""After so long at work an end is a first one again."""
ENDS_WITHIN_S = 2.0
"""A stop waits no longer for a process that was killed."""


class SignerBeside:
    """`adapters.signer.Signer` with a process of its own. Used between `start` and `stop`; before and after, and where
    the process fails, it signs here."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._life: Life | None = None
        self._keeping: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """Of the process, while there is one."""
        return None if self._life is None else self._life.pid

    def begin(self, key: RSAPrivateKey, scheme: Scheme, data: bytes) -> Signature:
        begun = None if self._life is None else self._life.begin(key, scheme, data)
        return begun or HERE.begin(key, scheme, data)

    def forget(self, key: RSAPrivateKey) -> None:
        if self._life is not None:
            self._life.forget(key)

    async def start(self) -> None:
        """Start it, and keep one running from then on. Never fails: what cannot be started is done without."""
        await self._begin_one()
        self._keeping = asyncio.get_running_loop().create_task(self._keep())

    async def _keep(self) -> None:
        ends = 0
        while True:
            life, since_s = self._life, self._clock.monotonic()
            if life is not None:
                await life.over.wait()
                log.warning("signer.gone", pid=life.pid, hung=life.hung)
                life.end()
                self._life = None
            ends = 0 if self._clock.monotonic() - since_s > STEADY_S else ends
            await self._clock.sleep(BACK_OFF_S[min(ends, len(BACK_OFF_S) - 1)])
            ends += 1
            await self._begin_one()

    async def _begin_one(self) -> None:
        life = Life(self._clock.monotonic)
        try:
            await life.start()
        except Exception as error:  # noqa: BLE001 - whatever keeps it from starting, the gateway works without it
            log.warning("signer.not_started", error=type(error).__name__)
            return
        self._life = life
        log.info("signer.started", pid=life.pid)

    async def stop(self) -> None:
        """End it. What is signed afterwards is signed here."""
        keeping, self._keeping = self._keeping, None
        if keeping is not None:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)
        life, self._life = self._life, None
        if life is not None:
            life.end()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(ENDS_WITHIN_S):
                    await life.over.wait()
