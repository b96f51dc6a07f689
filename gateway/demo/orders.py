"""What the demo orders: a hundred payouts drawn from a seed. Pure.

Three groups, so that the story tells itself whatever the seed: some before the break, some while the bank line is
broken (enough large bank payouts among them to be seen failing over), some after it is mended.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from adapters.magic import Fate

_SURNAMES = "王李张刘陈杨赵黄周吴"
_GIVEN = ("伟", "芳", "娜", "敏", "静", "磊", "洋", "勇", "艳", "杰", "秀英", "桂英")

_F = Fate
WECHAT_BEFORE = (_F.DROPPED_AND_PAID, _F.DROPPED_UNPAID, _F.STORM_OF_500, _F.PAID_LATER, _F.NOTIFIED_BADLY, _F.SLOW)
MOCK_BEFORE = (_F.DROPPED_AND_PAID, _F.DROPPED_UNPAID, _F.PAID_THEN_RETURNED, _F.PAID_LATER, _F.ACCOUNT_CLOSED)
BANK_BEFORE = (_F.DROPPED_AND_PAID, _F.DROPPED_UNPAID, _F.PAID_THEN_RETURNED, *(_F.BALANCE_LOW,) * 4)
WECHAT_AFTER = (_F.ACCOUNT_CLOSED, _F.PAID_AT_ONCE, _F.DROPPED_AND_PAID, _F.DROPPED_UNPAID)
MOCK_AFTER = (_F.PAID_AT_ONCE, _F.NOTIFIED_BADLY, _F.STORM_OF_500)


@dataclass(frozen=True, slots=True)
class Draft:
    """One payout to submit: the body of the request without its reference."""

    kind: str
    """`wechat`, `small` or `large`: a WeChat payee, a small or a large bank payout."""
    fate: Fate
    minor: int
    beneficiary: dict[str, str]


@dataclass(frozen=True, slots=True)
class Story:
    """The hundred, in the order in which they are submitted."""

    before: tuple[Draft, ...]
    during: tuple[Draft, ...]
    """While the bank line is broken."""
    after: tuple[Draft, ...]

    def __len__(self) -> int:
        return len(self.before) + len(self.during) + len(self.after)


def draw(seed: int, count: int = 100) -> Story:
    """`count` payouts (40 or more) from a seed: other seeds, other amounts, people and order."""
    dice = random.Random(seed)
    before = [
        *_each(dice, "wechat", WECHAT_BEFORE),
        *_each(dice, "small", MOCK_BEFORE),
        *_each(dice, "large", BANK_BEFORE),
    ]
    during = list(_usual(dice, "large", 10))
    after = [*_each(dice, "wechat", WECHAT_AFTER), *_each(dice, "small", MOCK_AFTER), *_usual(dice, "large", 4)]
    rest = count - len(before) - len(during) - len(after)
    for number, kind in enumerate(dice.choices(("wechat", "small", "large"), weights=(5, 3, 2), k=max(rest, 0))):
        (before, during, after)[number % 3].extend(_usual(dice, kind, 1))
    for group in (before, during, after):
        dice.shuffle(group)
    return Story(tuple(before), tuple(during), tuple(after))


def _each(dice: random.Random, kind: str, fates: tuple[Fate, ...]) -> Iterator[Draft]:
    for fate in fates:
        yield _draft(dice, kind, fate)


def _usual(dice: random.Random, kind: str, count: int) -> Iterator[Draft]:
    for _ in range(count):
        yield _draft(dice, kind, _F.USUAL)


def _draft(dice: random.Random, kind: str, fate: Fate) -> Draft:
    name = dice.choice(_SURNAMES) + dice.choice(_GIVEN)
    ending = f"{dice.randrange(1000, 9999)}" if fate is _F.USUAL else str(fate)
    middle = f"{dice.randrange(10**11):011d}"
    if kind == "wechat":
        payee = {"type": "wechat", "openid": f"oDEMO{middle}{ending}", "name": name}
        return Draft(kind, fate, dice.choice((100, 500, 1280, 9900, 50000)) + dice.randrange(1, 76), payee)
    account = {
        "type": "bank_account",
        "account_number": f"6222{middle}{ending}",
        "name": name,
        "bank_code": f"{dice.randrange(10**8):08d}0001",
        "country": "CN",
    }
    low, high = (100, 90_000) if kind == "small" else (150_000, 10_000_000)
    return Draft(kind, fate, dice.randrange(low, high), account)
