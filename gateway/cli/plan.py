"""`paymux plan`: what another configuration would do, before it does it. Nothing is changed, nobody is asked."""

from __future__ import annotations

import json as json_format
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from gateway.cli.backtest import routing
from gateway.cli.exit import Exit, plain_words
from gateway.config.config import Config
from gateway.config.diff import Change, Kind, changes, refused
from gateway.config.errors import ConfigError, Fault
from gateway.config.load import load
from gateway.config.mint import gateway_key_path
from gateway.config.shapes import key_32
from gateway.database import place_of
from gateway.domain.override import Override
from gateway.domain.payout import Payout
from gateway.lab.backtest import Backtest, backtest
from gateway.lab.backtest_told import fields, in_words
from gateway.lab.moves import Learned, Move, moves
from gateway.lab.orders import Read, read
from gateway.operations.router import Router
from gateway.sealing import Sealer
from gateway.secret import SecretError
from gateway.store.glance import glance
from gateway.store.logged import first_attempts
from gateway.store.looking import is_made
from gateway.store.schema import EPOCH
from gateway.store.waiting import Waiting, waiting
from routing.coverage import lost
from routing.request import Request

WAITING_MAX = 1000
"""As many of the payouts that wait are decided anew, the oldest first."""
ORDERS = 1000
"""As many of the newest first attempts are weighed."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What was found."""

    changes: tuple[Change, ...] = ()
    faults: tuple[Fault, ...] = ()
    """Why a running gateway would refuse the file."""
    waiting: Waiting | None = None
    """None: the sealing key is not at hand."""
    moves: Mapping[Move, int] = field(default_factory=dict)
    log: Read = field(default_factory=Read)
    costs: Mapping[str, Backtest] = field(default_factory=dict)
    """By currency."""


def plan(
    file: Path,
    /,
    *,
    config: Path = Path("config.toml"),
    json: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Say what changes, what needs a restart, which waiting payouts would go elsewhere, and what the last 1,000 would
    have cost.

    Exit code 3 when a running gateway would refuse it.

    Example: `python -m gateway plan new-config.toml`

    Parameters
    ----------
    file
        The configuration to try.
    config
        The present one; its database is read.
    json
        Print one line of JSON.
    """
    with plain_words():
        present = load(config)
        try:
            found = _plan(present, load(file), datetime.now(UTC))
        except ConfigError as error:
            found = Plan(faults=error.faults)
    print(json_format.dumps(_told(found), ensure_ascii=False) if json else "\n".join(_words(found)))  # noqa: T201 - the answer
    if found.faults:
        raise SystemExit(Exit.FOUND_PROBLEMS)


def _plan(present: Config, new: Config, now: datetime) -> Plan:
    found = changes(present, new)
    old, other = routing(present), routing(new)
    log = read(first_attempts(place_of(present), EPOCH)[-ORDERS:], old.channels)
    costs = {currency: backtest(orders, old, other) for currency, orders in sorted(log.orders.items())}
    looked = _waiting(present, now)
    moved: Counter[Move] = Counter()
    if looked is not None:
        moved = moves((_request(each) for each in looked.payouts), old, other, _learned(present), now)
    faults = (*refused(new, found), *_orphans(new, found, looked), *_unserved(present, new))
    return Plan(found, faults, looked, moved, log, costs)


def _waiting(config: Config, now: datetime) -> Waiting | None:
    """Payouts are sealed: to tell where they would go takes the key."""
    place = place_of(config)
    if not is_made(place):
        return Waiting()
    first = config.gateway.sealing_key or f"file:{gateway_key_path(config, 'sealing_key')}"
    resolver = config.resolver()
    try:
        keys = [key_32(resolver(each)).reveal() for each in (first, *config.gateway.old_sealing_keys)]
    except (SecretError, ValueError):
        return None
    return waiting(place, Sealer(keys, bytes), now, WAITING_MAX)


def _learned(config: Config) -> Learned:
    memory, router = glance(place_of(config)).memory, Router()
    if memory is not None:
        router.restore(memory)
    return Learned(router.book, router.arrivals)


def _request(payout: Payout) -> Request:
    tried = frozenset(attempt.channel for attempt in payout.attempts if attempt.transmitted)
    return Request(
        amount=payout.amount,
        kind=payout.beneficiary.kind,
        tried=tried,
        app=payout.app,
        key=payout.id,
        beneficiary=payout.id,
        preference=payout.terms.preference or "",
    )


def _orphans(new: Config, found: tuple[Change, ...], looked: Waiting | None) -> Iterator[Fault]:
    for change in found:
        live = 0 if looked is None else looked.live.get(str(change.loc[-1]), 0)
        if change.loc[0] == "channels" and change.kind is Kind.REMOVED and live:
            yield new.fault(change.loc, f"is removed with {live} live attempts; drain it first")


def _unserved(present: Config, new: Config) -> Iterator[Fault]:
    old, other = routing(present).channels.values(), routing(new).channels.values()
    for currency, kind in lost(old, other):
        yield new.fault(("channels",), f"nobody is left who pays {currency} to {kind} (reload --force: all the same)")


# Telling -----------------------------------------------------------------------------------------------------------


def _words(found: Plan) -> Iterator[str]:
    yield from (str(fault) for fault in found.faults)
    yield from (f"{'restart: ' if change.needs_restart else ''}{change}" for change in found.changes)
    if not found.changes:
        yield "nothing changes" if not found.faults else "not looked at any further"
        return
    yield from _waiting_words(found)
    yield f"the last {ORDERS} first attempts, as they would have been:"
    yield from (f"  {line}" for line in in_words(found.costs, found.log))


def _waiting_words(found: Plan) -> Iterator[str]:
    if found.waiting is None:
        yield "waiting payouts: the sealing key is not at hand"
        return
    yield from (f"override: {_override(each)}" for each in found.waiting.overrides)
    looked, moved = len(found.waiting.payouts), {move: n for move, n in found.moves.items() if move[0] != move[1]}
    yield f"waiting payouts: {found.waiting.total}, {looked} looked at, {sum(moved.values())} would go elsewhere"
    for (old, new), count in sorted(moved.items(), key=lambda move: (-move[1], str(move[0]))):
        yield f"  {old or 'nowhere yet'} -> {new or 'nowhere yet'}: {count}"


def _override(override: Override) -> str:
    what = " ".join(str(each) for each in (override.state, override.weight) if each is not None)
    return f"{override.channel} {what} by {override.created_by}: {override.reason}"


def _told(found: Plan) -> dict[str, Any]:
    looked = found.waiting
    return {
        "changes": [
            {"key": each.key, "kind": str(each.kind), "old": each.old, "new": each.new, "restart": each.needs_restart}
            for each in found.changes
        ],
        "refused": [str(fault) for fault in found.faults],
        "overrides": [] if looked is None else [_override(each) for each in looked.overrides],
        "waiting": None
        if looked is None
        else {
            "payouts": looked.total,
            "looked_at": len(looked.payouts),
            "moves": [{"from": old, "to": new, "payouts": n} for (old, new), n in found.moves.items() if old != new],
        },
        "orders": fields(found.costs, found.log),
    }
