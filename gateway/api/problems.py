"""The one table from what went wrong to the RFC 9457 problem an app is given (docs/api.md, "Errors").

`type` is the path of a page that this server answers with the cause and the fix, drawn from the same table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from gateway.domain.archived import PayoutArchived
from gateway.domain.errors import (
    AlreadyFinal,
    CommitUnknown,
    EndpointRefused,
    IdempotencyKeyReused,
    NotFound,
    NotRetryable,
    PaymuxError,
    ReferenceReused,
    RequestRefused,
    StaleWrite,
    StoreUnavailable,
    TransitionRefused,
)

Json = dict[str, object]

ERRORS_MAX = 100
"""How many faults one answer lists; a request with more is garbage, and its echo would be, too."""


class Code(StrEnum):
    """Every problem this API can answer with. Stable: apps branch on it."""

    BAD_REQUEST = "bad_request"
    DUPLICATE_HEADER = "duplicate_header"
    INVALID_JSON = "invalid_json"
    INVALID_REQUEST = "invalid_request"
    UNAUTHORIZED = "unauthorized"
    SCOPE_MISSING = "scope_missing"
    FORBIDDEN = "forbidden"
    ROLE_MISSING = "role_missing"
    NOT_FOUND = "not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    REQUEST_TIMEOUT = "request_timeout"
    REFERENCE_REUSED = "reference_reused"
    PAYOUT_ARCHIVED = "payout_archived"
    IDEMPOTENCY_KEY_REUSED = "idempotency_key_reused"
    NOT_CANCELABLE = "not_cancelable"
    QUOTE_EXPIRED = "quote_expired"
    NOT_RETRYABLE = "not_retryable"
    ENDPOINT_REFUSED = "endpoint_refused"
    TRANSITION_REFUSED = "transition_refused"
    REQUEST_REFUSED = "request_refused"
    BODY_TOO_LARGE = "body_too_large"
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type"
    RATE_LIMITED = "rate_limited"
    QUOTA_EXCEEDED = "quota_exceeded"
    INTERNAL_ERROR = "internal_error"
    COMMIT_UNKNOWN = "commit_unknown"
    UNAVAILABLE = "unavailable"
    OVERLOADED = "overloaded"


@dataclass(frozen=True, slots=True)
class Kind:
    """What is said of a problem: its HTTP status, its name, why it happens and what to do."""

    status: int
    title: str
    cause: str
    fix: str
    headers: tuple[tuple[str, str], ...] = ()


PROBLEMS: dict[Code, Kind] = {
    Code.BAD_REQUEST: Kind(
        400,
        "The request is not well-formed HTTP for this API",
        "The framing, the request target, the HTTP version, an Expect or Upgrade header, or a body where none belongs.",
        "Send plain HTTP/1.1 with a path that starts with a slash; `detail` names what was refused.",
    ),
    Code.DUPLICATE_HEADER: Kind(
        400,
        "A header that decides something was sent twice",
        "With two values, you and a proxy between us could each believe another one.",
        "Send the header named in `detail` once.",
    ),
    Code.INVALID_JSON: Kind(
        400,
        "The body is not acceptable JSON",
        "It is not strict UTF-8 JSON: a syntax error, a duplicate key, NaN or Infinity, a number out of all range, "
        "a byte order mark, or more than eight levels.",
        "Serialise the body with an ordinary JSON library; `errors` names what was found.",
    ),
    Code.INVALID_REQUEST: Kind(
        400,
        "The request has faults",
        "One or more fields or query parameters are missing, unknown, or out of their bounds. Nothing was stored.",
        "`errors` lists all of them at once, each with a JSON pointer (or `?name` for a query parameter) and a "
        "code. Correct them and send the request again, with the same reference.",
    ),
    Code.UNAUTHORIZED: Kind(
        401,
        "Who is calling could not be verified",
        "The Authorization header is missing or malformed, the key is unknown or not valid now, the signature does "
        "not fit these bytes, the timestamp is more than 300 s off, or the nonce was used before. Which of these "
        "it was is not told.",
        "Sign METHOD, raw path and query, timestamp, nonce and the raw body, each followed by a line feed, exactly "
        "as they are sent; take a fresh nonce for each try; check the clock.",
        (("WWW-Authenticate", "PAYMUX-ED25519, PAYMUX-HMAC-SHA256"),),
    ),
    Code.SCOPE_MISSING: Kind(
        403,
        "The key may not do this",
        "The key is valid, but the scope this call needs (submit, query, cancel or callbacks) is not among its scopes.",
        "Use a key that has the scope, or ask the operator to add it.",
    ),
    Code.FORBIDDEN: Kind(
        403,
        "The key may not be used here",
        "The key is valid, but its app is switched off, or it is kept to addresses that this one is not among.",
        "Call from an allowed address, or ask the operator; `detail` says which of the two it is.",
    ),
    Code.ROLE_MISSING: Kind(
        403,
        "Your role may not do this",
        "The token is valid, but what this call does is not among the rights of its person's role.",
        "Ask somebody whose role may; docs/operations.md lists what each one is for.",
    ),
    Code.NOT_FOUND: Kind(
        404,
        "There is no such thing here",
        "The path is not one of ours, or what it names does not exist for this app (a foreign one is not there).",
        "Check path and id. After a lost answer, do not conclude from this that nothing was accepted: repeat the "
        "POST with the same reference.",
    ),
    Code.METHOD_NOT_ALLOWED: Kind(
        405,
        "This path does not take that method",
        "The path exists; the method is not one of those in the Allow header.",
        "Use a method of the Allow header. X-HTTP-Method-Override is not honoured.",
    ),
    Code.REQUEST_TIMEOUT: Kind(
        408,
        "The body did not arrive in time",
        "A request body must be here whole within 5 seconds, a batch within 60. Nothing was stored.",
        "Send the request again, with the same reference.",
    ),
    Code.REFERENCE_REUSED: Kind(
        409,
        "The reference belongs to other content",
        "A reference is unique per app for ever, and this one was used with other content. Nothing was changed.",
        "If it is the same order, send the same content: you are given the payout as it is now. If it is a new "
        "order, give it a new reference.",
    ),
    Code.PAYOUT_ARCHIVED: Kind(
        410,
        "The payout has ended long ago and was archived",
        "Half a year or more after its end a payout is moved out of the gateway with its history. How it ended is "
        "still known; attempts, timeline and decision are not, and nothing can be done with it any more.",
        "Read the payout itself: it answers with its final status and `archived_at`. For its history ask the operator, "
        "who has the archive.",
    ),
    Code.IDEMPOTENCY_KEY_REUSED: Kind(
        409,
        "The Idempotency-Key belongs to another request",
        "The same key came with this call and other content within the last 30 days. Nothing was changed.",
        "If it is the same request, send the same content. If it is a new one, give it a new key.",
    ),
    Code.NOT_CANCELABLE: Kind(
        409,
        "The payout has ended and cannot be canceled",
        "It is paid, failed or returned already.",
        "Read the payout; its status says how it ended.",
    ),
    Code.QUOTE_EXPIRED: Kind(
        409,
        "The quote has expired",
        "An order came with a `quote_id` after the quote's `expires_at`. Nothing was stored.",
        "Ask for a new quote and order with it, or order without one; the reference is still free.",
    ),
    Code.NOT_RETRYABLE: Kind(
        409,
        "The payout cannot be ordered again",
        "It has not failed, people are looking at it or ended it, it failed for a reason that stays, or it was ordered "
        "again already: `errors` has the code. Nothing was changed.",
        "Read the payout. If it was ordered again, `retried_as` names the new one: follow that.",
    ),
    Code.ENDPOINT_REFUSED: Kind(
        409,
        "That cannot be done with the callback endpoint",
        "It stands in the operator's configuration and is changed there (`configured`), another one has its URL "
        "(`same_url`), there are as many as may be (`too_many`), or its keys were rotated several times just now "
        "(`too_many_keys`): `errors` has the code. Nothing was changed.",
        "List your endpoints. Delete one that is not needed, or ask the operator about one of the configuration; a key "
        "that is over no longer counts.",
    ),
    Code.TRANSITION_REFUSED: Kind(
        409,
        "The sandbox cannot do that now",
        "Nothing of the payout is at a channel, its channel cannot be steered by this call, or its books do not allow "
        "it: `detail` says which.",
        "Read the payout and its attempts; wait until a channel has its order, or use that sandbox's control surface.",
    ),
    Code.REQUEST_REFUSED: Kind(
        409,
        "As things stand this cannot be done",
        "A person on the admin listener asked for, or approved, what the rules of two people do not allow now: the "
        "same person twice, a payout whose state has changed, one that is not held. Nothing was changed.",
        "`errors` names the rule. Look at the payout again; ask anew where that makes sense, or let another person "
        "approve.",
    ),
    Code.BODY_TOO_LARGE: Kind(
        413,
        "The body is too large",
        "A request body may have 64 KiB; a batch 1 MiB, as CSV 8 MiB; a channel's notification 1 MiB.",
        "Send less: the fields have bounds of their own.",
    ),
    Code.UNSUPPORTED_MEDIA_TYPE: Kind(
        415,
        "The body is of a type that is not taken here",
        "The Content-Type is missing or not application/json in UTF-8 (a batch may be text/csv), or the body has a "
        "Content-Encoding.",
        "Send `Content-Type: application/json` and an uncompressed body.",
    ),
    Code.RATE_LIMITED: Kind(
        429,
        "Too many refused signatures",
        "This address sent many requests under this key id whose signature was refused.",
        "Correct the signature, wait as long as Retry-After says, and try again.",
        (("Retry-After", "5"),),
    ),
    Code.QUOTA_EXCEEDED: Kind(
        429,
        "The key is over its limits",
        "More requests a second, or more at once, than the operator allows this key: `RateLimit-Policy` says how many "
        "that is, `RateLimit` how many are left. Or as many of the app's payouts wait for a channel as may: `detail` "
        "says so. Nothing was stored.",
        "Send the request again, with the same reference, after as many seconds as Retry-After says; spread requests "
        "out, and let no more run at once than `concurrent` says.",
    ),
    Code.INTERNAL_ERROR: Kind(
        500,
        "A fault of ours",
        "Something failed that must not fail. The details are in our log under the request id.",
        "Repeat the request with the same reference; if it persists, tell the operator the request id.",
    ),
    Code.COMMIT_UNKNOWN: Kind(
        500,
        "It is not known whether this was stored",
        "The database failed while it was committing: your request was stored, or it was not.",
        "Repeat the same reference with the same content until you get another answer. Never take a new reference "
        "for the same money.",
        (("Retry-After", "1"),),
    ),
    Code.UNAVAILABLE: Kind(
        503,
        "Nothing was stored; try again shortly",
        "The database cannot be reached or is full, or the gateway is stopping.",
        "Repeat the request with the same reference after as many seconds as Retry-After says.",
        (("Retry-After", "1"),),
    ),
    Code.OVERLOADED: Kind(
        503,
        "There is more to do than can be done at once",
        "The gateway takes in no more than it can store in about a second, and shares that between its apps; nor more "
        "than may wait for a channel, and then `detail` says so. Nothing was stored.",
        "Repeat the request with the same reference after as many seconds as Retry-After says, and a little longer "
        "each time.",
    ),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with a request; `detail` never repeats what was sent."""

    pointer: str
    """A JSON pointer into the body, or `?name` for a query parameter."""
    code: str
    detail: str


