"""When batches may make more payouts: they stand behind what apps order one by one, and under the same bound."""

from __future__ import annotations

from gateway.api.state import PublicState


class BatchRoom:
    """`gateway.operations.batch_work.Room`, of this node's public listener."""

    def __init__(self, state: PublicState) -> None:
        self._state = state

    async def for_more(self, app: str) -> bool:
        """No order is being turned away, and the app has fewer payouts waiting than may. Raises `StoreError`."""
        state = self._state
        if state.intake.crowded_lately:
            return False
        return await state.backlog.refusal(state.services, app, state.doors.backlog) is None

    def came(self, app: str) -> None:
        self._state.backlog.came(app)
