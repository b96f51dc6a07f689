"""A real process beside us: it signs as we would, and whoever waits has a signature whatever becomes of it."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import NoReturn

import pytest
import uvloop
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA512

from adapters.signer import Scheme, sign_rsa
from gateway.signer import beside, life
from gateway.signer.beside import SignerBeside
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


class Said:
    """The signer's log: another has been started."""

    def __init__(self) -> None:
        self.started = asyncio.Event()
        self.hung: list[object] = []

    def info(self, event: str, **_facts: object) -> None:
        assert event == "signer.started"
        self.started.set()

    def warning(self, event: str, **facts: object) -> None:
        assert event == "signer.gone"
        self.hung.append(facts["hung"])


@pytest.fixture(scope="module")
def key() -> RSAPrivateKey:
    return generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture
async def clock() -> Waits:
    return Waits()


@pytest.fixture
async def said(monkeypatch: pytest.MonkeyPatch) -> Said:
    made = Said()
    monkeypatch.setattr(beside, "log", made)
    return made


@pytest.fixture
async def signer(clock: Waits, said: Said) -> AsyncIterator[SignerBeside]:
    made = SignerBeside(clock)
    await made.start()
    yield made
    await made.stop()


def _not_here(*_: object) -> NoReturn:
    raise AssertionError("the process was to sign")


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is signed here: what was waited for came from the process. The same key signs the same bytes alike
    anywhere, so that a signature alone does not tell."""
    monkeypatch.setattr(life, "sign_rsa", _not_here)


def there(pid: int | None) -> bool:
    return Path(f"/proc/{pid}").exists()


def known_to_all(pid: int | None) -> bytes:
    """What the system shows of a process."""
    return b"".join(Path(f"/proc/{pid}/{each}").read_bytes() for each in ("cmdline", "environ"))


def open_files(pid: int | None) -> set[int]:
    return {int(each.name) for each in Path(f"/proc/{pid}/fd").iterdir()}


@pytest.mark.usefixtures("elsewhere")
async def test_it_signs_as_we_would(signer: SignerBeside, key: RSAPrivateKey) -> None:
    """Fifty at once, of two keys and with both schemes, each over its own bytes; all of them elsewhere."""
    other = generate_private_key(public_exponent=65537, key_size=2048)
    wanted = [(each, str(number).encode() * number) for number in range(25) for each in (key, other)]
    begun = [signer.begin(each, V1_5, data) for each, data in wanted]
    assert [each.made for each in begun] == [None] * 50
    signed = await asyncio.gather(*(each.wait() for each in begun))
    assert signed == [sign_rsa(each, V1_5, data) for each, data in wanted]
    salted = await signer.begin(key, PSS512, b"salted").wait()
    key.public_key().verify(salted, b"salted", PSS(MGF1(SHA512()), 64), SHA512())


@pytest.mark.usefixtures("elsewhere")
async def test_a_key_that_was_forgotten_is_given_anew(signer: SignerBeside, key: RSAPrivateKey) -> None:
    """A channel was closed and another made of the same key: what was under way is made, and what comes later."""
    under_way = signer.begin(key, V1_5, b"x")
    signer.forget(key)
    again = signer.begin(key, V1_5, b"y")
    assert [await each.wait() for each in (under_way, again)] == [sign_rsa(key, V1_5, each) for each in (b"x", b"y")]


async def test_before_and_after_it_is_signed_here(clock: Waits, said: Said, key: RSAPrivateKey) -> None:
    """Without a process there is a signature at once; a stop leaves none behind."""
    signer = SignerBeside(clock)
    assert signer.begin(key, V1_5, b"x").made == sign_rsa(key, V1_5, b"x")
    await signer.start()
    pid, begun = signer.pid, signer.begin(key, V1_5, b"x")
    assert there(pid)
    await signer.stop()
    assert await begun.wait() == sign_rsa(key, V1_5, b"x") == signer.begin(key, V1_5, b"x").made
    assert not there(pid)


@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_its_death_is_nobodys_business(
    new_loop: Callable[[], asyncio.AbstractEventLoop], key: RSAPrivateKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was under way is made here, and what comes until another is started, which is given the keys anew. At no
    moment of it does anything fail, on either loop: each has its own way of writing to a pipe that has just been
    closed."""
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(_dies(key, monkeypatch))


