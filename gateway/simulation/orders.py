"""What the apps of a world order: amounts, payees whose endings choose a fate, and the apps' own bad habits. Pure."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from adapters.magic import Fate
from gateway.domain.beneficiary import BankBeneficiary, Beneficiary, WechatBeneficiary
from gateway.domain.money import Money
from gateway.simulation.stage import APPS

_NAMES = ("王伟", "李秀英", "张敏", "刘洋", "陈静", "杨桂英", "赵磊", "黄艳", "周杰", "吴芳")


class Habit(StrEnum):
    """What an app does beside ordering and listening."""

    NONE = "none"
    REPEATS = "says everything twice"
    REUSES = "uses a reference again for something else"
    CANCELS = "takes its order back"


@dataclass(frozen=True, slots=True)
class Wanted:
    """One order, as its app means it."""

    app: str
    reference: str
    """Names the app too, so that it is unique in the whole world."""
    amount: Money
    beneficiary: Beneficiary
    at_s: float
    habit: Habit


_F = Fate
_ENDINGS: dict[str, float] = {
    "usual": 50,
    _F.PAID_AT_ONCE: 12,
    _F.PAID_LATER: 8,
    _F.ACCOUNT_CLOSED: 1.5,
    _F.DROPPED_AND_PAID: 5,
    _F.DROPPED_UNPAID: 5,
    _F.PAID_THEN_RETURNED: 3,
    _F.NOTIFIED_BADLY: 4,
    _F.STORM_OF_500: 2,
    _F.SLOW: 3,
    _F.BALANCE_LOW: 1,
    _F.NEVER_HEARD_OF_AGAIN: 0.1,
}
_BANK_ENDINGS: dict[str, float] = {**_ENDINGS, "RJAM04": 6, "RJAC06": 0.5, "RTAC04": 1, "TMOUT": 2}
"""`RJAM04`: the banks are short of money, so another channel is tried."""
_WECHAT_ENDINGS: dict[str, float] = {
    **_ENDINGS, "FAIL_BUDGET_NOT_ENOUGH": 5, "FAIL_REAL_NAME_CHECK_FAIL": 0.5, "SLOW": 1,
}  # fmt: skip
T = TypeVar("T")

_HABITS: dict[Habit, float] = {Habit.NONE: 80, Habit.REPEATS: 8, Habit.REUSES: 5, Habit.CANCELS: 7}
_KINDS: dict[str, float] = {"wechat": 32, "small": 32, "middle": 17, "large": 19}
_RANGES = {"small": (100, 90_000), "middle": (200_000, 400_000), "large": (450_000, 50_000_000)}


def draw_orders(dice: random.Random, count: int, span_s: float) -> Iterator[Wanted]:
    """`count` orders, spread over `span_s` seconds."""
    for number in range(count):
        app = dice.choice(APPS)
        kind, habit = _pick(dice, _KINDS), _pick(dice, _HABITS)
        at_s = span_s * number / count + dice.random()
        amount, payee = _wechat(dice) if kind == "wechat" else _bank(dice, kind)
        yield Wanted(app, f"{app}-{number:05d}", Money(amount, "CNY"), payee, at_s, habit)


def changed(dice: random.Random, wanted: Wanted) -> Wanted:
    """The same reference, meaning something else."""
    other = Money(wanted.amount.minor + dice.randrange(1, 100), wanted.amount.currency)
    return Wanted(wanted.app, wanted.reference, other, wanted.beneficiary, wanted.at_s, wanted.habit)


def _pick(dice: random.Random, weights: Mapping[T, float]) -> T:
    return dice.choices(list(weights), weights=list(weights.values()))[0]


def _wechat(dice: random.Random) -> tuple[int, Beneficiary]:
    ending = _pick(dice, _WECHAT_ENDINGS)
    amount = dice.choice((10, 100, 5_000, 150_000, 250_000)) + dice.randrange(1, 76)
    openid = f"oSIM{dice.randrange(10**14):014d}{_tail(dice, ending)}"
    return amount, WechatBeneficiary(openid, dice.choice(_NAMES) if amount >= 200_000 else None)


def _bank(dice: random.Random, kind: str) -> tuple[int, Beneficiary]:
    ending = _pick(dice, _BANK_ENDINGS)
    account = f"6222{dice.randrange(10**11):011d}{_tail(dice, ending)}"
    payee = BankBeneficiary(account, dice.choice(_NAMES), f"{dice.randrange(10**8):08d}0001", "CN")
    return dice.randrange(*_RANGES[kind]), payee


def _tail(dice: random.Random, ending: str) -> str:
    """The ending, or one that no table knows."""
    return f"{dice.randrange(1000, 9999)}" if ending == "usual" else ending
