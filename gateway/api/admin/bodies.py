"""The bodies of the admin API, strictly read (`gateway.api.schemas`)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Annotated

from pydantic import Field, StringConstraints

from gateway.api.problems import Code, Fault, Refused
from gateway.api.reading import Body, read
from gateway.domain.identity import PAYOUT_ID_PATTERN
from gateway.domain.principal import NAME_PATTERN
from gateway.domain.review import EVIDENCE_BYTES_MAX, NEEDS_EVIDENCE, Ask, RequestKind
from gateway.domain.role import Role

_EVIDENCE_TEXT_MAX = (EVIDENCE_BYTES_MAX + 2) // 3 * 4
REQUEST_BYTES_MAX = _EVIDENCE_TEXT_MAX + 64 * 1024
"""The evidence in base64, and everything else."""

ExpiresInDays = Annotated[int, Field(ge=1, le=3650)]


class AddPerson(Body):
    """Who is to be added, as what, and for how long the token is good; for ever if nothing is said.

    The first person of all is an admin, whatever is said.
    """

    name: Annotated[str, StringConstraints(pattern=NAME_PATTERN)]
    role: Annotated[Role, Field(strict=False)] = Role.VIEWER
    expires_in_days: ExpiresInDays | None = None


class RenewToken(Body):
    """For how long the new token is good."""

    expires_in_days: ExpiresInDays | None = None


class MakeRequest(Body):
    """What is asked for, about which payout, why, and (base64) what shows it."""

    kind: Annotated[RequestKind, Field(strict=False)]
    payout_id: Annotated[str, StringConstraints(pattern=PAYOUT_ID_PATTERN)] | None = None
    reason: Annotated[str, StringConstraints(min_length=1, max_length=500, pattern=r"\S")]
    evidence: Annotated[str, StringConstraints(max_length=_EVIDENCE_TEXT_MAX)] | None = Field(default=None, repr=False)


def expiry(days: int | None, now: datetime) -> datetime | None:
    return None if days is None else now + timedelta(days=days)


def read_ask(body: bytes) -> Ask:
    """What a person asks for. Raises `Refused` with every fault."""
    made = read(MakeRequest, body)
    evidence, faults = _decoded(made.evidence)
    faults += [Fault(f"/{name}", *_WANTED[wrong]) for name, wrong in _misfits(made)]
    if faults:
        raise Refused(Code.INVALID_REQUEST, faults=faults)
    return Ask(made.kind, made.payout_id, made.reason.strip(), evidence)


_WANTED: Mapping[bool, tuple[str, str]] = {
    True: ("missing", "this kind of request needs it"),
    False: ("unknown_field", "this kind of request is not about one payout"),
}


def _misfits(made: MakeRequest) -> Iterator[tuple[str, bool]]:
    """Fields that do not fit the kind: the name, and whether it is wanted."""
    about_a_payout = made.kind is not RequestKind.LEAVE_QUARANTINE
    if about_a_payout is (made.payout_id is None):
        yield "payout_id", about_a_payout
    if made.evidence is None and made.kind in NEEDS_EVIDENCE:
        yield "evidence", True


def _decoded(text: str | None) -> tuple[bytes | None, list[Fault]]:
    if text is None:
        return None, []
    try:
        evidence = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None, [Fault("/evidence", "bad_format", "standard base64 with its padding")]
    if not 0 < len(evidence) <= EVIDENCE_BYTES_MAX:
        return None, [Fault("/evidence", "out_of_range", f"1 to {EVIDENCE_BYTES_MAX} bytes")]
    return evidence, []
