"""The whole way of a payout, beside the floor: how much processor time the gateway takes for each, how many a second,
and how long each takes, as shares of what the bare wire costs on the same machine in the same minute.

Floor and gateway stand beside each other, and take turns: in each round the same orders are pressed through both, so
many at once (processor time, throughput), and then sent at a low rate (latency). The gateway runs as it is shipped:
signatures checked, evidence, callbacks, metrics, logs. What is told are medians of the rounds, and their spread.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from time import perf_counter, sleep
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from adapters.wechat.signing import sign_bytes
from bench.letters import MCHID, SERIAL
from bench.stage import Stage, free_port
from gateway.domain.identity import notify_token

AT_ONCE = 64
PER_S = 40.0
WARM = 128
STORES = {"sqlite": "sqlite:state/paymux.db"}

CONFIG = """\
version = 1

[gateway]
mode = "sandbox"
listen = "127.0.0.1:{public}"
admin_listen = "127.0.0.1:{admin}"
database = "{database}"
signer = "{signer}"
identity_key = "file:identity.key"

[callbacks]
per_endpoint = 64

[channels.wechat]
adapter = "wechat"
currencies = ["CNY"]
methods = ["wechat"]
limits = {{ min = 1, max = 1000000000, rps = 100000, in_flight = 1000 }}

[[channels.wechat.fees]]
kind = "flat"
currency = "CNY"
amount = 1

[channels.wechat.settings]
base_url = "http://127.0.0.1:{channel}"
mchid = "{mchid}"
appid = "wxtest0000000000a1"
merchant_serial_no = "3775B6A45ACD588826D15E583A95F5DD00000001"
merchant_private_key = "file:merchant.pem"
apiv3_key = "file:apiv3.key"
remark = "提现"
platform_keys = {{ {serial} = "file:platform_public.pem" }}

[channels.wechat.settings.scene]
id = "1005"
report_infos = [
  {{ info_type = "岗位类型", info_content = "外卖员" }},
  {{ info_type = "报酬说明", info_content = "配送费" }},
]

[apps.bench]
limits = {{ rps = 100000, in_flight = 10000 }}
keys = [{{ id = "bench-1", algorithm = "hmac-sha256", secret = "file:app.key" }}]
callbacks = [{{ url = "http://127.0.0.1:{app}/callbacks", secret = "file:callback.whsec", events = ["payout.paid"] }}]
"""


@dataclass(slots=True)
class Turn:
    """One side's part of one round."""

    payouts_s: float
    cpu_ms: float
    """Processor time of its process, all threads, for each payout."""
    signer_ms: float
    """Of its signer's, where that is a process of its own."""
    took_ms: list[float] = field(repr=False)
    """At the low rate: from the order to the verified callback."""


@dataclass(slots=True)
class Side:
    """Floor or gateway."""

    name: str
    process: subprocess.Popen[bytes]
    port: int
    notify_path: str
    turns: list[Turn] = field(default_factory=list)

    def cpu_s(self) -> float:
        return _cpu_s(self.process.pid)

    def signer_s(self) -> float:
        """Of the processes that it has begun: its signer, where it has one."""
        pid = self.process.pid
        return sum(map(_cpu_s, map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())))


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(rounds: int, payouts: int, store: str, signer: str = "inline") -> dict[str, Any]:
    """`payouts` in each of `rounds` rounds, by floor and gateway in turn."""
    with _database(store) as database, place(database, signer) as at:
        for side in at.sides:
            _press(at, side, "warm", WARM)
        for number in range(rounds):
            for side in at.sides if number % 2 else reversed(at.sides):
                side.turns.append(_turn(at, side, f"r{number}", payouts))
        return _told(at, store, signer)


@contextmanager
def _database(store: str) -> Iterator[str]:
    """What `[gateway] database` says: a file of its own, a database of its own on a PostgreSQL, or what is given."""
    if store == "postgres":
        from bench.postgres import server  # its driver is an extra

        with server() as started, started.database() as address:
            yield address
    else:
        yield STORES.get(store, store)


def table(result: dict[str, Any]) -> str:
    """For people."""
    return "\n".join(f"{name:<22} {value}" for name, value in result.items())


@dataclass(slots=True)
class Place:
    """Everybody, running."""

    folder: Path
    town: subprocess.Popen[str]
    sides: list[Side] = field(default_factory=list)
    sent_twice: int = 0
    errors: dict[str, int] = field(default_factory=dict)

    def ask(self, **wish: object) -> dict[str, Any]:
        assert self.town.stdin is not None  # noqa: S101 - it was started with pipes
        self.town.stdin.write(json.dumps(wish) + "\n")
        self.town.stdin.flush()
        return self.hear()

    def hear(self) -> dict[str, Any]:
        assert self.town.stdout is not None  # noqa: S101 - as above
        said: dict[str, Any] = json.loads(self.town.stdout.readline())
        for what, count in said.get("errors", {}).items():
            self.errors[what] = self.errors.get(what, 0) + count
        self.sent_twice += said.get("sent_twice", 0)
        return said


