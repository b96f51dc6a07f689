"""`paymux callback`: what an app was told of a payout, and telling it once more."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

from cyclopts import App

from gateway.cli.client import Json, Me, Reach, ask, show, spoken, token_of
from gateway.cli.payout_words import PAYOUTS, callback_lines, path_of

_REACH, _ME = Reach(), Me()

callback = App(name="callback", help="What apps were told, and telling them once more.")


@callback.command
def ls(which: str, /, *, me: Me = _ME, reach: Reach = _REACH) -> None:
    """The callbacks of one payout, each with what became of it.

    Example: `python -m gateway callback ls acme/withdrawal-1 --token-file ada.token`

    Parameters
    ----------
    which
        The payout's id, or APP/REFERENCE.
    """
    with spoken(reach):
        answer = ask(reach, token_of(me), "GET", path_of(which))
        show(reach, {"id": answer["id"], "callbacks": answer["callbacks"]}, _listed)


@callback.command
def redeliver(payout_id: str, event_id: str, /, *, me: Me = _ME, reach: Reach = _REACH) -> None:
    """Send an event again to every endpoint, whatever became of it before. It keeps its id, so apps know it.

    Example: `python -m gateway callback redeliver po_… evt_… --token-file ada.token`

    Parameters
    ----------
    payout_id
        Whose event.
    event_id
        Which; `callback ls` lists them.
    """
    with spoken(reach):
        path = f"{PAYOUTS}/{quote(payout_id, safe='')}/events/{quote(event_id, safe='')}/redeliver"
        show(reach, ask(reach, token_of(me), "POST", path), _due)


def _listed(answer: Json) -> Iterator[str]:
    yield f"{answer['id']}:"
    yield from callback_lines(answer)
    if not answer["callbacks"]:
        yield "  no callbacks: its app has no endpoint, or nothing was to be told yet"


def _due(answer: Json) -> Iterator[str]:
    for each in answer["data"]:
        yield f"{each['event_id']} is due now at {each['endpoint']}"
