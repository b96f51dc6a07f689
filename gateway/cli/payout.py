"""`paymux payout`: look at one, and what two people decide about it. One asks, another approves (R20)."""

from __future__ import annotations

import base64
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from gateway.cli.client import Json, Me, Misused, Reach, ask, part, spoken, token_of
from gateway.cli.client import show as present
from gateway.cli.payout_words import PAYOUTS, erased, found, history, path_of, whole
from gateway.domain.beneficiary import BeneficiaryKind
from gateway.domain.review import EVIDENCE_BYTES_MAX, RequestKind

REQUESTS = "/admin/v1/requests"

_REACH, _ME = Reach(), Me()

payout = App(name="payout", help="Look at payouts, and decide about them: one person asks, another one approves.")


@payout.command
def show(which: str, /, *, me: Me = _ME, reach: Reach = _REACH) -> None:
    """One payout with its attempts, what the channels said, its incidents and callbacks.

    Example: `python -m gateway payout show acme/withdrawal-1 --token-file ada.token`

    Parameters
    ----------
    which
        The payout's id, or APP/REFERENCE.
    """
    with spoken(reach):
        present(reach, ask(reach, token_of(me), "GET", path_of(which)), whole)


@payout.command
def timeline(which: str, /, *, me: Me = _ME, reach: Reach = _REACH) -> None:
    """Everything that happened to one payout, oldest first: who did it, and what was heard.

    Example: `python -m gateway payout timeline acme/withdrawal-1 --token-file ada.token`

    Parameters
    ----------
    which
        The payout's id, or APP/REFERENCE.
    """
    with spoken(reach):
        present(reach, ask(reach, token_of(me), "GET", path_of(which)), history)


@payout.command
def resolve(
    payout_id: str,
    /,
    *,
    paid: Annotated[bool, Parameter(negative="--not-paid")],
    evidence: Path,
    reason: str,
    me: Me = _ME,
    reach: Reach = _REACH,
) -> None:
    """Ask to end a payout whose outcome the channel does not tell: it was paid, or it was not.

    Nothing happens until another person says `payout approve`. "Not paid" ends the payout failed; it is never tried
    again by itself.

    Example: `python -m gateway payout resolve po_… --not-paid --evidence letter.pdf --reason "the bank's letter"`

    Parameters
    ----------
    payout_id
        Which payout.
    paid
        What you have established.
    evidence
        A file that shows it: a statement line, a letter. At most 1 MiB; kept sealed, and its SHA-256 in the history.
    reason
        Why, in words. It stands in the history; name no payee in it.
    """
    with spoken(reach):
        kind = RequestKind.RESOLVE_PAID if paid else RequestKind.RESOLVE_NOT_PAID
        request(reach, me, kind, payout_id, reason, read_evidence(evidence))


@payout.command
def approve(request_id: str, /, *, me: Me = _ME, reach: Reach = _REACH) -> None:
    """Approve what another person asked for. It is done with that, if the payout is still as it was.

    Example: `python -m gateway payout approve rq_… --token-file bob.token`

    Parameters
    ----------
    request_id
        Which request; `payout requests` lists them.
    """
    with spoken(reach):
        present(reach, ask(reach, token_of(me), "POST", f"{_path(request_id)}/approve"), _request)


@payout.command
def withdraw(request_id: str, /, *, me: Me = _ME, reach: Reach = _REACH) -> None:
    """Take a request back.

    Example: `python -m gateway payout withdraw rq_… --token-file ada.token`

    Parameters
    ----------
    request_id
        Which request.
    """
    with spoken(reach):
        present(reach, ask(reach, token_of(me), "POST", f"{_path(request_id)}/withdraw"), _request)


@payout.command
def requests(*, me: Me = _ME, reach: Reach = _REACH) -> None:
    """The requests that wait for approval.

    Example: `python -m gateway payout requests --token-file bob.token`
    """
    with spoken(reach):
        present(reach, ask(reach, token_of(me), "GET", REQUESTS), _requests)


@payout.command
def find(
    account: str | None = None,
    /,
    *,
    kind: Annotated[BeneficiaryKind, Parameter(name="--type")] = BeneficiaryKind.BANK_ACCOUNT,
    me: Me = _ME,
    reach: Reach = _REACH,
) -> None:
    """The payouts to one account, of all apps, newest first: a hundred at most.

    Example: `python -m gateway payout find --token-file ada.token < account`

    Parameters
    ----------
    account
        An account number or an openid; without it, it is read from standard input, so that no shell's history has it.
    kind
        What it is: bank_account or wechat.
    """
    with spoken(reach):
        wanted: Json = {"type": str(kind), "account": account or sys.stdin.readline().strip()}
        present(reach, ask(reach, token_of(me), "POST", f"{PAYOUTS}/search", wanted), found)


@payout.command
def erase(payout_id: str, /, *, reason: str, me: Me = _ME, reach: Reach = _REACH) -> None:
    """Erase whom an ended payout was for, for good: account, name, metadata, free text, and what the channel said.

    The books stay: amounts, times, ids, states. Refused before it has ended, and before its app was told so.

    Example: `python -m gateway payout erase po_… --reason "asked for by the payee" --token-file bob.token`

    Parameters
    ----------
    payout_id
        Which payout.
    reason
        Why, in words. It stands in the audit; name no payee in it.
    """
    with spoken(reach):
        path = f"{PAYOUTS}/{part(payout_id, 'a payout', '_')}/erase"
        present(reach, ask(reach, token_of(me), "POST", path, {"reason": reason}), erased)


def request(
    reach: Reach, me: Me, kind: RequestKind, payout_id: str | None, reason: str, evidence: bytes | None = None
) -> None:
    """Ask for something that takes two, and show what was put on record."""
    body: Json = {"kind": str(kind), "reason": reason}
    if payout_id is not None:
        body["payout_id"] = payout_id
    if evidence is not None:
        body["evidence"] = base64.b64encode(evidence).decode()
    present(reach, ask(reach, token_of(me), "POST", REQUESTS, body), _request)


def read_evidence(path: Path) -> bytes:
    """The file's bytes. Raises `Misused` for one that is empty or too large."""
    with path.open("rb") as file:
        evidence = file.read(EVIDENCE_BYTES_MAX + 1)
    if not evidence or len(evidence) > EVIDENCE_BYTES_MAX:
        raise Misused(f"{path}: evidence has 1 byte to {EVIDENCE_BYTES_MAX // 1024} KiB")
    return evidence


def _path(request_id: str) -> str:
    checked = part(request_id, "a request's id", "_")
    return f"{REQUESTS}/{checked}"


# In words ----------------------------------------------------------------------------------------------------------


def _request(answer: Json) -> Iterator[str]:
    about = answer["payout_id"] or "the gateway"
    yield f"{answer['id']}: {answer['kind']} of {about}, asked for by {answer['made_by']}: {answer['reason']}"
    if answer["evidence_sha256"]:
        yield f"  evidence: SHA-256 {answer['evidence_sha256']}"
    if answer["approved_by"]:
        yield f"  approved and done, by {answer['approved_by']} at {answer['approved_at']}"
    elif answer["withdrawn_at"]:
        yield f"  withdrawn at {answer['withdrawn_at']}"
    else:
        yield f"  waits until {answer['expires_at']} for another person: payout approve {answer['id']}"


def _requests(answer: Json) -> Iterator[str]:
    for each in answer["data"]:
        yield from _request(each)
    if not answer["data"]:
        yield "nothing waits for approval"
