"""`paymux quarantine`: let a gateway send again that came up on a restored store (R15)."""

from __future__ import annotations

from cyclopts import App

from gateway.cli.client import Me, Reach, spoken
from gateway.cli.payout import request
from gateway.domain.review import RequestKind

_REACH, _ME = Reach(), Me()

quarantine = App(name="quarantine", help="A gateway that sends nothing new because its store was restored.")


@quarantine.command
def leave(*, reason: str, me: Me = _ME, reach: Reach = _REACH) -> None:
    """Ask to leave quarantine. Another person approves it with `payout approve`.

    Example: `python -m gateway quarantine leave --reason "all statements compared"`

    Parameters
    ----------
    reason
        Why, in words: what was compared, by whom.
    """
    with spoken(reach):
        request(reach, me, RequestKind.LEAVE_QUARANTINE, None, reason)
