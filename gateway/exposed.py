"""What is read of a running gateway when its metrics are scraped, besides what was counted by then."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from gateway.admission.commit_wait import Pressure
from gateway.api.intake import Intake
from gateway.metrics.gauges import Reading, config_readings, nodes_readings, pressure_readings, queue_readings
from gateway.metrics.table import Place
from gateway.operations.nodes import Nodes
from gateway.operations.reload_state import Reloads
from gateway.worker.callbacks import CallbackWorker
from gateway.worker.payouts import PayoutWorker


@dataclass(frozen=True, slots=True)
class Exposed:
    """The parts that are looked at."""

    reloads: Reloads
    nodes: Nodes
    pressure: Callable[[], Pressure]
    intake: Intake
    payouts: PayoutWorker
    callbacks: CallbackWorker
    monotonic: Callable[[], float]

    def readings(self) -> tuple[Callable[[], Iterable[Reading]], ...]:
        """One for each part: what fails in one is missing, and nothing else."""
        return self._config, self._writer, self._queues

    def _config(self) -> Iterable[Reading]:
        others = self.nodes.others(self.monotonic())
        yield from config_readings(self.reloads.state)
        yield from nodes_readings(self.reloads.state.sha256, [each.sha256 for each in others])

    def _writer(self) -> Iterable[Reading]:
        return pressure_readings(self.pressure())

    def _queues(self) -> Iterable[Reading]:
        worker, intake = self.payouts, self.intake
        outside = worker.busy - worker.taken
        places = {Place.WORKING: worker.taken, Place.OUTSIDE: outside, Place.WAITING: worker.waiting}
        return queue_readings(intake.inside, intake.paused, places, worker.places, self.callbacks.busy)
