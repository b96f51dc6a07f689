"""One life of the signer: its process, the keys that it was given, what it is about.

Numbers go up for ever and keys are numbered within one life, so nothing of an earlier one can be taken for its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from adapters.signer import Scheme, Signature, sign_rsa
from gateway import child
from gateway.signer.frames import MADE, forget_frame, key_frame, sign_frame

WAIT_S = 0.5
"""How long a signature is waited for before it is made here: some hundred times what one takes."""
BEHIND_S = 0.1
"""When it has been about one for so long, it has too much to do: the next are made here."""
_ENVIRONMENT = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "LANG")
"""All that it needs of ours. Secrets may stand in the rest."""


@dataclass(frozen=True, slots=True, eq=False)
class Begun:
    """A signature that the process is about."""

    key: RSAPrivateKey = field(repr=False)
    scheme: Scheme
    data: bytes = field(repr=False)
    coming: asyncio.Future[bytes] = field(repr=False)
    hangs: Callable[[], None] = field(repr=False)
    """To be told when it did not come in time."""
    made: None = None

    async def wait(self) -> bytes:
        done, _ = await asyncio.wait({self.coming}, timeout=WAIT_S)
        if not done:
            self.hangs()
        signature = self.coming.result() if done else b""
        return signature if len(signature) == (self.key.key_size + 7) // 8 else self._made_here()

    def _made_here(self) -> bytes:
        return sign_rsa(self.key, self.scheme, self.data)


class Life(asyncio.SubprocessProtocol):
    """From its start to its end. Used on one loop."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._heard = b""
        self._coming: dict[int, tuple[asyncio.Future[bytes], float]] = {}
        """What it is about, since when: the oldest first."""
        self._keys: dict[RSAPrivateKey, int] = {}
        self._numbers = self._key_numbers = 0
        self._transport: asyncio.SubprocessTransport | None = None
        self._input: asyncio.WriteTransport | None = None
        self.over = asyncio.Event()
        """It has ended."""
        self.hung = False
        """It was ended because it kept somebody waiting."""

    @property
    def pid(self) -> int | None:
        """None before its start."""
        return None if self._transport is None else self._transport.get_pid()

    async def start(self) -> None:
        """Raises `OSError`, or whatever else keeps a process from starting."""
        given = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
        transport, _ = await asyncio.get_running_loop().subprocess_exec(
            lambda: self,
            *child.command("gateway.signer"),
            stderr=asyncio.subprocess.DEVNULL,  # a traceback is not for the log, which is redacted line by line
            env=child.environment(given),
        )
        self._transport = transport
        self._input = cast(asyncio.WriteTransport, transport.get_pipe_transport(0))

    # Signing ---------------------------------------------------------------------------------------------------------

    def begin(self, key: RSAPrivateKey, scheme: Scheme, data: bytes) -> Signature | None:
        """A signature that it is about now; None where it cannot, or has too much to do."""
        if self._input is None or self._input.is_closing() or self._behind():
            return None
        self._numbers = number = (self._numbers + 1) % 2**32
        coming = asyncio.get_running_loop().create_future()
        try:
            self._input.write(self._known(key) + sign_frame(number, self._keys[key], scheme, data))
        except Exception:  # noqa: BLE001 - uvloop raises RuntimeError for a pipe that has just been closed by the peer
            return None
        self._coming[number] = coming, self._monotonic()
        return Begun(key, scheme, data, coming, self._hangs)

    def _behind(self) -> bool:
        since_s = next((since_s for _, since_s in self._coming.values()), None)
        return since_s is not None and self._monotonic() - since_s > BEHIND_S

    def _known(self, key: RSAPrivateKey) -> bytes:
        """What has to be said of the key first."""
        if key in self._keys:
            return b""
        self._key_numbers += 1
        self._keys[key] = self._key_numbers
        return key_frame(self._key_numbers, key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()))

    def forget(self, key: RSAPrivateKey) -> None:
        """What it is about with this key it still makes."""
        number = self._keys.pop(key, None)
        if number is not None and self._input is not None:
            with contextlib.suppress(Exception):  # it is gone, and the key with it
                self._input.write(forget_frame(number))

    # Of the process --------------------------------------------------------------------------------------------------

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """Signatures, in whatever pieces they come."""
        heard = self._heard + data
        while len(heard) >= MADE.size:
            number, size = MADE.unpack_from(heard)
            end = MADE.size + size
            if len(heard) < end:
                break
            self._told(number, heard[MADE.size : end])
            heard = heard[end:]
        self._heard = heard

    def process_exited(self) -> None:
        """Whoever waits has it made here."""
        self._input = None
        self._keys.clear()
        for number in list(self._coming):
            self._told(number, b"")
        self.over.set()

    def _told(self, number: int, signature: bytes) -> None:
        coming, _ = self._coming.pop(number, (None, 0.0))
        if coming is not None and not coming.done():
            coming.set_result(signature)

    def _hangs(self) -> None:
        self.hung = True
        self.end()

    def end(self) -> None:
        """Kill it, if it is still there, and let go of its pipes; `over` says when it is gone."""
        if self._transport is not None:
            self._input = None
            self._transport.close()
