"""Explicit rules (`[[routes]]`), before any score: whom a payout may go to, and whom first.

Every rule that matches applies. `only` and `never` exclude; `prefer`, `split` and `sticky` put channels in front of
the others, which stay as the way out. Among channels put equally far in front the score decides.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b
from math import inf, log

from gateway.domain.beneficiary import BeneficiaryKind
from routing.memories import Dice
from routing.request import Request


class Action(StrEnum):
    """What a rule does with the channels it names."""

    ONLY = "only"
    NEVER = "never"
    PREFER = "prefer"
    """In the order they are named."""
    SPLIT = "split"
    """One of them by chance, in proportion to their weights; the others of the rule next, in the same way."""
    STICKY = "sticky"
    """The same beneficiary goes to the same channel as long as that one can carry it."""


@dataclass(frozen=True, slots=True)
class Match:
    """Which payouts a rule is about. Empty or None: any."""

    apps: frozenset[str] = frozenset()
    currencies: frozenset[str] = frozenset()
    kinds: frozenset[BeneficiaryKind] = frozenset()
    amount_gte: int | None = None
    amount_lte: int | None = None

    def fits(self, request: Request) -> bool:
        minor = request.amount.minor
        return (
            (not self.apps or request.app in self.apps)
            and (not self.currencies or request.amount.currency in self.currencies)
            and (not self.kinds or request.kind in self.kinds)
            and (self.amount_gte is None or minor >= self.amount_gte)
            and (self.amount_lte is None or minor <= self.amount_lte)
        )


@dataclass(frozen=True, slots=True)
class Rule:
    """One `[[routes]]`. `weights` go with `channels`; without them all weigh the same."""

    name: str
    action: Action
    channels: tuple[str, ...]
    match: Match = Match()
    weights: tuple[float, ...] = ()
    gives_way: bool = False
    """An `only` that holds in a payout's time, and not for the last decision after it."""

    def __post_init__(self) -> None:
        if not self.channels or len(set(self.channels)) != len(self.channels):
            raise ValueError(f"{self.name}: a rule names channels, each once")
        if self.weights and (len(self.weights) != len(self.channels) or min(self.weights) < 0 or not any(self.weights)):
            raise ValueError(f"{self.name}: one weight for each channel, not negative, and not all zero")
        if self.gives_way and self.action is not Action.ONLY:
            raise ValueError(f"{self.name}: no other rule than an only gives way")

    def excludes(self, channel: str) -> bool:
        named = channel in self.channels
        return (self.action is Action.ONLY and not named) or (self.action is Action.NEVER and named)


@dataclass(frozen=True, slots=True)
class Applied:
    """What the rules that match come to."""

    rules: tuple[Rule, ...]
    places: Mapping[str, int]
    """Place of each channel that a rule put in front: 0 first."""

    def excluder(self, channel: str) -> Rule | None:
        """The first rule that keeps the payout from the channel."""
        return next((rule for rule in self.rules if rule.excludes(channel)), None)

    @property
    def leading(self) -> str:
        """The name of the rule that orders the channels, if any."""
        return next((rule.name for rule in self.rules if rule.action in ORDERING), "")


NO_RULES = Applied((), {})


def apply(rules: Sequence[Rule], request: Request, dice: Dice | None) -> Applied:
    """The rules that match. The first of them that orders channels does; later ones of that kind do not.

    Without `dice` a split goes by the payout itself (`Request.key`), which is as even over many payouts.
    """
    if not rules:
        return NO_RULES
    matching = tuple(rule for rule in rules if rule.match.fits(request))
    if not matching:
        return NO_RULES
    ordering = next((rule for rule in matching if rule.action in ORDERING), None)
    if ordering is None:
        return Applied(matching, {})
    order = ORDERING[ordering.action](ordering, request, dice)
    return Applied(matching, {channel: place for place, channel in enumerate(order)})


def _preferred(rule: Rule, _request: Request, _dice: Dice | None) -> list[str]:
    return list(rule.channels)


def _split(rule: Rule, request: Request, dice: Dice | None) -> list[str]:
    return _weighed(rule, lambda channel: dice.random() if dice else _even(rule.name, request.key, channel))


def _stuck(rule: Rule, request: Request, _dice: Dice | None) -> list[str]:
    return _weighed(rule, lambda channel: _even(rule.name, request.beneficiary, channel))


ORDERING: dict[Action, Callable[[Rule, Request, Dice | None], list[str]]] = {
    Action.PREFER: _preferred,
    Action.SPLIT: _split,
    Action.STICKY: _stuck,
}
"""How an action orders the channels it names; an action that is missing here orders nothing."""


def _weighed(rule: Rule, chance: Callable[[str], float]) -> list[str]:
    """Weighted draw without replacement: the largest u ** (1 / weight) first (Efraimidis and Spirakis 2006).

    With chances that hang on the channel's name alone it is rendezvous hashing: a channel that leaves moves only its
    own beneficiaries.
    """
    weights = rule.weights or (1.0,) * len(rule.channels)
    keys = {
        channel: log(max(chance(channel), 1e-300)) / weight if weight else -inf
        for channel, weight in zip(rule.channels, weights, strict=True)
    }
    return [channel for channel in sorted(keys, key=lambda name: (-keys[name], name)) if keys[channel] > -inf]


def _even(*parts: str) -> float:
    """A number in (0, 1) that hangs on the parts only."""
    digest = blake2b("\0".join(parts).encode(), digest_size=8).digest()
    return (int.from_bytes(digest) + 0.5) / 2.0**64
