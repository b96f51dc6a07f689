"""The decision: which channels may carry a payout, best first, and why each other one may not.

Facts in, a frozen value out: eligibility, explicit rules, a draw of each channel's chance, its expected cost, the
ranking. Time and dice are handed in. Without dice the posterior means are taken, so the same facts give the same
decision; with dice (Thompson sampling) a channel that might be better is tried as often as it might be better.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from operator import attrgetter

from routing.arrival import Arrivals
from routing.candidate import BEHIND, UNPLACED, Candidate, ranked
from routing.decision import Decision
from routing.eligibility import SOON_OVER, Refusal, RefusalCode, judge
from routing.facts import IDLE, LiveFacts
from routing.health import Health
from routing.health_book import HealthBook, health_class
from routing.memories import Dice
from routing.policy import ChannelPolicy
from routing.request import Request
from routing.rules import Applied, Rule, apply
from routing.score import BALANCED, Preference, Worth, expected_cost
from routing.share import WHOLE, sits_out

__all__ = ["Candidate", "Decision", "LiveFacts", "Refusal", "RefusalCode", "Request", "decide"]

_UNTRIED = Health.fresh()
_name = attrgetter("name")
_new = tuple.__new__  # a named tuple's own constructor takes three times as long


def decide(
    request: Request,
    channels: Sequence[ChannelPolicy],
    live: Mapping[str, LiveFacts],
    health: HealthBook | None = None,
    *,
    preference: Preference = BALANCED,
    rules: Sequence[Rule] = (),
    arrivals: Mapping[str, Arrivals] | None = None,
    random: Dice | None = None,
    now: datetime | None = None,
    seed: int | None = None,
) -> Decision:
    """Rank the channels that may carry the payout; refuse the others with every reason.

    The order of `channels` does not matter, with dice neither: they are asked by name. A channel without an entry in
    `live` is taken to be idle and sound, one without a record in `health` to be untried, one without `arrivals` to keep
    its promise. `seed` is noted down as that of `random`. A payout with patience is kept from channels that are dearer
    than waiting for one that is barred for the moment.
    """
    if request.last:
        rules = [rule for rule in rules if not rule.gives_way]
    applied = apply(rules, request, random)
    usable, refused, soon = _judged(request, channels, live, now, applied)
    places, key = applied.places, request.key
    if request.quoted:
        usable, refused, soon = _as_quoted(request, usable, refused, soon)
        places, key = {channel: place for place, (channel, _) in enumerate(request.quoted)}, ""  # weights had their say
    worth = preference.worth(request.amount.minor)
    fallen = _fallen(request, channels) if request.tried else frozenset()
    cls = health_class(request.amount.minor, request.kind)
    pricing = _Pricing(worth, cls, health, arrivals or {}, random, now, places, fallen, key)
    found = ranked(pricing.candidates(usable))
    if request.patience_s is not None and soon and found:
        found, dearer = _worth_having(found, ranked(pricing.candidates(soon))[0], worth.second * request.patience_s)
        refused += dearer
    drawn = random is not None and health is not None
    leading = "" if request.quoted else applied.leading
    return Decision(
        found, refused, preference.name, worth, leading, drawn, seed, request.last, quoted=bool(request.quoted)
    )


def _worth_having(
    found: tuple[Candidate, ...], awaited: Candidate, waiting_minor: float
) -> tuple[tuple[Candidate, ...], tuple[Refusal, ...]]:
    """Refuse whom it costs more to have now than to wait for `awaited` to the end, and then to have that one."""
    most = awaited.cost + waiting_minor
    place = (awaited.place, awaited.fell_together)
    dearer = [each for each in found if each.cost > most and (each.place, each.fell_together) >= place]
    why = f"{awaited.channel} comes to {most:.2f} at most with the waiting"
    refused = tuple(Refusal(each.channel, RefusalCode.DEARER, f"{each.cost:.2f}, and {why}") for each in dearer)
    return tuple(each for each in found if each not in dearer), refused


def _fallen(request: Request, channels: Sequence[ChannelPolicy]) -> frozenset[str]:
    """Failure domains in which a channel has refused this payout."""
    return frozenset(policy.failure_domain for policy in channels if policy.name in request.tried) - {""}


_Usable = tuple[ChannelPolicy, LiveFacts, int]


def _judged(
    request: Request,
    channels: Sequence[ChannelPolicy],
    live: Mapping[str, LiveFacts],
    now: datetime | None,
    applied: Applied,
) -> tuple[list[_Usable], tuple[Refusal, ...], list[_Usable]]:
    """Who may carry it, with the fee; all reasons against the others, by name; and those who soon may."""
    usable: list[_Usable] = []
    softly: list[_Usable] = []
    soon: list[_Usable] = []
    refused: list[tuple[Refusal, ...]] = []
    rules = applied.rules
    for policy in sorted(channels, key=_name):
        facts = live.get(policy.name, IDLE)
        fee, against = judge(request, policy, facts, now)
        if rules and (rule := applied.excluder(policy.name)) is not None:
            against = (*against, Refusal(policy.name, RefusalCode.RULE, f"rule {rule.name!r}"))
        if fee is not None and not against:
            usable.append((policy, facts, fee))
            continue
        refused.append(against)
        if fee is not None and facts.soft_trip and [refusal.code for refusal in against] == [RefusalCode.BREAKER_OPEN]:
            softly.append((policy, facts, fee))
        if fee is not None and request.patience_s is not None and SOON_OVER.issuperset(each.code for each in against):
            soon.append((policy, facts, fee))
    if usable or not softly:
        return usable, tuple(chain.from_iterable(refused)), soon
    kept = {policy.name for policy, _, _ in softly}
    return softly, tuple(refusal for refusal in chain.from_iterable(refused) if refusal.channel not in kept), []


def _as_quoted(
    request: Request, usable: list[_Usable], refused: tuple[Refusal, ...], soon: list[_Usable]
) -> tuple[list[_Usable], tuple[Refusal, ...], list[_Usable]]:
    """Only channels of the quote, at the fees of the quote. Whatever refuses a channel refuses a quoted one too."""
    fees = dict(request.quoted)

    def kept(found: list[_Usable]) -> list[_Usable]:
        return [(policy, facts, fees[policy.name]) for policy, facts, _ in found if policy.name in fees]

    others = [policy.name for policy, _, _ in usable if policy.name not in fees]
    out = tuple(Refusal(name, RefusalCode.NOT_QUOTED, "not in the app's quote") for name in others)
    return kept(usable), (*refused, *out), kept(soon)


@dataclass(slots=True)
class _Pricing:
    """What all candidates of one decision have in common."""

    worth: Worth
    cls: str
    health: HealthBook | None
    arrivals: Mapping[str, Arrivals]
    random: Dice | None
    now: datetime | None
    places: Mapping[str, int]
    fallen: frozenset[str]
    key: str

    def candidates(self, usable: Sequence[_Usable]) -> list[Candidate]:
        """Everybody usable, priced. (One loop over local names: it is most of what a decision costs.)"""
        worth, cls, health, random, now = self.worth, self.cls, self.health, self.random, self.now
        arrivals, places, fallen, found = self.arrivals, self.places, self.fallen, []
        for policy, facts, fee in usable:
            name = policy.name
            record, probe = (_UNTRIED, 0.0) if health is None else health.look(name, cls)
            if facts.late:
                record = record.suspecting(facts.late)
            belief = record.prepared
            p = belief.mean if random is None or health is None else record.draw(random, probe)
            time_s = policy.usual_s if policy.promise is None else policy.promised_s(now)
            if arrivals or record.unknown:
                time_s = _awaited_s(time_s, arrivals.get(name), record, policy.unknown_s)
            cost = expected_cost(fee, time_s, p, worth)
            place = places.get(name, UNPLACED) if places else UNPLACED
            if policy.weight != WHOLE and sits_out(name, policy.weight, self.key):
                place = BEHIND
            fell = bool(fallen) and policy.failure_domain in fallen
            parts = (name, fee, time_s, p, belief.mean, belief.strength, cost, place, fell, facts.breaker_open)
            found.append(_new(Candidate, parts))
        return found


def _awaited_s(promise_s: float, measured: Arrivals | None, record: Health, unknown_s: float) -> float:
    """Expected seconds of one attempt: the promise as measured, and unknown outcomes held until they are known."""
    time_s = promise_s if measured is None else promise_s * measured.factor
    share = record.unknown_share
    return (1.0 - share) * time_s + share * unknown_s