class Refused(Exception):
    """A request that is answered with a problem. Raised anywhere in the API, answered in one place."""

    def __init__(
        self,
        code: Code,
        detail: str | None = None,
        faults: Sequence[Fault] = (),
        headers: tuple[tuple[str, str], ...] = (),
    ) -> None:
        super().__init__(code)
        self.code = code
        self.detail = detail
        self.faults = tuple(faults[:ERRORS_MAX])
        self.headers = (*PROBLEMS[code].headers, *headers)

    @property
    def status(self) -> int:
        return PROBLEMS[self.code].status


_DOMAIN: dict[type[PaymuxError], Code] = {
    NotFound: Code.NOT_FOUND,
    ReferenceReused: Code.REFERENCE_REUSED,
    PayoutArchived: Code.PAYOUT_ARCHIVED,
    IdempotencyKeyReused: Code.IDEMPOTENCY_KEY_REUSED,
    AlreadyFinal: Code.NOT_CANCELABLE,
    NotRetryable: Code.NOT_RETRYABLE,
    EndpointRefused: Code.ENDPOINT_REFUSED,
    TransitionRefused: Code.TRANSITION_REFUSED,
    RequestRefused: Code.REQUEST_REFUSED,
    CommitUnknown: Code.COMMIT_UNKNOWN,
    StoreUnavailable: Code.UNAVAILABLE,
    StaleWrite: Code.UNAVAILABLE,
}

_WITH_A_CODE = (RequestRefused, NotRetryable, EndpointRefused)
_TOLD = (ReferenceReused, AlreadyFinal, TransitionRefused, PayoutArchived)
"""Errors whose text speaks of the app's own payout and is passed on."""


def refusal(error: PaymuxError) -> Refused:
    """What an app is told of a domain error; one that has no row is a fault of ours."""
    code = next((_DOMAIN[kind] for kind in type(error).__mro__ if kind in _DOMAIN), Code.INTERNAL_ERROR)
    faults = [Fault("", error.code, error.detail)] if isinstance(error, _WITH_A_CODE) else []
    return Refused(code, str(error) if isinstance(error, _TOLD) else None, faults)


def document(refused: Refused, request_id: str) -> Json:
    """The problem document of RFC 9457, with our `code`, `errors` and `request_id`."""
    kind = PROBLEMS[refused.code]
    told: Json = {
        "type": f"/problems/{refused.code}",
        "title": kind.title,
        "status": kind.status,
        "code": str(refused.code),
        "errors": [{"pointer": fault.pointer, "code": fault.code, "detail": fault.detail} for fault in refused.faults],
        "request_id": request_id,
    }
    return told if refused.detail is None else {**told, "detail": refused.detail}
