"""What this node knows of its channels' health, and how it asks the pure router with it.

Mutable, and only ever touched by the event loop. Everything here may be lost: then channels are believed to be as the
configuration promises until new outcomes say otherwise. Evidence counts once because it is the difference of what an
attempt comes to before and after a committed change, and every change of an attempt is committed once.

What other nodes saw is kept apart from it (`hear`), and routed by all the same; breakers are each node's own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from random import Random

from gateway.domain.allowance import Allowances, Span, Used, window_at
from gateway.domain.money import Money
from gateway.domain.payout import Attempt, AttemptState, Payout
from gateway.domain.reasons import channels_fault
from gateway.domain.states import SETTLED
from gateway.operations.experience import Experience, Part, parts_in, together
from gateway.operations.usage import Sums
from routing import feedback
from routing.arrival import NOTHING_MEASURED, Arrivals
from routing.decide import Decision, Request, decide
from routing.facts import LiveFacts
from routing.feedback import Evidence, Standing, lateness
from routing.fees import Usage as Given
from routing.health_book import HealthBook, health_class
from routing.policy import ChannelPolicy
from routing.rules import Rule
from routing.score import BALANCED, PREFERENCES, Preference
from routing.silence import Silence

_PAID = frozenset({AttemptState.SUCCEEDED, AttemptState.RETURNED})


class Router:
    """One node's memory of its channels."""

    def __init__(
        self,
        *,
        rules: Sequence[Rule] = (),
        preference: Preference = BALANCED,
        preferences: Mapping[str, Preference] = PREFERENCES,
        new_seed: Callable[[], int] | None = None,
    ) -> None:
        """Without `new_seed` no dice are thrown: the posterior means decide."""
        self.rules = tuple(rules)
        self.preference = preference
        self.preferences = preferences
        """Those that an app may ask for, by name."""
        self.book = HealthBook()
        self.arrivals: dict[str, Arrivals] = {}
        """What all nodes measured: what is routed by."""
        self._seen_here: dict[str, Arrivals] = {}
        """What this one did."""
        self._seen_elsewhere: dict[str, Arrivals] = {}
        self.exchange = Exchange()
        self._new_seed = new_seed
        self._silence: dict[str, Silence] = {}
        self._probes: dict[tuple[str, int], float] = {}
        """Attempts under way that were chosen to see whether their channel is healed: with what share."""
        self._late: dict[tuple[str, int], float] = {}
        """What was counted of attempts that their channel says it still works on."""

    def under(
        self,
        *,
        rules: Sequence[Rule],
        preference: Preference,
        preferences: Mapping[str, Preference] = PREFERENCES,
        new_seed: Callable[[], int] | None,
    ) -> Router:
        """The same memory, asked by other rules: what was learned outlives a reload, and goes on in both."""
        other = Router(rules=rules, preference=preference, preferences=preferences, new_seed=new_seed)
        other.book, other.arrivals, other.exchange = self.book, self.arrivals, self.exchange
        other._seen_here, other._seen_elsewhere = self._seen_here, self._seen_elsewhere
        other._silence, other._probes, other._late = self._silence, self._probes, self._late
        return other

    # Asking ----------------------------------------------------------------------------------------------------------

    def decide(
        self, request: Request, policies: Sequence[ChannelPolicy], live: Mapping[str, LiveFacts], now: datetime
    ) -> Decision:
        """Which channels may carry it, best first. The seed of the dice is kept with the decision."""
        return self._decide(request, policies, live, now, None if self._new_seed is None else self._new_seed())

    def weigh(
        self, request: Request, policies: Sequence[ChannelPolicy], live: Mapping[str, LiveFacts], now: datetime
    ) -> Decision:
        """The same by the posterior means: what is expected, where nothing is to be tried out."""
        return self._decide(request, policies, live, now, None)

    def _decide(
        self,
        request: Request,
        policies: Sequence[ChannelPolicy],
        live: Mapping[str, LiveFacts],
        now: datetime,
        seed: int | None,
    ) -> Decision:
        wanted = "" if request.last else request.preference
        return decide(
            request,
            policies,
            live,
            self.book,
            preference=self.preferences.get(wanted, self.preference),
            rules=self.rules,
            arrivals=self.arrivals,
            random=None if seed is None else Random(seed),  # noqa: S311 - a draw from a posterior keeps no secret
            now=now,
            seed=seed,
        )

    def late(self, policy: ChannelPolicy, now: datetime) -> float:
        """What the channel's unanswered run comes to in failures."""
        silence = self._silence.get(policy.name)
        if silence is None:
            return 0.0
        return silence.late(now.timestamp(), self._usual_s(policy, now))

    def _usual_s(self, policy: ChannelPolicy, at: datetime) -> float:
        """Until when nearly all of what is sent at `at` has arrived."""
        return policy.promised_s(at) * self.arrivals.get(policy.name, Arrivals()).late_factor

    # Hearing ---------------------------------------------------------------------------------------------------------

    def sent(self, payout: Payout, number: int) -> None:
        """An attempt leaves: for the other channels one more payout passed by."""
        attempt = payout.attempt(number)
        if attempt.transmissions == 1:
            probe = self.book.chose(attempt.channel, _class_of(payout))
            if probe:
                self._probes[payout.id, number] = probe
        if attempt.last_sent_at is not None:
            sent_s = attempt.last_sent_at.timestamp()
            self._silence.setdefault(attempt.channel, Silence()).sent((payout.id, number), sent_s)

    def heard(self, before: Attempt, after: Attempt, payout: Payout, policy: ChannelPolicy, now: datetime) -> None:
        """An attempt's change is committed."""
        key = (payout.id, after.number)
        probe = self._probes.get(key, 0.0)
        if after.state in SETTLED:
            self._probes.pop(key, None)
        first_s = None if after.first_sent_at is None else after.first_sent_at.timestamp()
        counted = self._late.pop(key, 0.0)
        late = max(counted, self._lateness(after, policy, now)) if _is_pending(after) else 0.0
        if late:
            self._late[key] = late
        evidence = worth(after, late) - worth(before, counted)
        self.book.observe(after.channel, _class_of(payout), evidence, now.timestamp(), probe, first_s)
        silence = self._silence.get(after.channel)
        if silence is not None and after.last_sent_at is not None:
            sent_s = after.last_sent_at.timestamp()
            if after.state in SETTLED:
                silence.answered(key, sent_s)
            elif late or not _is_pending(after):
                silence.dropped(key)  # counted as late, asked about, or waiting for the beneficiary: no silence
        if after.state in _PAID and before.state not in _PAID and before.action is None:
            self._arrived(after, policy, now)

    def _lateness(self, attempt: Attempt, policy: ChannelPolicy, now: datetime) -> float:
        """How much of a failure it is by its age."""
        sent_at = attempt.first_sent_at
        return 0.0 if sent_at is None else lateness((now - sent_at).total_seconds(), self._usual_s(policy, sent_at))

    def _arrived(self, attempt: Attempt, policy: ChannelPolicy, now: datetime) -> None:
        if attempt.first_sent_at is None or attempt.was_unknown:
            return
        there = min(attempt.verdict_as_of or now, now)
        took_s = (there - attempt.first_sent_at).total_seconds()
        known = self._seen_here.get(attempt.channel, NOTHING_MEASURED)
        own = self._seen_here[attempt.channel] = known.after(took_s, policy.promised_s(attempt.first_sent_at))
        elsewhere = self._seen_elsewhere.get(attempt.channel)
        self.arrivals[attempt.channel] = own if elsewhere is None else own.merge(elsewhere)

    # Telling ---------------------------------------------------------------------------------------------------------

    def own(self) -> Experience:
        """What this node saw itself: what a restart, and the other nodes, may know."""
        return Experience(tuple(self.book.records()), dict(self._seen_here))

    def take_over(self, found: Experience) -> None:
        """What a node saw that is gone is ours from now on."""
        for channel, cls, health in found.health:
            self.book.restore(channel, cls, health)
        self._measured(together([self._seen_here, found.arrivals]), self._seen_elsewhere)

    def forget_own(self) -> None:
        """Another node has taken over what we saw, and tells us of it."""
        self.book.forget_own()
        self._measured({}, self._seen_elsewhere)

    def hear(self, told: Mapping[str, Experience]) -> None:
        """What all other nodes saw by now, instead of what they told before."""
        self.book.hear({node: each.health for node, each in told.items()})
        self._measured(self._seen_here, together([each.arrivals for each in told.values()]))

    def restore(self, word: str) -> None:
        """Take in what all nodes wrote, as somebody who only looks.

        Raises:
            ValueError: it is something else; nothing was taken in.
        """
        self.hear({node: Experience.from_part(part) for node, part in parts_in(word).items()})

    def _measured(self, own: Mapping[str, Arrivals], elsewhere: Mapping[str, Arrivals]) -> None:
        """In place: a router under other rules has the same dictionaries."""
        merged = together([own, elsewhere])
        for kept, new in ((self._seen_here, own), (self._seen_elsewhere, elsewhere), (self.arrivals, merged)):
            if kept is not new:
                kept.clear()
                kept.update(new)


