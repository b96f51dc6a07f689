"""Ids are derived, readable, and the same again when the database is lost."""

from __future__ import annotations

import re
from hashlib import sha256
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.identity import (
    SHARDS,
    attempt_ids,
    batch_id,
    notify_token,
    payout_id,
    request_id,
    shard_of,
    shard_of_batch,
    shard_of_channel_reference,
    shard_of_payout,
    shard_of_request,
)
from tests.support.builders import an_earlier_id

TEXT = st.text(min_size=1, max_size=64)
SHARD = st.integers(0, SHARDS - 1)
OURS = {
    "po": (payout_id, shard_of_payout),
    "ba": (batch_id, shard_of_batch),
    "rq": (request_id, shard_of_request),
}
KEY = b"a key that is never rotated"


@given(app=TEXT, reference=TEXT)
def test_the_shard_is_the_first_twelve_bits_of_the_hash(app: str, reference: str) -> None:
    """Fixed for ever: first 12 bits of SHA-256(app, 0x00, reference)."""
    bits = sha256(app.encode() + b"\0" + reference.encode()).hexdigest()[:3]
    assert shard_of(app, reference) == int(bits, 16) < SHARDS


@given(shard=SHARD, uuid=st.uuids())
@pytest.mark.parametrize("kind", OURS)
def test_an_id_names_its_shard(kind: str, shard: int, uuid: UUID) -> None:
    """Any node finds the row without asking; the id has one fixed form, and is no other kind's."""
    make, shard_in = OURS[kind]
    made = make(shard, uuid)
    assert re.fullmatch(rf"{kind}_[a-z2-7]{{3}}[0-9a-v]{{26}}", made)
    assert shard_in(made) == shard
    assert [other(made) for name, (_, other) in OURS.items() if name != kind] == [None, None]


@given(first=st.uuids(), second=st.uuids(), shards=st.tuples(SHARD, SHARD))
def test_payout_ids_sort_as_their_uuids_do(first: UUID, second: UUID, shards: tuple[int, int]) -> None:
    """Time-ordered UUIDs give time-ordered ids, whatever their shards: inserts stay at the index's end."""
    one, another = payout_id(shards[0], first), payout_id(shards[1], second)
    assert (one < another) == ((first.bytes, shards[0]) < (second.bytes, shards[1]))


@given(shard=SHARD, uuid=st.uuids())
@pytest.mark.parametrize("kind", OURS)
def test_an_id_of_the_earlier_form_names_its_shard(kind: str, shard: int, uuid: UUID) -> None:
    """Apps keep ids for years: those that led with the shard are found as before; none is taken for one of today."""
    make, shard_in = OURS[kind]
    made = an_earlier_id(kind, shard, uuid)
    assert shard_in(made) == shard
    assert made < make(shard, uuid)


@given(app=TEXT, reference=TEXT, channel=TEXT, ordinal=st.integers(1, 9))
def test_attempt_ids_are_derived(app: str, reference: str, channel: str, ordinal: int) -> None:
    """The same order gets the same ids again (R5), in the form every channel takes; the UETR is a version-4 UUID."""
    ids = attempt_ids(KEY, app, reference, channel, ordinal)
    assert ids == attempt_ids(KEY, app, reference, channel, ordinal)
    assert re.fullmatch(r"[A-Z2-7]{26}", ids.channel_reference)
    assert shard_of_channel_reference(ids.channel_reference) == shard_of(app, reference)
    assert UUID(ids.uetr).version == 4
    assert ids.uetr == ids.uetr.lower()


def test_whatever_differs_gives_another_id() -> None:
    """App, reference, channel, ordinal and key each make another id."""
    same = (KEY, "app", "reference", "channel", 1)
    others = [
        (b"other key", "app", "reference", "channel", 1),
        (KEY, "app2", "reference", "channel", 1),
        (KEY, "app", "reference2", "channel", 1),
        (KEY, "app", "reference", "channel2", 1),
        (KEY, "app", "reference", "channel", 2),
        (KEY, "app\0reference", "", "channel", 1),
    ]
    made = {attempt_ids(*each).channel_reference for each in [same, *others]}
    assert len(made) == len(others) + 1


@given(st.text(max_size=40))
def test_what_is_not_ours_has_no_shard(text: str) -> None:
    """A foreign or malformed id is answered with None, never with an error."""
    if not re.fullmatch(r"po_[a-z2-7]{3}[0-9a-v]{26}", text):
        assert shard_of_payout(text) is None
    if not re.fullmatch(r"[A-Z2-7]{26}", text):
        assert shard_of_channel_reference(text) is None


def test_a_notify_token_belongs_to_one_channel() -> None:
    """Known to that channel only, and the same after every restart."""
    assert notify_token(KEY, "bank") == notify_token(KEY, "bank")
    assert len({notify_token(KEY, "bank"), notify_token(KEY, "wechat"), notify_token(b"other", "bank")}) == 3
