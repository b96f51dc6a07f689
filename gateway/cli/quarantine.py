"""`paymux quarantine`: let a gateway send again that came up on a restored store (R15)."""

from __future__ import annotations

from collections.abc import Iterator

from cyclopts import App

from gateway.cli.client import Json, Me, Reach, ask, show, spoken, token_of
from gateway.cli.payout import request
from gateway.domain.review import RequestKind

_REACH, _ME = Reach(), Me()

quarantine = App(name="quarantine", help="A gateway that sends nothing new because its store was restored.")


@quarantine.command(name="show")
def show_(*, me: Me = _ME, reach: Reach = _REACH) -> None:
    """Whether new payouts are sent, and what keeps them from it.

    Example: `python -m gateway quarantine show --token-file ada.token`
    """
    with spoken(reach):
        show(reach, ask(reach, token_of(me), "GET", "/admin/v1/quarantine"), _words)


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


def _words(answer: Json) -> Iterator[str]:
    if answer["active"]:
        yield f"quarantine since {answer['since']}: {answer['why']}"
        yield f"{answer['unasked_attempts']} live attempts have not been asked about since it began"
        return
    yield "no quarantine: payouts are sent"
    if answer["ask_first_until"]:
        yield f"until {answer['ask_first_until']} every channel is asked about a payout before it is sent"
