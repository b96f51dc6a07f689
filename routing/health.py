"""How sure we are that an attempt on a channel succeeds: a posterior that forgets when the evidence says so.

Forgetting at a constant rate pays for change all the time: in quiet times it never knows enough, and explores for
ever. So several memories run side by side: one that keeps the channel's *normal* level for good, and some that
forget after 6, 25, 150 outcomes. Each predicts the next outcome; those that predict well gain weight
(a mixture of experts with a fixed share of the weight handed out anew each time: Herbster and Warmuth 1998; in
effect a cheap form of Bayesian online change-point detection, Adams and MacKay 2007). While nothing changes the
normal level has nearly all the weight, and the draws are those of an ordinary long record. Six failures in a row
at 95 % move the weight to the short memories.

The normal level learns from an outcome only as far as it has the weight, so an outage does not spoil it. That is
what makes the way back short: the old level stays on offer as a hypothesis. The longer a demoted channel has not
been tried, the more often a draw is taken from it (`probe_share`); one success then speaks strongly for it, one
failure strongly against. A channel that would not be the best even when healed wins no such draw.

All numbers are sums of decayed counts, and the weights are pooled by how much recent evidence stands behind them, so
that two nodes' records merge by adding. A draw costs one uniform and one beta variate: everything it needs was worked
out when the last outcome came in.

Use: `HealthBook` (`routing.health_book`) keeps the records of all channels and classes; `routing.feedback` says what
an attempt counts for.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from math import exp, log

from routing.beta import draw
from routing.feedback import FAILURE, NOTHING, SUCCESS, UNKNOWN, Evidence
from routing.memories import Counts, Dice, HealthTuning, Prepared, added, faded, prepare, reweighed

__all__ = ["DEFAULT", "FAILURE", "NOTHING", "SUCCESS", "UNKNOWN", "Dice", "Evidence", "Health", "HealthTuning", "merge"]

FORMAT = 1
"""The version of the stored form."""

DEFAULT = HealthTuning()


@dataclass(frozen=True, slots=True)
class Health:
    """The record of one channel in one class: a value that folds evidence in, merges and draws."""

    tuning: HealthTuning
    at_s: float
    """When the last evidence came in."""
    counts: Counts
    weights: tuple[float, ...]
    """How much each memory is believed, in the order of `counts`; they sum to one."""
    unknown: float
    """Attempts that nobody could tell the outcome of at first, fading with the longest memory."""
    demoted: float
    """One and the probes since the normal level lost the majority; 0 while it has it."""
    turned_s: float
    """When the attempt was sent whose outcome last gave the normal level the majority, or took it away."""
    lean: tuple[float, float]
    """What the class leans on: a mean, and how many outcomes it is worth."""
    prepared: Prepared

    @classmethod
    def fresh(cls, tuning: HealthTuning = DEFAULT, at_s: float = 0.0) -> Health:
        """A channel nobody has tried."""
        counts = ((0.0, 0.0),) * (len(tuning.lengths) + 1)
        return _made(tuning, at_s, counts, tuning.handed_out, 0.0, 0.0, float("-inf"), _alone(tuning))

    @property
    def mean(self) -> float:
        """The chance that the next attempt succeeds."""
        return self.prepared.mean

    @property
    def strength(self) -> float:
        """How many outcomes the belief is worth: the count of the one beta distribution with its mean and variance."""
        return self.prepared.strength

    @property
    def recent(self) -> float:
        """How much recent evidence there is: what the second shortest memory holds."""
        return sum(self.counts[min(2, len(self.counts) - 1)])

    @property
    def unknown_share(self) -> float:
        """The share of recent attempts that nobody could tell the outcome of at first."""
        return min(self.unknown / max(sum(self.counts[-1]), self.unknown, 1.0), 1.0)

    @property
    def is_seasoned(self) -> bool:
        """Whether anything was ever counted."""
        return bool(self.unknown or any(self.counts[0]))

    @property
    def is_demoted(self) -> bool:
        """Whether the recent memories contradict the normal level."""
        return self.weights[0] < 0.5

    def probe_share(self, idle: float) -> float:
        """How much of a draw goes to the normal level because the channel was not tried for `idle` orders.

        Growing evenly it comes to a probe every `probe_gap` orders or so, if the normal level would win: with a
        hazard of h per order and order the mean wait is sqrt(pi / 2h). A probe that risks only a part of the normal
        level may come sooner, by the square root of that part: that makes the sum of what probes lose and of what a
        late return loses the least.
        """
        if self.weights[0] >= 0.5:
            return 0.0
        tuning, normal = self.tuning, self.prepared.means[0]
        risk = max(1.0 - self.prepared.mean / normal, tuning.probe_risk_min)
        gap = tuning.probe_gap * (1.0 + tuning.probe_slowing * self.demoted)
        return min(1.57 * idle / (gap * gap * risk), tuning.probe_max)

    def draw(self, dice: Dice, probe: float = 0.0) -> float:
        """One draw from the posterior (Thompson 1933); `probe` is the `probe_share` of this moment."""
        chance = dice.random()
        if probe:
            chance = (chance - probe) / (1.0 - probe)
        prepared = self.prepared
        rows = prepared.rows
        normal = rows[0]
        if chance < normal[0]:  # nearly always
            shape = prepared.shape
            return dice.betavariate(normal[1], normal[2]) if shape is None else draw(dice, shape)
        _, alpha, beta = next((row for row in rows if chance < row[0]), rows[-1])
        return dice.betavariate(alpha, beta)

    def after(self, event: Evidence, at_s: float, probe: float = 0.0, sent_s: float | None = None) -> Health:
        """The record with this evidence folded in. Evidence given back reverses counts, and weights nearly.

        `probe` is the `probe_share` under which the attempt was chosen: it makes a success speak the louder. `sent_s`
        is when it was sent (by default `at_s`): what was sent before the last turn says nothing of the time since.
        """
        tuning, weights = self.tuning, self.weights
        sent_s = at_s if sent_s is None else sent_s
        if event.success or event.failure:
            if sent_s < self.turned_s:
                return self._after_the_turn(event)
            weights = reweighed(tuning, weights, self.prepared.means, event, probe)
        is_normal, was_normal = weights[0] >= 0.5, self.weights[0] >= 0.5
        counts = added(self.counts, tuning, event, max(weights[0], tuning.learn_min), at_s - self.at_s)
        size = max(event.success + event.failure, 0.0)
        demoted = 0.0 if is_normal else max(self.demoted, 1.0) + size * bool(probe)
        kept = tuning.kept[-1] if size == 1.0 else float(tuning.kept[-1] ** size)
        unknown = self.unknown * kept + event.unknown
        turned_s = self.turned_s if is_normal is was_normal else sent_s
        return _made(tuning, max(at_s, self.at_s), counts, weights, unknown, demoted, turned_s, self.lean)

    def _after_the_turn(self, event: Evidence) -> Health:
        """With news from before the last turn: it tells of the normal level if that had the majority, or of nothing."""
        counts = self.counts
        if self.demoted:
            success, failure = counts[0]
            counts = ((max(success + event.success, 0.0), max(failure + event.failure, 0.0)), *counts[1:])
        unknown = self.unknown + event.unknown
        return _made(self.tuning, self.at_s, counts, self.weights, unknown, self.demoted, self.turned_s, self.lean)

    def suspecting(self, late: float) -> Health:
        """The record as if `late` failures had come in by now: attempts taken and then silent (`LiveFacts.late`)."""
        suspected, left = self, min(late, self.tuning.lengths[0])
        while left > 0.0:
            suspected = suspected.after(Evidence(failure=min(left, 1.0)), self.at_s)
            left -= 1.0
        return suspected

    def leaning_on(self, mean: float, count: float) -> Health:
        """The same record with a stronger prior: `count` outcomes at `mean`, from the channel's other classes."""
        lean = (mean, count)
        if lean == self.lean:
            return self
        return _made(self.tuning, self.at_s, self.counts, self.weights, self.unknown, self.demoted, self.turned_s, lean)

    def as_json(self) -> str:
        """A compact form for the store: some 250 characters."""
        stored = {
            "v": FORMAT,
            "at": self.at_s,
            "counts": [[round(success, 6), round(failure, 6)] for success, failure in self.counts],
            "weights": [round(weight, 9) for weight in self.weights],
            "unknown": round(self.unknown, 6),
            "demoted": round(self.demoted, 6),
            "turned": None if self.turned_s == float("-inf") else self.turned_s,
        }
        return json.dumps(stored, allow_nan=False, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str, tuning: HealthTuning = DEFAULT) -> Health:
        """Read what `as_json` wrote.

        Raises:
            ValueError: it is something else, or was written with other memories.
        """
        try:
            stored = json.loads(text)
            counts = tuple((float(success), float(failure)) for success, failure in stored["counts"])
            weights = tuple(float(weight) for weight in stored["weights"])
            if stored["v"] != FORMAT or not len(counts) == len(weights) == len(tuning.lengths) + 1:
                raise ValueError("a health record of another format")
            at_s, unknown, demoted = (float(stored[key]) for key in ("at", "unknown", "demoted"))
            turned_s = float("-inf") if stored["turned"] is None else float(stored["turned"])
            return _made(tuning, at_s, counts, weights, unknown, demoted, turned_s, _alone(tuning))
        except (KeyError, TypeError) as error:
            raise ValueError(f"not a health record: {error}") from error