async def _dies(key: RSAPrivateKey, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, said = Waits(), Said()
    monkeypatch.setattr(beside, "log", said)
    signer = SignerBeside(clock)
    await signer.start()
    await signer.begin(key, V1_5, b"the key is known").wait()
    assert signer.pid is not None
    os.kill(signer.pid, signal.SIGSTOP)
    begun = [signer.begin(key, V1_5, b"x") for _ in range(20)]
    os.kill(signer.pid, signal.SIGKILL)
    pausing = asyncio.ensure_future(clock.pausing.wait())
    while not pausing.done():
        begun.append(signer.begin(key, V1_5, b"x"))
        await asyncio.sleep(0)
    assert {await each.wait() for each in begun} == {sign_rsa(key, V1_5, b"x")}
    assert signer.begin(key, V1_5, b"meanwhile").made is not None
    said.started.clear()
    clock.go_on.set()
    await said.started.wait()
    monkeypatch.setattr(life, "sign_rsa", _not_here)
    assert await signer.begin(key, V1_5, b"again").wait() == sign_rsa(key, V1_5, b"again")
    assert said.hung == [False]
    await signer.stop()


async def test_one_that_hangs_is_done_without(
    said: Said, signer: SignerBeside, clock: Waits, key: RSAPrivateKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever waited too long signs here; all others need not wait any more, and it is replaced."""
    await signer.begin(key, V1_5, b"the key is known").wait()
    assert signer.pid is not None
    os.kill(signer.pid, signal.SIGSTOP)
    begun = [signer.begin(key, V1_5, b"x") for _ in range(3)]
    monkeypatch.setattr(life, "WAIT_S", 0.01)
    assert {await each.wait() for each in begun} == {sign_rsa(key, V1_5, b"x")}
    await clock.pausing.wait()
    assert said.hung == [True]


async def test_one_that_is_behind_is_not_waited_for(signer: SignerBeside, clock: Waits, key: RSAPrivateKey) -> None:
    """While it has been about one for too long, the next are made here at once."""
    assert signer.pid is not None
    os.kill(signer.pid, signal.SIGSTOP)
    first = signer.begin(key, V1_5, b"x")
    assert (first.made, signer.begin(key, V1_5, b"y").made) == (None, None)
    clock.move(life.BEHIND_S + 0.01)
    assert signer.begin(key, V1_5, b"z").made == sign_rsa(key, V1_5, b"z")
    os.kill(signer.pid, signal.SIGCONT)
    assert await first.wait() == sign_rsa(key, V1_5, b"x")


@pytest.mark.usefixtures("elsewhere")
async def test_signals_that_are_meant_for_the_gateway_do_not_end_it(signer: SignerBeside, key: RSAPrivateKey) -> None:
    """A terminal or a service manager tells the whole group; the gateway signs until its own end."""
    await signer.begin(key, V1_5, b"it has started").wait()
    assert signer.pid is not None
    for each in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        os.kill(signer.pid, each)
    assert await signer.begin(key, V1_5, b"x").wait() == sign_rsa(key, V1_5, b"x")


@pytest.mark.usefixtures("elsewhere")
async def test_it_is_given_keys_and_nothing_else(
    clock: Waits, said: Said, key: RSAPrivateKey, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Neither its command line nor its environment holds a secret of ours; no file of ours is open in it; and nothing
    that lies in the working directory runs there."""
    (tmp_path / "struct.py").write_text("raise SystemExit('somebody else')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BANK_PASSWORD", "hush-hush-hush")
    read, write = os.pipe()
    os.set_inheritable(write, True)
    signer = SignerBeside(clock)
    await signer.start()
    assert await signer.begin(key, V1_5, b"x").wait() == sign_rsa(key, V1_5, b"x")
    seen, files = known_to_all(signer.pid), open_files(signer.pid)
    await signer.stop()
    os.close(read)
    os.close(write)
    assert b"gateway.signer" in seen
    assert b"hush" not in seen
    assert files == {0, 1, 2}
