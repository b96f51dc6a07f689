"""What will become of an order: magic accounts and scenarios, as data (sheet section 16, `adapters.magic`)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from adapters.bank.sandbox.options import BankSandboxOptions
from adapters.magic import Fate, fate
from adapters.sandbox.faults import Fault

RETURN = "return"
"""A step that brings the money back, rather than a status."""


@dataclass(frozen=True, slots=True)
class Step:
    """After a while, the order's next status (or `RETURN`), with a reason."""

    after_s: float
    status: str
    reason: str | None = None


class Tell(StrEnum):
    """How the client hears of it."""

    USUALLY = "usually"
    NEVER = "never"
    BADLY = "badly"
    """Every change, each twice, the first one last."""


@dataclass(frozen=True, slots=True)
class Plan:
    """One order's fate."""

    steps: tuple[Step, ...]
    """The first is its status in the 201."""
    tell: Tell = Tell.USUALLY
    faults: tuple[Fault, ...] = ()
    """What spoils its first transmissions."""
    answer_after_s: float = 0.0
    debits: bool = True
    """False: the bank says paid, and books nothing."""


def _usual(options: BankSandboxOptions) -> tuple[Step, ...]:
    half = options.usual_s / 2
    return Step(0, "RCVD"), Step(half, "ACSP"), Step(half, "ACSC")


_PAID = (Step(0, "ACSC"),)

_FATES: Mapping[Fate, Callable[[BankSandboxOptions], Plan]] = {
    Fate.PAID_AT_ONCE: lambda _: Plan(_PAID),
    Fate.PAID_LATER: lambda options: Plan((Step(0, "RCVD"), Step(options.later_s, "ACSC"))),
    Fate.ACCOUNT_CLOSED: lambda _: Plan((Step(0, "RJCT", "AC04"),)),
    Fate.DROPPED_AND_PAID: lambda _: Plan(_PAID, Tell.NEVER, (Fault.DROP_AFTER,)),
    Fate.DROPPED_UNPAID: lambda options: Plan(_usual(options), faults=(Fault.DROP_BEFORE,)),
    Fate.PAID_THEN_RETURNED: lambda options: Plan((*_PAID, Step(options.return_s, RETURN, "AC04"))),
    Fate.NOTIFIED_BADLY: lambda options: Plan(_usual(options), Tell.BADLY),
    Fate.STORM_OF_500: lambda options: Plan(_usual(options), faults=(Fault.ERROR_500_BEFORE,) * 2),
    Fate.SLOW: lambda options: Plan(_usual(options), answer_after_s=options.slow_s),
    Fate.BALANCE_LOW: lambda _: Plan((Step(0, "RJCT", "AM04"),)),
    Fate.SUCCESS_THAT_IS_NOT: lambda _: Plan(_PAID, debits=False),
    Fate.NEVER_HEARD_OF_AGAIN: lambda _: Plan((Step(0, "RCVD"),), Tell.NEVER),
    Fate.USUAL: lambda options: Plan(_usual(options)),
}

_MAGIC: tuple[tuple[re.Pattern[str], Callable[[re.Match[str], BankSandboxOptions], Plan]], ...] = (
    (re.compile(r"RJ([A-Z0-9]{4})"), lambda found, _: Plan((Step(0, "RJCT", found.group(1)),))),
    (
        re.compile(r"RT([A-Z0-9]{4})"),
        lambda found, options: Plan((*_PAID, Step(options.return_s, RETURN, found.group(1)))),
    ),
    (re.compile(r"TMOUT"), lambda _, options: Plan(_usual(options), faults=(Fault.TIMEOUT_AFTER,))),
    (re.compile(r"PDNG"), lambda _, __: Plan((Step(0, "PDNG"),))),
)
"""Recognised anywhere in the payee's account."""


def plan_for(account: str, options: BankSandboxOptions) -> Plan:
    """What the payee's account asks for."""
    for pattern, make in _MAGIC:
        if found := pattern.search(account):
            return make(found, options)
    return _FATES[fate(account)](options)


_WHOLE_WAY = ("RCVD", "ACTC", "ACSP", "ACSC", "ACCC")

_WORDS: Mapping[str, Callable[[str, float], Plan]] = {
    "accc": lambda _, __: Plan((Step(0, "ACCC"),)),
    "acsc": lambda _, __: Plan(_PAID),
    "rjct": lambda code, _: Plan((Step(0, "RJCT", code),)),
    "pending_forever": lambda _, __: Plan((Step(0, "PDNG"),)),
    "blck": lambda _, after_s: Plan((Step(0, "ACWP"), Step(after_s, "BLCK"))),
    "return": lambda code, after_s: Plan((*_PAID, Step(after_s, RETURN, code))),
    "patc": lambda _, __: Plan((Step(0, "PATC"),)),
    "acwc": lambda _, after_s: Plan((Step(0, "ACWC"), Step(after_s, "ACSC"))),
    "whole_way": lambda _, after_s: Plan(
        (Step(0, _WHOLE_WAY[0]), *(Step(after_s, status) for status in _WHOLE_WAY[1:]))
    ),
}


def scenario(words: str, after_s: float) -> Plan:
    """`rjct:AC04`, `return:AC04`, `whole_way` and so on, `after_s` between steps. Raises ValueError for any other."""
    word, _, code = words.partition(":")
    make = _WORDS.get(word)
    if make is None or bool(code) != (word in ("rjct", "return")):
        raise ValueError(f"no such scenario: {words!r}; there are {sorted(_WORDS)}")
    return make(code, after_s)
