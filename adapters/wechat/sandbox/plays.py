"""What becomes of an order, as data: by the openid's ending, or as control says (sheet section 16).

A play is the moves that are made before the create is answered, and those that follow, each after its wait.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from adapters.magic import Fate, fate


class State(StrEnum):
    """States of an order (sheet section 7.5)."""

    ACCEPTED = "ACCEPTED"
    PROCESSING = "PROCESSING"
    WAIT_USER_CONFIRM = "WAIT_USER_CONFIRM"
    TRANSFERING = "TRANSFERING"
    SUCCESS = "SUCCESS"
    FAIL = "FAIL"
    CANCELING = "CANCELING"
    CANCELLED = "CANCELLED"


_S = State

MOVES: Mapping[State, frozenset[State]] = {
    _S.ACCEPTED: frozenset({_S.PROCESSING, _S.FAIL, _S.CANCELING}),
    _S.PROCESSING: frozenset({_S.WAIT_USER_CONFIRM, _S.FAIL, _S.CANCELING}),
    _S.WAIT_USER_CONFIRM: frozenset({_S.TRANSFERING, _S.FAIL, _S.CANCELING}),
    _S.TRANSFERING: frozenset({_S.SUCCESS, _S.FAIL}),
    _S.CANCELING: frozenset({_S.CANCELLED, _S.SUCCESS}),  # SUCCESS: the payee was quicker
    _S.SUCCESS: frozenset(),
    _S.FAIL: frozenset(),
    _S.CANCELLED: frozenset(),
}
"""A move that is not here does not happen."""

TERMINAL = frozenset(state for state, moves in MOVES.items() if not moves)
CANCELABLE = frozenset(state for state, moves in MOVES.items() if _S.CANCELING in moves)


class Wait(StrEnum):
    """The options field that says how long."""

    USUAL = "usual_s"
    TRANSFER = "transfer_s"
    LATER = "later_s"


@dataclass(frozen=True, slots=True)
class Play:
    """The life of one order."""

    at_once: tuple[State, ...] = (_S.PROCESSING, _S.WAIT_USER_CONFIRM)
    later: tuple[tuple[Wait, State], ...] = ((Wait.USUAL, _S.TRANSFERING), (Wait.TRANSFER, _S.SUCCESS))
    fail_reason: str = ""
    closes: bool = True
    """Unconfirmed or unfunded for 24 hours it is closed."""
    tells: bool = True
    """Its end is notified."""
    told_badly: bool = False
    """Its notification comes late and twice."""
    booked: bool = True
    """Its payment is in the bill, and was made."""
    returns: bool = False
    """The money comes back after SUCCESS. This product has no state for that: only the bill shows it."""
    refuses_funds: bool = False
    """The create is answered NOT_ENOUGH."""
    race: bool = False
    """The payee is quicker than a cancel."""


USUAL = Play()
_AT_ONCE = Play((_S.PROCESSING, _S.WAIT_USER_CONFIRM, _S.TRANSFERING, _S.SUCCESS), ())
_WAITING = Play(later=())
_SILENT = Play((), (), closes=False, tells=False)


def _failing(reason: str) -> Play:
    return Play((_S.PROCESSING,), ((Wait.USUAL, _S.FAIL),), fail_reason=reason)


FATES: Mapping[Fate, Play] = {
    Fate.PAID_AT_ONCE: _AT_ONCE,
    Fate.PAID_LATER: Play((), ((Wait.LATER, _S.PROCESSING), (Wait.TRANSFER, _S.WAIT_USER_CONFIRM), *USUAL.later)),
    Fate.ACCOUNT_CLOSED: _failing("ACCOUNT_NOT_EXIST"),
    Fate.DROPPED_AND_PAID: _AT_ONCE,
    Fate.DROPPED_UNPAID: USUAL,
    Fate.PAID_THEN_RETURNED: replace(USUAL, returns=True),
    Fate.NOTIFIED_BADLY: replace(USUAL, told_badly=True),
    Fate.STORM_OF_500: USUAL,
    Fate.SLOW: USUAL,
    Fate.BALANCE_LOW: USUAL,
    Fate.SUCCESS_THAT_IS_NOT: replace(_AT_ONCE, booked=False),
    Fate.NEVER_HEARD_OF_AGAIN: _SILENT,
    Fate.USUAL: USUAL,
}

_SCENARIOS: Mapping[str, Play] = {
    "success": USUAL,
    "wait_forever": replace(_WAITING, closes=False),
    "overdue": Play(later=((Wait.USUAL, _S.FAIL),), fail_reason="OVERDUE_CLOSE"),
    "not_enough": Play(refuses_funds=True),
    "accepted_stuck": _SILENT,
    "cancel_race": replace(_WAITING, race=True),
}

_FAIL_ENDING = re.compile(r"FAIL_([A-Z0-9_]+)$")


def scenario(text: str) -> Play:
    """The play that control names: see `_SCENARIOS`, or `fail:<fail_reason>`. Raises ValueError for another."""
    name, _, reason = text.partition(":")
    if name == "fail" and reason:
        return _failing(reason)
    if text not in _SCENARIOS:
        raise ValueError(f"no such scenario: {text!r}")
    return _SCENARIOS[text]


def by_openid(openid: str) -> Play:
    """The play that an openid's ending chooses."""
    failing = _FAIL_ENDING.search(openid)
    if failing is not None:
        return _failing(failing.group(1))
    if openid.endswith("SLOW"):
        return _WAITING
    return FATES[fate(openid)]
