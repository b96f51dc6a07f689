"""The same order many times at once, through real listeners: `python -m tests.idempotency.flood`.

At full size 50 identical requests for each of 200 references, on both stores; on PostgreSQL half of them at each of two
nodes. Of every reference one payout comes out, told to all 50, and no answer is a 5xx. But for one: a machine that is
busy with other things may turn requests away unread (503 `overloaded`). These are said again, as apps do, and counted.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from time import monotonic
from typing import Any

import aiohttp
import structlog

from gateway.app import Gateway
from gateway.config.config import Config
from gateway.config.load import load
from gateway.world import system_world
from tests.support import postgres
from tests.support.config_files import write
from tests.support.live_gateway import FILE

COPIES, REFERENCES = 50, 200
STORES = ("sqlite", "postgres")
_VARIABLE = "PAYMUX_FLOODED_DATABASE"
_FILE = f'{FILE}limits = {{ rps = 100000, in_flight = 10000 }}\n[limits]\ncommit_wait = "30s"\n'
"""Nobody is turned away because the machine is busy: that is the subject of other tests."""
_SHARED = _FILE.replace("[gateway]\n", f'[gateway]\ndatabase = "env:{_VARIABLE}"\n')


@dataclass(frozen=True)
class Doors:
    """Gateways on one store, and an app's way in."""

    gateways: Sequence[Gateway]
    session: aiohttp.ClientSession
    addresses: Sequence[str]

    async def ask(self, method: str, path: str, body: object = None, *, door: int = 0) -> tuple[int, Any]:
        """The answer of one of them."""
        url = f"{self.addresses[door % len(self.addresses)]}{path}"
        async with self.session.request(method, url, json=body) as answer:
            return answer.status, await answer.json()

    async def payouts(self) -> int:
        """How many there are."""
        counts: Mapping[str, int] = await self.gateways[0].services.store.read(lambda tx: tx.counts())
        return sum(counts.values())


@asynccontextmanager
async def doors(folder: Path, store: str) -> AsyncIterator[Doors]:
    """One gateway on a file, or two on a PostgreSQL, at work and listening."""
    async with AsyncExitStack() as stack:
        if store == "sqlite":
            gateways = [await stack.enter_async_context(_gateway(folder / "one", _FILE, {}))]
        else:
            environ = {_VARIABLE: stack.enter_context(_database())}
            gateways = [await stack.enter_async_context(_gateway(folder / "one", _SHARED, environ, "one"))]
            shutil.copytree(folder / "one/state/keys", folder / "two/state/keys")
            gateways.append(await stack.enter_async_context(_gateway(folder / "two", _SHARED, environ, "two")))
        token = (folder / "one/state/keys/app-demo.test_key").read_text().strip()
        session = aiohttp.ClientSession(
            headers={"Authorization": f"Bearer {token}"},
            connector=aiohttp.TCPConnector(limit=2 * COPIES, force_close=True),
        )
        addresses = [f"http://127.0.0.1:{each._listeners[0].port}" for each in gateways]
        yield Doors(gateways, await stack.enter_async_context(session), addresses)


@contextmanager
def _database() -> Any:
    with postgres.fresh_database() as url:
        yield url.set(drivername="postgresql").render_as_string(hide_password=False)


def _config(folder: Path, text: str, environ: Mapping[str, str]) -> Config:
    folder.mkdir(parents=True, exist_ok=True)
    return load(write(folder, text), environ)


@asynccontextmanager
async def _gateway(
    folder: Path, text: str, environ: Mapping[str, str], name: str | None = None
) -> AsyncIterator[Gateway]:
    world = system_world()
    opened = await Gateway.open(_config(folder, text, environ), replace(world, node=name or world.node))
    try:
        await opened.start()
        yield opened
    finally:
        await opened.stop()


def order(reference: str) -> dict[str, object]:
    """One that every gateway here takes."""
    payee = {"type": "bank_account", "account_number": "6222000000000199", "name": "张三"}
    return {
        "reference": reference,
        "amount": {"value": 12_345, "currency": "CNY"},
        "beneficiary": {**payee, "bank_code": "000200000002", "country": "CN"},
    }


@dataclass(frozen=True)
class Told:
    """What one flood came to."""

    statuses: Counter[int]
    turned_away: int
    unlike: tuple[str, ...]
    """References whose answers were not one 201 and, for the rest, 200 with the same payout."""
    payouts: int
    took_s: float


async def _insist(there: Doors, body: object, door: int) -> tuple[int, Any, int]:
    """The answer, and how often the request was turned away before it."""
    for refusals in count():
        status, told = await there.ask("POST", "/v1/payouts", body, door=door)
        if (status, told.get("code")) != (503, "overloaded"):
            return status, told, refusals
    raise AssertionError("unreachable: it counts for ever")


async def flood(folder: Path, store: str, references: int, copies: int) -> Told:
    """Say each order `copies` times at once."""
    began_s = monotonic()
    statuses: Counter[int] = Counter()
    unlike, turned_away = [], 0
    async with doors(folder, store) as there:
        for number in range(references):
            body = order(f"flood-{number}")
            answers = await asyncio.gather(*(_insist(there, body, copy) for copy in range(copies)))
            found = Counter(status for status, _, _ in answers)
            statuses += found
            turned_away += sum(refusals for _, _, refusals in answers)
            alike = len({answer.get("id") for _, answer, _ in answers}) == 1
            if not alike or found != {201: 1, 200: copies - 1}:
                problems = Counter(answer["code"] for status, answer, _ in answers if status >= 400)
                unlike.append(f"flood-{number}: {dict(found)} {dict(problems)}")
        return Told(statuses, turned_away, tuple(unlike), await there.payouts(), monotonic() - began_s)


def main() -> int:
    """0 when every reference is one payout."""
    parser = argparse.ArgumentParser(prog="python -m tests.idempotency.flood", description=__doc__)
    parser.add_argument("--store", choices=STORES, action="append", help="default: both")
    parser.add_argument("--references", type=int, default=REFERENCES)
    parser.add_argument("--copies", type=int, default=COPIES)
    told = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    failed = False
    for store in told.store or STORES:
        with tempfile.TemporaryDirectory(prefix="paymux-flood-", dir=os.environ.get("TMPDIR")) as folder:
            found = asyncio.run(flood(Path(folder), store, told.references, told.copies))
        answers = dict(sorted(found.statuses.items()))
        away = f"turned away {found.turned_away}"
        print(f"{store}: {found.payouts} payouts, answers {answers}, {away}, {found.took_s:.1f} s")
        print(*found.unlike[:20], sep="\n", end="\n" if found.unlike else "")
        failed |= bool(found.unlike) or found.payouts != told.references
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
