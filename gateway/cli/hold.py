"""`paymux hold`: payouts that wait for people, and what two of them decide (R12, R20)."""

from __future__ import annotations

from collections.abc import Iterator

from cyclopts import App

from gateway.cli.client import Json, Me, Reach, ask, show, spoken, token_of
from gateway.cli.payout import request
from gateway.domain.review import RequestKind

HOLDS = "/admin/v1/holds"

_REACH, _ME = Reach(), Me()

hold = App(name="hold", help="Payouts that wait for people.")


@hold.command
def ls(*, me: Me = _ME, reach: Reach = _REACH) -> None:
    """Payouts that are held or frozen, the longest waiting first.

    Example: `python -m gateway hold ls --token-file ada.token`
    """
    with spoken(reach):
        show(reach, ask(reach, token_of(me), "GET", HOLDS), held)


@hold.command
def release(payout_id: str, /, *, reason: str, me: Me = _ME, reach: Reach = _REACH) -> None:
    """Ask to take a hold off, so that the payout goes on as it stands. Another person says `payout approve`.

    Example: `python -m gateway hold release po_… --reason "the bank answers again"`

    Parameters
    ----------
    payout_id
        Which payout.
    reason
        Why, in words. It stands in the history; name no payee in it.
    """
    with spoken(reach):
        request(reach, me, RequestKind.RELEASE, payout_id, reason)


@hold.command
def reject(payout_id: str, /, *, reason: str, me: Me = _ME, reach: Reach = _REACH) -> None:
    """Ask to end a held payout that no channel can pay any more. Another person says `payout approve`.

    One that a channel may still pay is refused here: `payout resolve` ends it, with evidence.

    Example: `python -m gateway hold reject po_… --reason "it kills every node that looks at it"`

    Parameters
    ----------
    payout_id
        Which payout.
    reason
        Why, in words. It stands in the history; name no payee in it.
    """
    with spoken(reach):
        request(reach, me, RequestKind.REJECT, payout_id, reason)


def held(answer: Json) -> Iterator[str]:
    """Each payout that waits, a line each."""
    for each in answer["data"]:
        money, channel = each["amount"], each["channel"] or "no channel"
        kind = "frozen" if each["frozen"] else "held"
        yield (
            f"{each['payout_id']}: {kind} since {each['since']} ({each['age_s'] / 3600:.1f} h), {each['why']}; "
            f"{each['app']}/{each['reference']}, {money['value']} {money['currency']} by {channel}, {each['status']}"
        )
    if not answer["data"]:
        yield "nothing is held or frozen"
