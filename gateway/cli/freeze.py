"""`paymux freeze`: take a freeze off a payout whose channel contradicted itself (R14)."""

from __future__ import annotations

from cyclopts import App

from gateway.cli.client import Me, Reach, spoken
from gateway.cli.payout import request
from gateway.domain.review import RequestKind

_REACH, _ME = Reach(), Me()

freeze = App(name="freeze", help="Payouts that are frozen because a channel contradicted itself.")


@freeze.command
def lift(payout_id: str, /, *, reason: str, me: Me = _ME, reach: Reach = _REACH) -> None:
    """Ask to lift a freeze. Another person approves it with `payout approve`.

    Example: `python -m gateway freeze lift po_… --reason "the bank explained it"`

    Parameters
    ----------
    payout_id
        Which payout.
    reason
        Why, in words. It stands in the history; name no payee in it.
    """
    with spoken(reach):
        request(reach, me, RequestKind.LIFT_FREEZE, payout_id, reason)
