"""The key ring and the back-off, without a server."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from gateway.api.backoff import ADDRESS_BURST, ADDRESS_REFILL_PER_S, BURST, REFILL_PER_S, SOURCES_MAX, Backoff
from gateway.api.keys import KeyRecord, KeyRing, Scope, bearer_record
from gateway.api.signed_request import Algorithm

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SCOPES = frozenset({Scope.QUERY})


def record(key_id: str, app: str, material: bytes, **validity: datetime) -> KeyRecord:
    return KeyRecord(key_id, app, Algorithm.HMAC_SHA256, material, SCOPES, **validity)


def test_validity_is_half_open() -> None:
    """Valid from not_before, no longer at not_after."""
    key = record("a", "shop", b"x", not_before=NOW, not_after=NOW + timedelta(hours=1))
    assert [key.valid_at(NOW + timedelta(minutes=minutes)) for minutes in (-1, 0, 59, 60)] == [False, True, True, False]


def test_ring_refuses_what_is_ambiguous() -> None:
    """Two keys of one id, or one key in two apps, would not say who is calling."""
    with pytest.raises(ValueError, match="two keys"):
        KeyRing([record("a", "shop", b"x"), record("a", "shop", b"y")])
    with pytest.raises(ValueError, match="two apps"):
        KeyRing([record("a", "shop", b"x"), record("b", "rival", b"x")])


def test_bearer() -> None:
    """A test key is found by its hash; a signing key's material is never a test key."""
    ring = KeyRing([record("a", "shop", b"x"), bearer_record("t", "shop", b"test_1", SCOPES)])
    found = ring.bearer(b"test_1")
    assert found is not None
    assert found.id == "t"
    assert ring.bearer(b"test_2") is None
    assert ring.bearer(b"x") is None


def test_material_is_not_shown() -> None:
    """A record prints without its key."""
    assert "hush" not in repr(record("a", "shop", b"hush"))


def test_backoff_drains() -> None:
    """A burst fills it, time drains it, and each source has its own."""
    backoff = Backoff()
    assert all(backoff.note_refusal("1.2.3.4", "k", 0.0) for _ in range(BURST))
    assert not backoff.note_refusal("1.2.3.4", "k", 0.0)
    assert backoff.note_refusal("1.2.3.4", "other", 0.0)
    assert backoff.note_refusal("4.3.2.1", "k", 0.0)
    assert backoff.note_refusal("1.2.3.4", "k", 1 / REFILL_PER_S)


def test_another_key_id_each_time_meets_the_bound_of_the_address() -> None:
    """Inventing key ids, or naming none, is no way around it; and no other address pays for it."""
    backoff = Backoff()
    ids = [str(number) if number % 2 else "" for number in range(ADDRESS_BURST)]
    assert all(backoff.note_refusal("1.2.3.4", key_id, 0.0) for key_id in ids)
    assert not backoff.note_refusal("1.2.3.4", "fresh", 0.0)
    assert not backoff.note_refusal("1.2.3.4", "", 0.0)
    assert backoff.note_refusal("4.3.2.1", "fresh", 0.0)
    assert backoff.note_refusal("1.2.3.4", "fresh", 1 / ADDRESS_REFILL_PER_S)


def test_backoff_is_bounded() -> None:
    """However many sources there are, memory is not theirs to fill: the one not seen for longest goes."""
    backoff = Backoff()
    first, last = 0, SOURCES_MAX + 9
    for number in range(SOURCES_MAX + 10):
        for _ in range(BURST if number in (first, last) else 1):
            backoff.note_refusal(str(number), "k", 0.0)
    assert not backoff.note_refusal(str(last), "k", 0.0)
    assert backoff.note_refusal(str(first), "k", 0.0)
    assert [len(buckets._levels) for buckets in (backoff._keys, backoff._addresses)] == [SOURCES_MAX, SOURCES_MAX]
