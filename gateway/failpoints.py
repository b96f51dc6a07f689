"""Failpoints: the named places at which a crash is worth trying, and the way to crash there on purpose.

There is one before and one after every commit of the store and every send. With the environment variable
`PAYMUX_FAILPOINT=attempt.opened.before_commit` (or `…:3`, the third time it is passed) the process kills itself there
with SIGKILL: no goodbye, no flush. Only `serve` arms it, and never in live mode. Unarmed, passing one is a comparison.

Commits are named by the *unit*, not by the line that commits: the writer takes whatever units are queued into one
group, so only the unit knows what a commit is about. `Unit` puts the name on it; a unit that raised was rolled back
and is not part of the commit. tests/chaos/test_failpoints_placed.py holds the tables and the code together.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

from gateway.domain.errors import PaymuxError
from gateway.store.port import Tx

T = TypeVar("T")

VARIABLE = "PAYMUX_FAILPOINT"


class Commit(StrEnum):
    """Every kind of unit. An attempt's or a payout's own change is called by its event (`EventType`)."""

    ACCEPT = "payout.accepted"
    """An order alone: it is planned later."""
    BEGUN = "payout.begun"
    """An order with the intent to send it at once: after it, money may move."""
    CLAIMED = "claim"
    """Payouts that were due, leased to a worker."""
    OPENED = "attempt.opened"
    """The intent: after it, money may move."""
    REPEATED = "attempt.repeated"
    GIVEN_UP = "attempt.given_up"
    WAITING = "payout.waiting"
    TOUCH = "touch"
    """Bookkeeping that is no change: it still waits, a question is used up."""
    CLOSED = "payout.closed"
    HELD = "payout.held"
    CANCEL_WISH = "payout.cancel_requested"
    CANCEL_SENT = "attempt.cancel_sent"
    RETRIED = "payout.retried"
    """The intent to order a failed payout again; the new one is accepted as any other."""
    RETRY_ENDED = "retry_ended"
    ENDPOINT = "callback_endpoint"
    """One is made, gets new keys, is enabled or deleted."""
    BENEFICIARY = "beneficiary"
    """One is saved, or no longer."""
    BATCH = "batch"
    """A part of one is taken in, or one that was left half way is dropped."""
    BATCH_READY = "batch_ready"
    """All of it is here: from now on it is a promise."""
    BATCHES_CLAIMED = "claim_batches"
    BATCH_WORKED = "batch_worked"
    """A page of items was dealt with, or their payouts were looked at; the last one says that it is completed."""
    SUBMIT_ANSWER = "submit"
    QUERY_ANSWER = "query"
    CANCEL_ANSWER = "cancel"
    NOTIFICATION = "notification"
    EVIDENCE = "evidence"
    """What was heard after the lease was lost: kept, not judged."""
    RENEW = "renew"
    RELEASE = "release"
    CALLBACKS_CLAIMED = "claim_callbacks"
    CALLBACK_TRIED = "callback"
    REDELIVERY = "redelivery"
    REQUEST = "request"
    """One of two people asks, approves or withdraws."""
    PEOPLE = "people"
    """Who may act, and the first token."""
    STARTED = "start"
    """A start compared the store with its high-water mark."""
    CONFIG = "config"
    """A configuration, an override or a sealing key comes into force."""
    ROUTER = "router"
    """What the router knows of its channels."""
    NODE = "node"
    """A node says that it is at work, or asks whether a duty is its own."""
    NONCE = "nonce"
    """Of a signed request to the API."""


class Send(StrEnum):
    """Every call that leaves us and may do something elsewhere."""

    SUBMIT = "submit"
    QUERY = "query"
    CANCEL = "cancel"
    CALLBACK = "callback"


class Moment(StrEnum):
    """Which side of it."""

    BEFORE_COMMIT = "before_commit"
    AFTER_COMMIT = "after_commit"
    """Durable, and nobody has been told."""
    BEFORE_SEND = "before_send"
    AFTER_SEND = "after_send"
    """The answer is there, and nothing of it is stored."""


FAILPOINTS: tuple[str, ...] = (
    *(f"{commit}.{moment}" for commit in Commit for moment in (Moment.BEFORE_COMMIT, Moment.AFTER_COMMIT)),
    *(f"{send}.{moment}" for send in Send for moment in (Moment.BEFORE_SEND, Moment.AFTER_SEND)),
)
"""Every one there is."""


class FailpointRefused(PaymuxError):
    """The environment asks for a crash that there is not, or of a gateway that must not."""


@dataclass(frozen=True, slots=True)
class Unit(Generic[T]):
    """A unit of work with its name: `store.run(Unit(Commit.RELEASE, lambda tx: ...))`."""

    name: str
    work: Callable[[Tx], T]

    def __call__(self, tx: Tx) -> T:
        return self.work(tx)


@dataclass(slots=True)
class _Armed:
    failpoint: str
    passes_left: int


_armed: _Armed | None = None


def arm(wanted: str | None, *, sandbox: bool) -> None:
    """Arm what the environment variable says; None: nothing.

    Raises:
        FailpointRefused: there is no such failpoint, or this is not a sandbox.
    """
    global _armed  # one process, one fate: set once, before anything runs
    if wanted is None:
        return
    name, _, passes = wanted.partition(":")
    if not sandbox:
        raise FailpointRefused(f"{VARIABLE} is set: a live gateway does not crash on purpose")
    if name not in FAILPOINTS:
        raise FailpointRefused(f"{VARIABLE}: there is no failpoint {name!r}")
    if passes and not passes.isdecimal():
        raise FailpointRefused(f"{VARIABLE}: {passes!r} is not a number of passes")
    _armed = _Armed(name, int(passes or 1))


def reached(what: Send, moment: Moment) -> None:
    """One side of a send is passed."""
    if _armed is not None:
        _pass(f"{what}.{moment}")


def committing(units: Iterable[object], moment: Moment) -> None:
    """One side of the commit of a group is passed: once by each unit in it that has a name."""
    if _armed is not None:
        for unit in units:
            if isinstance(unit, Unit):
                _pass(f"{unit.name}.{moment}")


def _pass(failpoint: str) -> None:
    assert _armed is not None  # noqa: S101 - asked by both callers
    if failpoint != _armed.failpoint:
        return
    _armed.passes_left -= 1
    if _armed.passes_left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
