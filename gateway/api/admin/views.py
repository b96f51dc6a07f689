"""What people are shown: built from explicit lists of fields. No beneficiary, no token, no hash of one."""

from __future__ import annotations

from datetime import datetime

from gateway.domain.principal import Principal
from gateway.domain.review import Request
from gateway.domain.status import status
from gateway.domain.view import money_view, timestamp
from gateway.operations.principals import Issued, Listed
from gateway.store.records import UnderReview

Json = dict[str, object]


def moment(at: datetime | None) -> str | None:
    """A time as it is shown, or none."""
    return None if at is None else timestamp(at)


def principal_view(person: Principal) -> Json:
    return {
        "object": "principal",
        "name": person.name,
        "role": str(person.role),
        "active": person.active,
        "created_at": timestamp(person.created_at),
        "created_by": person.created_by,
        "confirmed_at": moment(person.confirmed_at),
        "confirmed_by": person.confirmed_by,
        "revoked_at": moment(person.revoked_at),
        "revoked_by": person.revoked_by,
    }


def listed_view(listed: Listed, now: datetime) -> Json:
    """A person, with when a token was last used and until when the newest is good."""
    valid = [token for token in listed.tokens if token.valid_at(now)]
    uses = [token.last_used_at for token in listed.tokens if token.last_used_at is not None]
    return {
        **principal_view(listed.principal),
        "last_used_at": moment(max(uses, default=None)),
        "has_token": bool(valid),
        "token_expires_at": moment(valid[-1].expires_at) if valid else None,
    }


def issued_view(issued: Issued) -> Json:
    """The one answer that shows a token."""
    return {
        **principal_view(issued.principal),
        "token": issued.token,
        "token_expires_at": moment(issued.expires_at),
    }


def request_view(request: Request) -> Json:
    return {
        "object": "request",
        "id": request.id,
        "kind": str(request.kind),
        "payout_id": request.payout_id,
        "reason": request.reason,
        "evidence_sha256": request.evidence_sha256,
        "made_by": request.made_by,
        "made_at": timestamp(request.made_at),
        "state_hash": request.state_hash,
        "expires_at": timestamp(request.expires_at),
        "approved_by": request.approved_by,
        "approved_at": moment(request.approved_at),
        "withdrawn_at": moment(request.withdrawn_at),
    }


def held_view(held: UnderReview, now: datetime) -> Json:
    payout = held.payout
    current = payout.current_attempt
    return {
        "payout_id": payout.id,
        "app": payout.app,
        "reference": payout.reference,
        "amount": money_view(payout.amount),
        "status": str(status(payout)),
        "channel": current.channel if current else None,
        "why": held.why,
        "frozen": payout.frozen,
        "since": timestamp(held.since),
        "age_s": max(0, int((now - held.since).total_seconds())),
    }
