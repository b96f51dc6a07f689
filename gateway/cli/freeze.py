"""`paymux freeze`: payouts whose channel contradicted itself, and taking the freeze off (R14)."""

from __future__ import annotations

from cyclopts import App

from gateway.cli.client import Me, Reach, ask, show, spoken, token_of
from gateway.cli.hold import HOLDS, held
from gateway.cli.payout import request
from gateway.domain.review import RequestKind

_REACH, _ME = Reach(), Me()

freeze = App(name="freeze", help="Payouts that are frozen because a channel contradicted itself.")


@freeze.command
def ls(*, me: Me = _ME, reach: Reach = _REACH) -> None:
    """Payouts that are frozen, the longest waiting first.

    Example: `python -m gateway freeze ls --token-file ada.token`
    """
    with spoken(reach):
        answer = ask(reach, token_of(me), "GET", HOLDS)
        show(reach, {"data": [each for each in answer["data"] if each["frozen"]]}, held)


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