def _turn(at: Place, side: Side, name: str, payouts: int) -> Turn:
    signed_s = side.signer_s()
    seconds, cpu_s, done = _press(at, side, f"{name}p", payouts)
    signer_ms = (side.signer_s() - signed_s) * 1000 / max(done, 1)
    _prepare(at, side, f"{name}s", max(payouts // 8, 20))
    paced = at.ask(pace=PER_S)
    return Turn(done / seconds, cpu_s * 1000 / max(done, 1), signer_ms, paced["took_ms"])


def _press(at: Place, side: Side, name: str, payouts: int) -> tuple[float, float, int]:
    _prepare(at, side, name, payouts)
    before_s = side.cpu_s()
    said = at.ask(press=AT_ONCE)
    return said["seconds"], side.cpu_s() - before_s, len(said["took_ms"])


def _prepare(at: Place, side: Side, name: str, payouts: int) -> None:
    derived = side.name == "gateway"
    at.ask(prepare=side.port, path=side.notify_path, name=f"{side.name}{name}", count=payouts, derived=derived)


def _told(at: Place, store: str, signer: str) -> dict[str, Any]:
    floor, gateway = at.sides
    pairs = list(zip(gateway.turns, floor.turns, strict=True))
    cpu = [ours.cpu_ms / bare.cpu_ms for ours, bare in pairs]
    throughput = [ours.payouts_s / bare.payouts_s for ours, bare in pairs]
    rsa_ms = _rsa_sign_ms(at.folder)
    floor_cpu_ms = median(turn.cpu_ms for turn in floor.turns)
    return {
        "cpu_ratio": round(median(cpu), 2),
        "throughput_ratio": round(median(throughput), 2),
        "payouts_s": round(median(turn.payouts_s for turn in gateway.turns), 1),
        **_latency("e2e", gateway),
        "cpu_ms": round(median(turn.cpu_ms for turn in gateway.turns), 2),
        "signer": signer,
        "signer_ms": round(median(turn.signer_ms for turn in gateway.turns), 2),
        "floor_payouts_s": round(median(turn.payouts_s for turn in floor.turns), 1),
        **_latency("floor", floor),
        "floor_cpu_ms": round(floor_cpu_ms, 2),
        "rsa_sign_ms": round(rsa_ms, 2),
        "floor_of_rsa_sign": round(floor_cpu_ms / rsa_ms, 2),
        "sent_twice": at.sent_twice,
        "errors": sum(at.errors.values()),
        **({"which_errors": at.errors} if at.errors else {}),
        "store": store,
        "rounds": len(pairs),
        "spread": {
            "cpu_ratio": _spread(cpu),
            "throughput_ratio": _spread(throughput),
            "floor_cpu_ms": _spread([turn.cpu_ms for turn in floor.turns]),
        },
    }


def _latency(name: str, side: Side) -> dict[str, float]:
    took_ms = [each for turn in side.turns for each in turn.took_ms]
    return {f"{name}_p50_ms": round(median(took_ms), 1), f"{name}_p99_ms": round(quantiles(took_ms, n=100)[98], 1)}


def _spread(values: list[float]) -> list[float]:
    return [round(min(values), 2), round(max(values), 2)]


def _rsa_sign_ms(folder: Path) -> float:
    """One signature, here and now."""
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    key = load_pem_private_key((folder / "merchant.pem").read_bytes(), None)
    assert isinstance(key, rsa.RSAPrivateKey)  # noqa: S101 - made below
    took = []
    for _ in range(100):
        began_s = perf_counter()
        sign_bytes(key, b"what is signed")
        took.append((perf_counter() - began_s) * 1000)
    return median(took)


# Where it is played --------------------------------------------------------------------------------------------------


@contextmanager
def place(database: str, signer: str = "inline") -> Iterator[Place]:
    """Town, floor and gateway, in a folder of their own; whatever still runs at the end is killed."""
    with TemporaryDirectory(prefix="paymux-bench-") as name:
        folder = Path(name)
        identity = _make_secrets(folder)
        started: list[subprocess.Popen[Any]] = []
        gateway = Stage(folder, free_port(), free_port())
        try:
            town = subprocess.Popen(  # noqa: S603 - our own
                [sys.executable, "-m", "bench.town", name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
            started.append(town)
            at = Place(folder, town)
            ports = at.hear()
            port, channel, app = free_port(), ports["channel"], ports["app"]
            command = [sys.executable, "-m", "bench.floor", name, str(port), str(channel), str(app)]
            floor = subprocess.Popen(command)  # noqa: S603 - our own
            started.append(floor)
            config = CONFIG.format(
                public=gateway.public,
                admin=gateway.admin,
                database=named(folder, database),
                signer=signer,
                channel=channel,
                app=app,
                mchid=MCHID,
                serial=SERIAL,
            )
            (folder / "config.toml").write_text(config)
            gateway.start()
            assert gateway.process is not None  # noqa: S101 - just started
            notify_path = f"/notify/wechat/{notify_token(identity, 'wechat')}"
            at.sides = [
                Side("floor", floor, port, "/notify"),
                Side("gateway", gateway.process, gateway.public, notify_path),
            ]
            sleep(1.0)
            yield at
        finally:
            if gateway.process is not None:
                gateway.stop()
            for process in started:
                process.kill()
                process.wait()


def named(folder: Path, database: str) -> str:
    """An address may hold a password, so it stands in a file."""
    if not database.startswith("postgresql:"):
        return database
    _write(folder / "database.key", database.encode())
    return "file:database.key"


def _make_secrets(folder: Path) -> bytes:
    """The files that all of them read; returns the identity key."""
    identity, callback = os.urandom(32), os.urandom(32)
    merchant, platform = (rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2))
    _write(folder / "identity.key", identity.hex().encode())
    _write(folder / "callback.key", callback)
    _write(folder / "callback.whsec", b"whsec_" + base64.b64encode(callback))
    _write(folder / "app.key", b"the secret of a benchmark, 32 bytes and more")
    _write(folder / "apiv3.key", os.urandom(16).hex().encode())
    _write(folder / "merchant.pem", _private(merchant))
    _write(folder / "platform.pem", _private(platform))
    public = platform.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    _write(folder / "platform_public.pem", public)
    return identity


def _private(key: rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    path.chmod(0o600)
