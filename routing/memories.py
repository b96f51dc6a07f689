"""The bank of memories behind `routing.health`: counts that forget at several rates, and the numbers they obey."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from routing.beta import Dice, Shape, shaped
from routing.feedback import Evidence

__all__ = ["Counts", "Dice", "HealthTuning", "Prepared", "added", "faded", "prepare", "reweighed"]

Counts = tuple[tuple[float, float], ...]
"""Successes and failures: of the normal level first, then of each forgetful memory, the shortest first."""


@dataclass(frozen=True, slots=True)
class HealthTuning:
    """Every number of the algorithm. Lengths and counts are in outcomes."""

    lengths: tuple[float, ...] = (6.0, 25.0, 150.0)
    """How far the forgetful memories reach back."""
    share: float = 0.001
    """The share of the weight handed out anew at each outcome: how often we expect a change."""
    normal: float = 0.9
    """How much of that goes to the normal level; the forgetful memories split the rest."""
    prior_mean: float = 0.9
    prior_count: float = 2.0
    """What is believed of a channel nobody has tried, and how strongly."""
    memory_prior_count: float = 0.5
    """The same for the forgetful memories, which must be free to believe the worst."""
    shrink_count: float = 20.0
    """How strongly a class leans on what its channel did in other classes."""
    learn_min: float = 0.05
    """How much of an outcome the normal level takes in even when it has no weight."""
    sharpness: float = 2.0
    """Counts are multiplied by it before a draw: above 1 explores less than the posterior itself would."""
    probe_gap: float = 80.0
    """Orders between two probes of a demoted channel that would be the best if it were healed."""
    probe_slowing: float = 0.02
    """By how much of itself that gap grows with each probe."""
    probe_risk_min: float = 0.1
    """The least part of the normal level that a probe is taken to risk."""
    probe_max: float = 0.5
    """The largest share of draws taken from the normal level for the sake of a probe."""
    half_life_s: float = 21_600.0
    """After how long without news the forgetful memories have lost half."""
    handed_out: tuple[float, ...] = field(init=False, repr=False)
    """How weight is handed out anew."""
    kept: tuple[float, ...] = field(init=False, repr=False)
    """What each memory keeps of its counts at an outcome."""

    def __post_init__(self) -> None:
        if not self.lengths or min(self.lengths) <= 1.0 or not 0.0 < self.share < 1.0 or not 0.0 < self.normal < 1.0:
            raise ValueError(f"memories reach back more than one outcome, shares lie between 0 and 1: {self}")
        each = (1.0 - self.normal) / len(self.lengths)
        object.__setattr__(self, "handed_out", (self.normal, *(each for _ in self.lengths)))
        object.__setattr__(self, "kept", (1.0, *(1.0 - 1.0 / length for length in self.lengths)))


@dataclass(frozen=True, slots=True)
class Prepared:
    """What draws and the next update need, worked out once per outcome."""

    rows: tuple[tuple[float, float, float], ...]
    """Of each memory: the weight up to and with it, alpha and beta to draw with."""
    shape: Shape | None
    """The first of them, the normal level, for draws; None where it is too thin."""
    means: tuple[float, ...]
    """What each memory predicts."""
    mean: float
    strength: float


def prepare(tuning: HealthTuning, counts: Counts, weights: Sequence[float], lean: tuple[float, float]) -> Prepared:
    """Beta parameters by memory; `lean` is a mean and the count of outcomes that it is worth as a prior.

    A short memory leans on it no more than a quarter of what it remembers itself.
    """
    lean_mean, lean_count = lean
    prior, sharpness = tuning.prior_count, tuning.sharpness
    mean = square = upto = 0.0
    most, rows, means = lean_count, [], []
    for (success, failure), weight, length in zip(counts, weights, (0.0, *tuning.lengths), strict=True):
        leans = min(most, length / 4.0) if length else most
        total = success + failure + prior + leans
        alpha = success + prior * tuning.prior_mean + leans * lean_mean
        beta = total - alpha
        middle = alpha / total
        mean += weight * middle
        square += weight * middle * (alpha + 1.0) / (total + 1.0)
        upto += weight
        rows.append((upto, alpha * sharpness, beta * sharpness))
        means.append(middle)
        prior = tuning.memory_prior_count
    spread = max(square - mean * mean, 1e-12)
    return Prepared(tuple(rows), shaped(*rows[0][1:]), tuple(means), mean, max(mean * (1.0 - mean) / spread - 1.0, 0.0))


def added(counts: Counts, tuning: HealthTuning, event: Evidence, learns: float, passed_s: float = 0.0) -> Counts:
    """The counts after one piece of evidence, `passed_s` after the last; the normal level takes in `learns` of it.

    What is given back (negative evidence) makes nobody forget.
    """
    success, failure = event.success, event.failure
    size = max(success + failure, 0.0)
    kept = tuning.kept if size == 1.0 else [keep**size for keep in tuning.kept]
    fade = 0.5 ** (passed_s / tuning.half_life_s) if passed_s > 0.0 else 1.0
    good, bad = counts[0]
    new = [(good + success * learns, bad + failure * learns)]
    for (good, bad), keep in zip(counts[1:], kept[1:], strict=True):
        left = keep * fade
        new.append((good * left + success, bad * left + failure))
    if success < 0.0 or failure < 0.0:
        new = [(max(good, 0.0), max(bad, 0.0)) for good, bad in new]
    return tuple(new)


def faded(counts: Counts, tuning: HealthTuning, passed_s: float) -> Counts:
    """The counts after `passed_s` without news. The normal level does not fade."""
    if passed_s <= 0.0:
        return counts
    left = 0.5 ** (passed_s / tuning.half_life_s)
    return (counts[0], *((success * left, failure * left) for success, failure in counts[1:]))


def reweighed(
    tuning: HealthTuning, weights: Sequence[float], means: Sequence[float], event: Evidence, probe: float
) -> tuple[float, ...]:
    """Weights after an outcome: times its likelihood, then a fixed share is handed out anew.

    `probe` is how much had moved to the normal level because the channel had not been tried for long.
    """
    success, failure = event.success, event.failure
    if success == 1.0 and failure == 0.0:
        likely = [weight * mean for weight, mean in zip(weights, means, strict=True)]
    else:
        likely = [w * mean**success * (1.0 - mean) ** failure for w, mean in zip(weights, means, strict=True)]
    if probe:
        likely = [part * (1.0 - probe) for part in likely]
        likely[0] += probe * means[0] ** success * (1.0 - means[0]) ** failure
    share = tuning.share * min(abs(success) + abs(failure), 1.0)
    scale = (1.0 - share) / sum(likely)
    return tuple([part * scale + share * new for part, new in zip(likely, tuning.handed_out, strict=True)])