def merge(one: Health, other: Health) -> Health:
    """What two nodes know together: counts add, weights are averaged by the recent evidence behind each.

    The average is of logarithms (a logarithmic opinion pool), which makes the order of merging immaterial. A record
    that is old by the clock of the other has faded first.
    """
    tuning, at_s = one.tuning, max(one.at_s, other.at_s)
    mine, theirs = faded(one.counts, tuning, at_s - one.at_s), faded(other.counts, tuning, at_s - other.at_s)
    counts = tuple((a[0] + b[0], a[1] + b[1]) for a, b in zip(mine, theirs, strict=True))
    weights = _pooled(one.weights, sum(mine[-1]), other.weights, sum(theirs[-1]))
    unknown, demoted = one.unknown + other.unknown, one.demoted + other.demoted
    turned_s = max(one.turned_s, other.turned_s)
    return _made(tuning, at_s, counts, weights, unknown, demoted, turned_s, _alone(tuning))


def _pooled(one: tuple[float, ...], my_part: float, other: tuple[float, ...], their_part: float) -> tuple[float, ...]:
    if not my_part or not their_part:
        return one if my_part else other
    logs = [my_part * log(mine) + their_part * log(theirs) for mine, theirs in zip(one, other, strict=True)]
    powers = [exp(value / (my_part + their_part)) for value in logs]
    total = sum(powers)
    return tuple(power / total for power in powers)


def _alone(tuning: HealthTuning) -> tuple[float, float]:
    return tuning.prior_mean, 0.0


def _made(
    tuning: HealthTuning,
    at_s: float,
    counts: Counts,
    weights: tuple[float, ...],
    unknown: float,
    demoted: float,
    turned_s: float,
    lean: tuple[float, float],
) -> Health:
    prepared = prepare(tuning, counts, weights, lean)
    return Health(tuning, at_s, counts, weights, unknown, demoted, turned_s, lean, prepared)
