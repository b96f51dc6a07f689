"""One logged order before two policies: the one that chose its channel, and another one.

Both are asked with the same draws of the channels' chances, so that they differ only where the policies do. A channel's
chance is drawn from the posterior that was stored with the decision; the draw that the decision itself was made by is
one of the draws.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import NamedTuple

from gateway.lab.trace import dice as dice_of
from routing.beta import Shape, draw, shaped
from routing.candidate import BEHIND, UNPLACED, Candidate
from routing.decision import Decision
from routing.eligibility import RefusalCode, judge
from routing.facts import IDLE, LiveFacts
from routing.health import DEFAULT, Health
from routing.policy import ChannelPolicy
from routing.request import Request
from routing.rules import Action, Applied, Rule, apply
from routing.score import BALANCED, Preference, Worth, expected_cost
from routing.share import sits_out

Belief = tuple[float, float]
"""Of a channel's chance: its mean, and how many outcomes it is worth."""

UNTRIED: Belief = (Health.fresh().mean, Health.fresh().strength)
"""What is believed of a channel that the log says nothing of."""

_R = RefusalCode
BY_CONFIG = frozenset(
    {
        _R.STATE_DISABLED,
        _R.STATE_DRAINING,
        _R.CURRENCY,
        _R.BENEFICIARY_KIND,
        _R.AMOUNT_BELOW_MIN,
        _R.AMOUNT_ABOVE_MAX,
        _R.NO_FEE_RULE,
        _R.MAINTENANCE,
        _R.RULE,
    }
)
"""Refusals that another configuration can lift. The others tell of the moment, and stand whatever is configured."""


@dataclass(frozen=True, slots=True)
class Logged:
    """One order, its first attempt and what came of it."""

    request: Request
    at: datetime
    decision: Decision
    """Its first channel is the one that was tried."""
    paid: bool
    arrival_s: float | None = None
    """Seconds from the send to the money's arrival; None: not paid, or not known."""

    @property
    def tried(self) -> Candidate:
        return self.decision.ranked[0]


@dataclass(frozen=True, slots=True)
class Routing:
    """What a configuration says of routing."""

    channels: Mapping[str, ChannelPolicy]
    preference: Preference = BALANCED
    rules: tuple[Rule, ...] = ()
    explore: bool = True
    preferences: Mapping[str, Preference] = field(default_factory=dict)
    """By name, for payouts whose app asked for one."""


class Contender(NamedTuple):
    """A channel that may carry the order, at a policy's price."""

    channel: str
    fee_minor: int
    usual_s: float
    fell_together: bool


@dataclass(frozen=True, slots=True)
class Side:
    """One policy before one order."""

    contenders: tuple[Contender, ...]
    worth: Worth
    places: Mapping[str, int]
    """Where explicit rules put the channels."""
    split: Rule | None = None
    """The rule that puts them there by chance: its places are drawn anew with every draw."""
    explores: bool = True

    def fee_minor(self, channel: str) -> int | None:
        return next((each.fee_minor for each in self.contenders if each.channel == channel), None)

    def first(self, chances: Mapping[str, float], places: Mapping[str, int]) -> str | None:
        """The channel it would try first, by the order of `routing.candidate.ranked`."""
        return min(
            (
                (places.get(name, UNPLACED), fell, expected_cost(fee, time_s, chances[name], self.worth), name)
                for name, fee, time_s, fell in self.contenders
            ),
            default=(0, False, 0.0, None),
        )[3]

    def drawn_places(self, request: Request, dice: Random) -> Mapping[str, int]:
        return self.places if self.split is None else apply((self.split,), request, dice).places


class Judged(NamedTuple):
    """What another policy makes of a logged order."""

    choice: str | None
    """What it would have tried with the very draws the order was decided by; None: no channel would take it."""
    weight: float
    """How many times as often as the old policy it would have chosen the channel that was tried."""
    has_support: bool
    """Whether the old policy ever chooses `choice`: only then can its log tell what would have come of it."""


def old_side(order: Logged, present: Routing) -> Side:
    """The policy that made the decision, from what is stored with it. Only a split's weights are `present`'s."""
    decision = order.decision
    contenders = tuple(Contender(c.channel, c.fee_minor, c.usual_s, c.fell_together) for c in decision.ranked)
    places = {candidate.channel: candidate.place for candidate in decision.ranked}
    split = _split(_led(present, decision), order, decision.drawn)
    return Side(contenders, decision.worth, places, split, decision.drawn)


