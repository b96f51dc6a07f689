"""Every mutant of the safety core. A simulation that lets one of them live proves little (docs/reliability.md)."""

from __future__ import annotations

from gateway.simulation.baseline import NAME, timeout_is_failed
from tests.mutants.believing import BELIEVING
from tests.mutants.ending import ENDING
from tests.mutants.mutant import Mutant
from tests.mutants.sending import SENDING
from tests.mutants.storing import STORING

BASELINE = Mutant(NAME, frozenset({2, 13, 16}), timeout_is_failed, "R1")
"""What others document as their rule; the command runs it in a wheel too."""

MUTANTS: tuple[Mutant, ...] = (BASELINE, *BELIEVING, *SENDING, *STORING, *ENDING)

__all__ = ["MUTANTS", "Mutant"]
