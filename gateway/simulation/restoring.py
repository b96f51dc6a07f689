"""An old backup is put in the database's place: every node goes down, the store forgets, the banks do not (R15)."""

from __future__ import annotations

from gateway.simulation.audit import Auditor
from gateway.simulation.cluster import Cluster
from gateway.simulation.database import Database
from gateway.simulation.faults import Fault
from gateway.simulation.town import Town
from gateway.simulation.upstream import Upstream
from gateway.store.high_water import HighWater, MarkRead, history_in

KEPT = 40
"""So many backups lie around, one for each look around."""


class Restoring:
    """Backups of one world, and the high-water file that outlives a restore."""

    def __init__(self, database: Database, auditor: Auditor, town: Town) -> None:
        self._database = database
        self._auditor = auditor
        self._town = town
        self._backups: list[bytes] = []
        self._lost: HighWater | None = None
        """What the file says since the last restore, until a start has noticed it."""
        self._copy_lineage: str | None = None

    def back_up(self) -> None:
        """Keep a copy, and let the oldest go."""
        self._backups = [*self._backups[-KEPT:], self._database.copy()]

    def mark(self) -> MarkRead:
        """What the high-water file says at a start: as far as the store had come, also before a restore."""
        history = self._database.look(history_in)
        if self._lost is not None and history.lineage == self._copy_lineage:
            return MarkRead(self._lost)
        if history.lineage is None:
            return MarkRead()
        return MarkRead(HighWater(history.event, history.lineage, clean=False))

    def restore(self, cluster: Cluster, upstream: Upstream) -> None:
        """Now. Counted once for each payout that is set back."""
        if not self._backups:
            return
        for node in cluster.nodes:
            node.crash("the database is being restored", counted=False)
        before, history = self._database.versions(), self._database.look(history_in)
        noticed = self._lost is None or history.lineage != self._copy_lineage
        grown = self._lost is not None and history.lineage == self._lost.lineage and history.event > self._lost.event
        if history.lineage is not None and (noticed or grown):
            self._lost = HighWater(history.event, history.lineage, clean=False)
        self._database.replace_by(self._town.dice.choice(self._backups[: len(self._backups) // 2 + 1]))
        self._backups.clear()
        self._copy_lineage = self._database.look(history_in).lineage
        after = self._database.versions()
        set_back = [payout_id for payout_id, version in before.items() if after.get(payout_id) != version]
        for payout_id in set_back:
            what = "set back" if payout_id in after else "forgotten"
            self._town.faults.took(Fault.RESTORE, "db", what, upstream.reference_of(payout_id))
        self._auditor.restored(self._town.clock.now())
        gone = [payout_id for payout_id in set_back if payout_id not in after]
        self._town.spawn(upstream.order_again(gone))