@dataclass(slots=True)
class Exchange:
    """What this node told the others last, and what it heard of them."""

    told: Part | None = None
    word: str | None = None
    """All of it, as it was last read."""
    heard: dict[str, tuple[Part, float]] = field(default_factory=dict)
    """By node, and since when (monotonic) it says so."""


def worth(attempt: Attempt, late: float = 0.0) -> Evidence:
    """What an attempt in its present state says about its channel, in all."""
    return feedback.worth(_standing(attempt), attempt.was_unknown or attempt.state is AttemptState.UNKNOWN, late)


def _is_pending(attempt: Attempt) -> bool:
    """Its channel took it, never lost it, and waits for nobody."""
    return attempt.state is AttemptState.PENDING and attempt.action is None and not attempt.was_unknown


def _standing(attempt: Attempt) -> Standing:
    if attempt.state in _PAID:
        return Standing.PAID
    if attempt.state is not AttemptState.REJECTED:
        return Standing.OPEN
    its_fault = attempt.transmitted and channels_fault(attempt.reason)
    return Standing.FAILED if its_fault else Standing.NOT_ITS_FAULT


def given(sums: Sums, allowances: Allowances, amount: Money, now: datetime) -> tuple[Given, int, int | None]:
    """What the channel was given this month and today, in the payout's currency, and what is left of its funding."""

    def of(span: Span) -> Used:
        return sums.get((amount.currency, window_at(span, now, allowances.zone)), Used())

    month = of(Span.MONTH)
    left = None if allowances.funding_minor is None else allowances.funding_minor - of(Span.FUNDING).amount_minor
    return Given(month.payouts, month.amount_minor), of(Span.DAY).amount_minor, left


def _class_of(payout: Payout) -> str:
    return health_class(payout.amount.minor, payout.beneficiary.kind)
