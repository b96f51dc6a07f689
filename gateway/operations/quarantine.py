"""Into quarantine and out of it (R15): nothing is sent until what is open was asked about and two people agreed.

A start compares the store with the high-water file (`gateway.store.high_water`) and begins a quarantine by itself
when the store is older. How a payout behaves in it and after it is in `ask_first`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from gateway.domain.errors import RequestRefused
from gateway.domain.safety import Safety, dump_safety, ground_mark
from gateway.failpoints import Commit, Unit
from gateway.operations.services import ChannelHandle, Services
from gateway.operations.standing import read_safety, write_safety
from gateway.store.high_water import BACKUP, LINEAGE, History, MarkRead, history_in, suspicion
from gateway.store.port import ReadTx, Tx

log: structlog.stdlib.BoundLogger = structlog.get_logger()

BY_HAND = "asked for on the command line"


@dataclass(frozen=True, slots=True)
class Start:
    """What a start knows beside the store."""

    mark: MarkRead
    """What the high-water file said."""
    channels: Mapping[str, str]
    """`grounds` of the configured channels."""
    forced: bool
    lineage: str
    """A fresh one, for a store that begins a history of its own."""
    at: datetime


def grounds(handles: Mapping[str, ChannelHandle]) -> dict[str, str]:
    """The configured channels, each with what it stands on."""
    return {name: ground_mark(handle.channel.ground) for name, handle in handles.items()}


def start_in(tx: Tx, start: Start) -> tuple[Safety, History]:
    """The unit of a start: is this the store we left? Then go on, else begin a quarantine. Durable before any work.

    A quarantine begins a history of its own (`lineage`), so that a copy of the one before is recognised as well.
    """
    history, safety = history_in(tx), read_safety(tx)
    why = _suspect(tx, history, start)
    if why is not None:
        known = start.mark.found.channels if start.mark.found else {}
        safety = enter_in(tx, why, start.at, {**start.channels, **known})
    if why is not None or history.lineage is None:
        tx.set_meta(LINEAGE, start.lineage)
    if history.backup is not None:
        tx.set_meta(BACKUP, None)
    safety = safety.configured(start.channels, start.at)
    write_safety(tx, safety)
    tx.join()
    return safety, history_in(tx)


def _suspect(tx: Tx, history: History, start: Start) -> str | None:
    """Why nothing may be sent; None when this is the store that was left."""
    if start.forced:
        return BY_HAND
    if start.mark.absent and tx.neighbours():
        return None  # we are new beside others, who looked when they came, and would have noticed since
    return suspicion(history, start.mark)


def enter_in(tx: Tx, why: str, now: datetime, channels: Mapping[str, str]) -> Safety:
    """Quarantine from now on; what is open is asked about at once."""
    before = read_safety(tx)
    safety = before.enter(why, now, channels)
    write_safety(tx, safety)
    asked = tx.ask_live_at(now)
    log.error("quarantine.entered", why=safety.why, since=str(safety.quarantined_at), live_attempts=asked)
    return safety


def leave_in(tx: Tx, now: datetime, ask_first_for: timedelta) -> Safety:
    """End the quarantine inside the unit of those who may. Raises `RequestRefused` (`leavable`)."""
    safety = leavable(tx).leave(now, ask_first_for)
    write_safety(tx, safety)
    log.warning("quarantine.left", ask_first_until=str(safety.ask_first_until))
    return safety


async def leave(services: Services, at: datetime) -> None:
    """End it. Raises `RequestRefused`."""
    await services.store.run(Unit(Commit.REQUEST, lambda tx: leave_in(tx, at, services.ask_first_for)))
    await services.store.read(services.standing.look)
    services.wake()


def leavable(tx: ReadTx) -> Safety:
    """The quarantine, if it may be left.

    Raises:
        RequestRefused: there is none (`not_quarantined`), or attempts that were sent before it began have not been
            asked about since (`not_reconciled`, with their number).
    """
    safety = read_safety(tx)
    if safety.quarantined_at is None:
        raise RequestRefused("not_quarantined", "there is no quarantine to leave")
    unasked = tx.unasked_since(safety.quarantined_at)
    if unasked:
        raise RequestRefused("not_reconciled", f"{unasked} live attempts have not been asked about since it began")
    return safety


def quarantine_hash(tx: ReadTx) -> str:
    """The state a request to leave is made on. Raises `RequestRefused` (`leavable`)."""
    return hashlib.sha256(dump_safety(leavable(tx)).encode()).hexdigest()
