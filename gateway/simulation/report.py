"""What came of a range of seeds, added up: the command's JSON, and the same for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from gateway.simulation.faults import Fault
from gateway.simulation.run import SeedResult
from gateway.simulation.trace import combined

PAID_TWICE = 2
LOST = (1, 3)
"""Numbers of the invariants that say so."""


@dataclass(frozen=True, slots=True)
class Totals:
    """All seeds of a run together. `results` are in the order of their seeds."""

    results: tuple[SeedResult, ...]
    seconds: float
    crypto: str

    @classmethod
    def of(cls, results: Iterable[SeedResult], seconds: float, crypto: str) -> Totals:
        return cls(tuple(sorted(results, key=lambda result: result.seed)), seconds, crypto)

    @property
    def violations(self) -> int:
        return sum(len(result.violations) for result in self.results)

    @property
    def counts(self) -> Counter[str]:
        return sum((result.counts for result in self.results), Counter())

    @property
    def faults(self) -> Counter[Fault]:
        return sum((result.faults for result in self.results), Counter())

    def violations_of(self, *invariants: int) -> int:
        found = (violation for result in self.results for violation in result.violations)
        return sum(violation.invariant in invariants for violation in found)

    @property
    def finished_share(self) -> float:
        """Of the payouts in worlds whose banks keep their contract: those that are final or held at the end. Where none
        was accepted nothing was shown."""
        sound = [result for result in self.results if not result.broken_contract]
        accepted = sum(result.accepted for result in sound)
        return sum(result.finished for result in sound) / accepted if accepted else 0.0

    def as_json(self) -> dict[str, Any]:
        counts, faults = self.counts, self.faults
        orders = sum(result.orders for result in self.results)
        return {
            "seeds": len(self.results),
            "orders": orders,
            "accepted": sum(result.accepted for result in self.results),
            "faults": sum(faults.values()),
            "violations": self.violations,
            "paid_twice": self.violations_of(PAID_TWICE),
            "lost": self.violations_of(*LOST),
            "late_successes": counts["late_successes"],
            "late_successes_detected": counts["late_successes_detected"],
            "late_successes_denied_by_the_bank": counts["late_successes_denied"],
            "late_successes_past_the_last_question": counts["late_successes_past_follow_up"],
            "failovers": counts["failovers"],
            "repeats": counts["repeats"],
            "takeovers": counts["takeovers"],
            "restores": counts["restores"],
            "false_failed_callbacks": counts["false_failed_callbacks"],
            "finished_share": round(self.finished_share, 5),
            "fault_kinds": {str(fault): number for fault, number in faults.most_common()},
            "trace_hash": combined([result.trace_hash for result in self.results]),
            "broken_contract_worlds": sum(result.broken_contract for result in self.results),
            "crypto": self.crypto,
            "real_crypto_seeds": sum(result.real_crypto for result in self.results),
            "seconds": round(self.seconds, 1),
            "cpu_s": round(sum(result.cpu_s for result in self.results), 1),
            "orders_per_s": round(orders / self.seconds, 1) if self.seconds else None,
            "violations_detail": [_detail(result) for result in self.results if result.violations],
        }


def _detail(result: SeedResult) -> dict[str, Any]:
    return {
        "seed": result.seed,
        "violations": [
            {
                "invariant": violation.invariant,
                "at": violation.at.isoformat(),
                "payout": violation.payout_id,
                "what": violation.what,
            }
            for violation in result.violations
        ],
    }


_SHOWN = (
    "orders", "accepted", "faults", "violations", "paid_twice", "lost", "late_successes", "late_successes_detected",
    "failovers", "repeats", "takeovers", "restores", "false_failed_callbacks", "finished_share", "trace_hash",
)  # fmt: skip


def table(totals: Totals) -> list[str]:
    """The same in a few lines."""
    told = totals.as_json()
    lines = [f"{name.replace('_', ' '):<26}{told[name]}" for name in _SHOWN]
    all_faults = max(told["faults"], 1)
    kinds = [f"{name} {100 * number / all_faults:.1f} %" for name, number in told["fault_kinds"].items()]
    lines.append(f"{'fault kinds':<26}{len(kinds)}: {', '.join(kinds)}")
    lines.append(
        f"{'crypto':<26}{told['crypto']}: {told['real_crypto_seeds']} of {told['seeds']} seeds with real signatures"
    )
    lines.append(
        f"{'time':<26}{told['seconds']} s, {told['orders_per_s']} orders/s, {told['cpu_s']} s of processor time"
    )
    for detail in told["violations_detail"]:
        lines += [f"seed {detail['seed']}: {_line(violation)}" for violation in detail["violations"][:5]]
    return lines


def _line(violation: dict[str, Any]) -> str:
    return f"invariant {violation['invariant']} at {violation['at']}, {violation['payout']}: {violation['what']}"
