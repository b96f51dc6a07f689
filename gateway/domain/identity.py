"""Who is who: shard, payout id, and the ids a channel knows an attempt by.

`channel_reference` is *derived* (R5), not drawn: app, reference, channel and the n-th attempt on this channel go into
an HMAC whose key is never rotated and is kept outside the database. Losing the database therefore invents no new id:
the same order gets the same ids again, and a channel that has seen them says so.

The shard is the first 12 bits of SHA-256(app, 0x00, reference), fixed for ever and independent of how many databases
there are. Every id names it, so that any node finds the row without asking.

Our own ids have two forms of one length and one pattern. Today's begins with the time and ends with the shard, for keys
begin with ids: payouts of one moment lie side by side, and a store that holds millions is written where it was written
last. The earlier one led with the shard. 12 bits in three characters never begin with more than a `d`; so an `e` says
which form it is.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass
from uuid import UUID

SHARDS = 4096
_DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_PAYOUT_ID = re.compile(r"po_[a-z2-7]{3}[0-9a-v]{26}")
_BATCH_ID = re.compile(r"ba_[a-z2-7]{3}[0-9a-v]{26}")
_REQUEST_ID = re.compile(r"rq_[a-z2-7]{3}[0-9a-v]{26}")
_TIMED = "e"
_ID_DIGITS = 28
"""Of base32: a UUID's 128 bits and the shard's."""
_LEADING = str.maketrans("0123456789abcdefghijklmnopqrstuv", "".join(sorted(_DIGITS.lower())))
"""The first two digits in the characters that an id may have there; both alphabets sort as their numbers do."""
_CHANNEL_REFERENCE = re.compile(r"[A-Z2-7]{26}")

PAYOUT_ID_PATTERN = f"^{_PAYOUT_ID.pattern}$"
BATCH_ID_PATTERN = f"^{_BATCH_ID.pattern}$"
BENEFICIARY_ID_PATTERN = "^be_[0-9a-v]{26}$"


def shard_of(app: str, reference: str) -> int:
    """0..4095."""
    digest = hashlib.sha256(app.encode() + b"\0" + reference.encode()).digest()
    return int.from_bytes(digest[:2], "big") >> 4


def _shard_text(shard: int) -> str:
    return "".join(_DIGITS[(shard >> shift) & 31] for shift in (10, 5, 0))


def _shard_number(text: str) -> int | None:
    high, middle, low = (_DIGITS.index(character) for character in text.upper())
    shard = (high << 10) | (middle << 5) | low
    return shard if shard < SHARDS else None


def payout_id(shard: int, uuid: UUID) -> str:
    """`po_e`, a time-ordered UUID and the shard, in base32: it sorts as the UUID does."""
    return _made("po_", shard, uuid)


def batch_id(shard: int, uuid: UUID) -> str:
    """`ba_e`, a time-ordered UUID, and the shard of its app and reference."""
    return _made("ba_", shard, uuid)


def request_id(shard: int, uuid: UUID) -> str:
    """`rq_e`, a time-ordered UUID and the shard: what two people decide about a payout lies in its shard."""
    return _made("rq_", shard, uuid)


def _made(kind: str, shard: int, uuid: UUID) -> str:
    bits = (uuid.int * SHARDS + shard) << 4  # whole bytes
    digits = base64.b32hexencode(bits.to_bytes(18, "big")).decode().lower()
    return f"{kind}{_TIMED}{digits[:2].translate(_LEADING)}{digits[2:_ID_DIGITS]}"


def beneficiary_id(uuid: UUID) -> str:
    """`be_` and a time-ordered UUID: an app's saved beneficiaries are of no payout, and of no shard."""
    return f"be_{base64.b32hexencode(uuid.bytes).decode().rstrip('=').lower()}"


def shard_of_payout(payout_id: str) -> int | None:
    """The shard a payout id names; None when it is not one of ours."""
    return _shard_in(payout_id) if _PAYOUT_ID.fullmatch(payout_id) else None


def shard_of_batch(text: str) -> int | None:
    """The shard a batch id names; None when it is not one of ours."""
    return _shard_in(text) if _BATCH_ID.fullmatch(text) else None


def shard_of_request(text: str) -> int | None:
    """The shard a request id names; None when it is not one of ours."""
    return _shard_in(text) if _REQUEST_ID.fullmatch(text) else None


def _shard_in(made: str) -> int | None:
    """Of an id of either form."""
    return int(made[-3:], 32) % SHARDS if made[3] == _TIMED else _shard_number(made[3:6])


@dataclass(frozen=True, slots=True)
class AttemptIds:
    """What a channel knows an attempt by."""

    channel_reference: str
    """26 upper-case letters and digits: the shard, then 115 bits of the HMAC."""
    uetr: str
    """The HMAC's first 128 bits as a version-4 UUID, lower case."""


def attempt_ids(key: bytes, app: str, reference: str, channel: str, ordinal: int) -> AttemptIds:
    """The ids of the `ordinal`-th attempt (from 1) of an app's reference on `channel`."""
    message = "\0".join((app, reference, channel, str(ordinal))).encode()
    mac = hmac.new(key, message, hashlib.sha256).digest()
    text = _shard_text(shard_of(app, reference)) + base64.b32encode(mac).decode()[:23]
    return AttemptIds(text, str(UUID(bytes=mac[:16], version=4)))


def notify_token(key: bytes, channel: str) -> str:
    """The secret part of the path a channel posts its notifications to: known to that channel only."""
    return hmac.new(key, b"notify\0" + channel.encode(), hashlib.sha256).hexdigest()[:40]


def shard_of_channel_reference(channel_reference: str) -> int | None:
    """The shard one of our channel references names; None when it is not of that form."""
    return _shard_number(channel_reference[:3]) if _CHANNEL_REFERENCE.fullmatch(channel_reference) else None
