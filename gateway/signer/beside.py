"""The gateway's end: begins signatures in the process beside it, and signs here whatever that cannot.

A signer that dies is started again; what it had under way, and what comes until then, is signed here. So is what it
keeps waiting. Nobody who waits for a signature ever learns of any of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

import structlog
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from adapters.signer import Made, Scheme, Signature, sign_rsa
from gateway.clock import Clock
from gateway.signer.frames import MADE, key_frame, sign_frame

log: structlog.stdlib.BoundLogger = structlog.get_logger()

WAIT_S = 0.5
"""How long a signature is waited for before it is made here: some hundred times what one takes."""
UNDER_WAY_MAX = 256
"""Beyond so many they would come too late, so the next is made here."""
AGAIN_S = 1.0
"""How long after its death it is started again."""
_ENVIRONMENT = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "LANG")
"""All that it needs of ours. Secrets may stand in the rest."""


@dataclass(frozen=True, slots=True, eq=False)
class _Begun:
    """A signature that the process is about."""

    key: RSAPrivateKey = field(repr=False)
    scheme: Scheme
    data: bytes = field(repr=False)
    coming: asyncio.Future[bytes] = field(repr=False)
    made: None = None

    async def wait(self) -> bytes:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(WAIT_S):
                if signature := await self.coming:
                    return signature
        return sign_rsa(self.key, self.scheme, self.data)


class _Pipes(asyncio.SubprocessProtocol):
    """What the process writes, and its end."""

    def __init__(self, made: Callable[[int, bytes], None]) -> None:
        self._made = made
        self._heard = b""
        self.over = asyncio.Event()

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        heard = self._heard + data
        while len(heard) >= MADE.size:
            number, size = MADE.unpack_from(heard)
            if len(heard) < MADE.size + size:
                break
            self._made(number, heard[MADE.size : MADE.size + size])
            heard = heard[MADE.size + size :]
        self._heard = heard

    def process_exited(self) -> None:
        self.over.set()


class SignerBeside:
    """`adapters.signer.Signer` with a process of its own. Used between `start` and `stop`; before and after, and where
    it fails, it signs here."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._coming: dict[int, asyncio.Future[bytes]] = {}
        self._keys: dict[RSAPrivateKey, int] = {}
        """Those that the process was given."""
        self._count = 0
        self._transport: asyncio.SubprocessTransport | None = None
        self._input: asyncio.WriteTransport | None = None
        self._over = asyncio.Event()
        """Of the process: it has ended. Set while there is none."""
        self._over.set()
        self._keeping: asyncio.Task[None] | None = None
        self.pid: int | None = None
        """Of the process, while there is one."""

    # Signing ---------------------------------------------------------------------------------------------------------

    def begin(self, key: RSAPrivateKey, scheme: Scheme, data: bytes) -> Signature:
        given = self._input
        if given is None or len(self._coming) >= UNDER_WAY_MAX:
            return Made(sign_rsa(key, scheme, data))
        self._count = number = (self._count + 1) % 2**32
        coming = self._coming[number] = asyncio.get_running_loop().create_future()
        if key not in self._keys:
            self._keys[key] = len(self._keys)
            der = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
            given.write(key_frame(self._keys[key], der))
        given.write(sign_frame(number, self._keys[key], scheme, data))
        return _Begun(key, scheme, data, coming)

    def _made(self, number: int, signature: bytes) -> None:
        coming = self._coming.pop(number, None)
        if coming is not None and not coming.done():
            coming.set_result(signature)

    # The process -----------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Start it, and keep one running from then on. Never fails: what cannot be started is done without."""
        await self._begin_one()
        self._keeping = asyncio.get_running_loop().create_task(self._keep())

    async def _keep(self) -> None:
        while True:
            await self._over.wait()
            if self.pid is not None:
                log.warning("signer.gone", pid=self.pid)
                self._forget()
            await self._clock.sleep(AGAIN_S)
            await self._begin_one()

    async def _begin_one(self) -> None:
        loop = asyncio.get_running_loop()
        environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
        command = (sys.executable, "-m", "gateway.signer")
        try:
            transport, pipes = await loop.subprocess_exec(
                lambda: _Pipes(self._made), *command, stderr=None, env=environment
            )
        except OSError as error:
            log.warning("signer.not_started", error=type(error).__name__)
            return
        self._transport, self.pid, self._over = transport, transport.get_pid(), pipes.over
        self._input = cast(asyncio.WriteTransport, transport.get_pipe_transport(0))
        log.info("signer.started", pid=self.pid)

    def _forget(self) -> None:
        """It is gone: whoever waits has it made here."""
        self._input = None
        self.pid = None
        self._keys.clear()
        for coming in self._coming.values():
            if not coming.done():
                coming.set_result(b"")
        self._coming.clear()
        if self._transport is not None:
            self._transport.close()
            self._transport = None

    async def stop(self) -> None:
        """End it. What is signed afterwards is signed here."""
        keeping, self._keeping = self._keeping, None
        if keeping is not None:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)
        self._forget()
        await self._over.wait()
