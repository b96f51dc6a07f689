"""A real process beside us: it signs as we would, and whoever waits has a signature whatever becomes of it."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA512

from adapters.signer import Scheme, sign_rsa
from gateway.signer import beside
from gateway.signer.beside import UNDER_WAY_MAX, SignerBeside
from tests.support.clock import FakeClock

V1_5, PSS512 = Scheme.V1_5_SHA256, Scheme.PSS_SHA512


class Waits(FakeClock):
    """The pause before another is started lasts until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.pausing, self.go_on = asyncio.Event(), asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        self.pausing.set()
        await self.go_on.wait()


@pytest.fixture(scope="module")
def key() -> RSAPrivateKey:
    return generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture
def clock() -> Waits:
    return Waits()


class Said:
    """The signer's log: another has been started."""

    def __init__(self) -> None:
        self.started = asyncio.Event()

    def info(self, event: str, **_facts: object) -> None:
        assert event == "signer.started"
        self.started.set()

    def warning(self, event: str, **_facts: object) -> None:
        assert event == "signer.gone"
        self.started.clear()


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> Said:
    made = Said()
    monkeypatch.setattr(beside, "log", made)
    return made


def there(pid: int | None) -> bool:
    return Path(f"/proc/{pid}").exists()


def known_to_all(pid: int | None) -> bytes:
    """What the system shows of a process."""
    return b"".join(Path(f"/proc/{pid}/{each}").read_bytes() for each in ("cmdline", "environ"))


@pytest.fixture
async def signer(clock: Waits) -> AsyncIterator[SignerBeside]:
    made = SignerBeside(clock)
    await made.start()
    yield made
    await made.stop()


async def test_it_signs_as_we_would(signer: SignerBeside, key: RSAPrivateKey) -> None:
    """Hundreds at once, of two keys and with both schemes, each over its own bytes; all of them elsewhere."""
    other = generate_private_key(public_exponent=65537, key_size=3072)
    wanted = [(each, str(number).encode() * number) for number in range(100) for each in (key, other)]
    begun = [signer.begin(each, V1_5, data) for each, data in wanted]
    assert [each.made for each in begun] == [None] * 200
    signed = await asyncio.gather(*(each.wait() for each in begun))
    assert signed == [sign_rsa(each, V1_5, data) for each, data in wanted]
    salted = await signer.begin(key, PSS512, b"salted").wait()
    key.public_key().verify(salted, b"salted", PSS(MGF1(SHA512()), 64), SHA512())


async def test_before_and_after_it_is_signed_here(clock: Waits, key: RSAPrivateKey) -> None:
    """Without a process there is a signature at once; a stop leaves none behind."""
    signer = SignerBeside(clock)
    assert signer.begin(key, V1_5, b"x").made == sign_rsa(key, V1_5, b"x")
    await signer.start()
    assert signer.pid is not None
    pid, begun = signer.pid, signer.begin(key, V1_5, b"x")
    await signer.stop()
    assert await begun.wait() == sign_rsa(key, V1_5, b"x") == signer.begin(key, V1_5, b"x").made
    assert not there(pid)


async def test_its_death_is_nobodys_business(
    said: Said, signer: SignerBeside, clock: Waits, key: RSAPrivateKey
) -> None:
    """What was under way is made here, and what comes until another is started; that one is given the keys anew."""
    await signer.begin(key, V1_5, b"the key is known").wait()
    assert signer.pid is not None
    os.kill(signer.pid, signal.SIGSTOP)
    under_way = [signer.begin(key, V1_5, str(number).encode()) for number in range(20)]
    os.kill(signer.pid, signal.SIGKILL)
    await clock.pausing.wait()
    expected = [sign_rsa(key, V1_5, str(number).encode()) for number in range(20)]
    assert await asyncio.gather(*(each.wait() for each in under_way)) == expected
    assert signer.begin(key, V1_5, b"meanwhile").made is not None
    clock.go_on.set()
    await said.started.wait()
    again = signer.begin(key, V1_5, b"again")
    assert again.made is None
    assert await again.wait() == sign_rsa(key, V1_5, b"again")


async def test_one_that_hangs_is_done_without(
    signer: SignerBeside, key: RSAPrivateKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Late is as good as never; past so many that are under way nobody waits for it at all; then it may be late."""
    monkeypatch.setattr(beside, "WAIT_S", 0.01)
    assert signer.pid is not None
    os.kill(signer.pid, signal.SIGSTOP)
    begun = [signer.begin(key, V1_5, b"x") for _ in range(UNDER_WAY_MAX + 1)]
    assert [each.made is None for each in begun] == [True] * UNDER_WAY_MAX + [False]
    assert await begun[0].wait() == begun[-1].made
    os.kill(signer.pid, signal.SIGCONT)
    assert await begun[-2].wait() == begun[-1].made


async def test_a_key_too_short_says_so_here(signer: SignerBeside) -> None:
    """The process has no signature to give; the error is raised to whoever waits, and the process lives on."""
    short = generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505 - too short on purpose
    with pytest.raises(ValueError, match=r"[Dd]igest|key"):
        await signer.begin(short, PSS512, b"x").wait()
    assert await signer.begin(short, V1_5, b"x").wait() == sign_rsa(short, V1_5, b"x")


async def test_it_is_told_no_secrets_but_keys(clock: Waits, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither its command line nor its environment holds what ours does."""
    monkeypatch.setenv("BANK_PASSWORD", "hush-hush-hush")
    signer = SignerBeside(clock)
    await signer.start()
    seen = known_to_all(signer.pid)
    await signer.stop()
    assert b"gateway.signer" in seen
    assert b"hush" not in seen
