"""Reserved money as rows: a sum for each period of a channel, and for each attempt what it took of them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from gateway.domain.allowance import Reservation, Used, overspent
from gateway.domain.payout import Payout
from gateway.store import schema
from gateway.store import statements as sql
from gateway.store.quick import Quick


class SqlAllowanceReads:
    """What is used."""

    _connection: Quick

    def usage(self, channel: str) -> Mapping[tuple[str, str], Used]:
        rows = self._connection.execute(sql.USAGE_OF_CHANNEL, {"of_channel": channel}).all()
        return {(row.currency, row.period): Used(row.amount_minor, row.payouts) for row in rows}


class SqlAllowanceWrites(SqlAllowanceReads):
    """Taking and giving back. The sums are added to in place, so no version guards them: only their limit does."""

    def reserve(self, payout: Payout, number: int, reservation: Reservation) -> Mapping[str, Used]:
        used = {window: self._add(reservation, window) for window in reservation.windows}
        values = {
            "shard": payout.shard,
            "payout_id": payout.id,
            "number": number,
            "channel": reservation.channel,
            "currency": reservation.amount.currency,
            "amount_minor": reservation.amount.minor,
            "windows": " ".join(reservation.windows),
        }
        self._connection.change(sql.INSERT[schema.reservations], values)
        return used

    def _add(self, reservation: Reservation, window: str) -> Used:
        """Raises `AllowanceSpent`."""
        minor = reservation.amount.minor
        which = {"of_channel": reservation.channel, "of_currency": reservation.amount.currency, "of_period": window}
        # Added first and looked at then: the row is ours from here on, so nobody reserves beside us.
        known = self._add_usage(which, minor)
        used = Used(minor, 1) if known is None else Used(known.amount_minor, known.payouts)
        spent = overspent(window, used, reservation)
        if spent is not None:
            raise spent
        return used

    def _add_usage(self, which: Mapping[str, str], minor: int) -> Row[Any] | None:
        """The sums with it, where there were any."""
        known = self._connection.execute(sql.ADD_USAGE, {**which, "more_minor": minor, "more": 1}).first()
        if known is None:
            values: dict[str, Any] = {name.removeprefix("of_"): value for name, value in which.items()}
            self._connection.change(sql.INSERT[schema.usage], values | {"amount_minor": minor, "payouts": 1})
        return known

    def release_reservation(self, payout: Payout, number: int, at: datetime) -> str | None:
        which = {"of_shard": payout.shard, "of_payout_id": payout.id, "of_number": number}
        released = self._connection.execute(sql.RELEASE_RESERVATION, which | {"now": at}).first()
        if released is None:
            return None
        for window in released.windows.split():
            self._connection.change(
                sql.ADD_USAGE,
                {
                    "of_channel": released.channel,
                    "of_currency": released.currency,
                    "of_period": window,
                    "more_minor": -released.amount_minor,
                    "more": -1,
                },
            )
        return str(released.channel)