def new_side(order: Logged, present: Routing, new: Routing, live: Mapping[str, LiveFacts]) -> Side:
    """Another policy before the same order.

    What stood in a channel's way at that moment stands there still; what the configuration put there does not. A price
    list or a promise that is the present one leaves the stored fee or time as it is.
    """
    request, decision = order.request, order.decision
    applied = apply(new.rules, request, dice_of("split", request.key) if new.explore else None)
    barred = {refusal.channel for refusal in decision.refused if refusal.code not in BY_CONFIG}
    known = {candidate.channel: candidate for candidate in decision.ranked}
    found = (
        _contender(order, known.get(name), present.channels.get(name), policy, live.get(name, IDLE))
        for name, policy in sorted(new.channels.items())
        if name not in barred and applied.excluder(name) is None
    )
    contenders = tuple(contender for contender in found if contender is not None)
    leading = _leading(applied)
    places = {**applied.places, **_behind(new, request)}
    if leading is not None and leading.action is not Action.PREFER and leading == _led(present, decision):
        same = {candidate.channel: candidate.place for candidate in decision.ranked}  # the same luck, the same payee
        places = {**same, **_behind(new, request)}
    worth = new.preferences.get(request.preference, new.preference).worth(request.amount.minor)
    return Side(contenders, worth, places, _split(leading, order, new.explore), new.explore)


def _behind(routing: Routing, request: Request) -> dict[str, int]:
    """Channels that leave it to others by their weight."""
    return {name: BEHIND for name, policy in routing.channels.items() if sits_out(name, policy.weight, request.key)}


def _contender(
    order: Logged, stored: Candidate | None, present: ChannelPolicy | None, policy: ChannelPolicy, live: LiveFacts
) -> Contender | None:
    fee, reasons = judge(order.request, policy, live, order.at)
    if stored is not None and present is not None and (present.fees, present.zone) == (policy.fees, policy.zone):
        fee = stored.fee_minor
    if fee is None or any(reason.code is not RefusalCode.NO_FEE_RULE for reason in reasons):
        return None
    promise_s = policy.promised_s(order.at)
    if stored is None:
        return Contender(policy.name, fee, promise_s, False)
    before_s = promise_s if present is None else present.promised_s(order.at)
    factor = promise_s / before_s if before_s and promise_s != before_s else 1.0
    return Contender(policy.name, fee, stored.usual_s * factor, stored.fell_together)


def _led(routing: Routing, decision: Decision) -> Rule | None:
    """The rule that ordered the channels, as far as it is still configured."""
    return next((rule for rule in routing.rules if rule.name == decision.rule), None) if decision.rule else None


def _leading(applied: Applied) -> Rule | None:
    return next((rule for rule in applied.rules if rule.name == applied.leading), None)


def _split(rule: Rule | None, order: Logged, explores: bool) -> Rule | None:
    by_chance = explores and rule is not None and rule.action is Action.SPLIT and rule.match.fits(order.request)
    return rule if by_chance else None


def judged(order: Logged, old: Side, new: Side, beliefs: Mapping[str, Belief], dice: Random, draws: int) -> Judged:
    """Let both policies choose `draws` times, and once with the draw that the decision was made by.

    Counting that one keeps the old policy's propensity above zero, and its inverse free of bias but for the rarest
    choices: E[(n + 1) / (X + 1)] = (1 - (1 - p)^(n + 1)) / p where X of n draws fall to a channel chosen with chance p.
    """
    held = {candidate.channel: candidate for candidate in order.decision.ranked}
    means = {each.channel: beliefs.get(each.channel, UNTRIED)[0] for each in new.contenders}
    means.update({name: candidate.mean for name, candidate in held.items()})
    logged = means | {name: candidate.p for name, candidate in held.items()}
    tried = order.tried.channel
    choice = new.first(logged if new.explores else means, new.places)
    ours: Counter[str | None] = Counter([tried])
    theirs = Counter([choice])
    posterior = {**beliefs, **{name: (candidate.mean, candidate.strength) for name, candidate in held.items()}}
    samplers = {name: sampler(posterior.get(name, UNTRIED), dice) for name in sorted(means)}
    if len(samplers) == 1:
        draws = 0  # no choice, no dice
    seed = dice.random()
    mine, other = dice_of(seed), dice_of(seed)  # twins: the same split falls the same way
    for _ in range(draws if old.explores or new.explores else 0):
        chances = {name: sample() for name, sample in samplers.items()}
        ours[_once(old, order.request, chances, tried, mine)] += 1
        theirs[_once(new, order.request, chances, choice, other)] += 1
    weight = theirs[tried] / theirs.total() / (ours[tried] / ours.total())
    return Judged(choice, weight, choice is not None and ours[choice] > 0)


def _once(side: Side, request: Request, chances: Mapping[str, float], fixed: str | None, dice: Random) -> str | None:
    return side.first(chances, side.drawn_places(request, dice)) if side.explores else fixed


def sampler(belief: Belief, dice: Random) -> Callable[[], float]:
    """Draws from a beta distribution with the posterior's mean and strength, sharpened as the router sharpens it.

    The router draws from a mixture of several; of that only mean and strength are stored. In quiet times it is one.
    """
    mean, strength = belief
    alpha, beta = mean * strength * DEFAULT.sharpness, (1.0 - mean) * strength * DEFAULT.sharpness
    if alpha <= 0.0 or beta <= 0.0:
        return lambda: mean
    shape = shaped(alpha, beta)
    return (lambda: dice.betavariate(alpha, beta)) if shape is None else _prepared(dice, shape)


def _prepared(dice: Random, shape: Shape) -> Callable[[], float]:
    return lambda: draw(dice, shape)
