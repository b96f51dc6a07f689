"""Cursors and query strings, without a server."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.api import cursor
from gateway.api.problems import Refused
from gateway.api.query import LIST_PARAMS, PARAMS_MAX, VERBOSE, read_query
from gateway.store.records import PayoutFilter, Position

AT = Position(datetime(2026, 1, 1, 1, 2, 3, 456789, tzinfo=UTC), "po_abc")
KEY = b"key"


@given(st.datetimes(timezones=st.just(UTC)), st.text("po_abc09", min_size=1))
def test_cursor_round_trip(created_at: datetime, payout_id: str) -> None:
    """A cursor says where the page ended, to the microsecond."""
    position = Position(created_at, payout_id)
    assert cursor.read(KEY, "shop", PayoutFilter(), cursor.make(KEY, "shop", PayoutFilter(), position)) == position


@given(st.text(max_size=100))
def test_noise_is_no_cursor(text: str) -> None:
    """Any text is refused, whatever its alphabet; nothing else escapes."""
    with pytest.raises(Refused):
        cursor.read(KEY, "shop", PayoutFilter(), text)


def test_cursor_is_opaque_and_bound() -> None:
    """Every bit counts, and so do key, app and each filter."""
    made = cursor.make(KEY, "shop", PayoutFilter(), AT)
    raw = bytearray(base64.urlsafe_b64decode(made + "=" * (-len(made) % 4)))
    for place in range(len(raw)):
        flipped = bytearray(raw)
        flipped[place] ^= 1
        with pytest.raises(Refused):
            cursor.read(KEY, "shop", PayoutFilter(), base64.urlsafe_b64encode(flipped).decode().rstrip("="))
    others = [
        PayoutFilter(statuses=frozenset({"paid"})),
        PayoutFilter(currency="CNY"),
        PayoutFilter(channel="mock"),
        PayoutFilter(reference="CNY"),
        PayoutFilter(created_gte=AT.created_at),
        PayoutFilter(created_lt=AT.created_at),
    ]
    for key, app, wanted in [(b"other", "shop", PayoutFilter()), (KEY, "rival", PayoutFilter())] + [
        (KEY, "shop", other) for other in others
    ]:
        with pytest.raises(Refused):
            cursor.read(key, app, wanted, made)


def test_values() -> None:
    """Each parameter is read as what it is."""
    values = read_query(
        "status=paid&status=failed&currency=CNY&limit=100&created_gte=2026-01-01T08:00:00.5%2B08:00&expand=timeline",
        LIST_PARAMS,
    )
    assert values == {
        "status": ["paid", "failed"],
        "currency": ["CNY"],
        "limit": [100],
        "created_gte": [datetime(2026, 1, 1, 0, 0, 0, 500_000, tzinfo=UTC)],
        "expand": [frozenset({"timeline"})],
    }
    assert values["created_gte"][0].utcoffset() == timedelta(hours=8)  # type: ignore[attr-defined]  # a datetime
    assert read_query("", LIST_PARAMS) == {}
    assert read_query("verbose", [VERBOSE]) == {"verbose": [""]}


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=101",
        "limit=01",
        "limit=1.0",
        "limit=%2B1",
        "limit=１",
        "limit=%EF%BC%91",
        "limit=",
        "limit",
        "limit=1&limit=1",
        "status=",
        "status=PAID",
        "currency=cny",
        "currency=XXX",
        "reference=a%20b",
        "reference=" + "a" * 65,
        "channel=%00",
        "created_gte=2026-01-01",
        "created_gte=2026-01-01T00:00:00",
        "created_gte=2026-01-01T00:00:00+08:00",
        "created_gte=2026-W01-1T00:00:00Z",
        "created_gte=2026-01-01T24:00:01Z",
        "expand=",
        "expand=decision",
        "expand=attempts,attempts",
        "cursor=a.b",
        "batch_id=1",
        "metadata=7",
        "metadata[]=7",
        "metadata[a%20b]=7",
        "metadata[shop=7",
        "metadata[shop]=7&metadata[shop]=8",
        "metadata[shop]=%00",
        "metadata[shop]=" + "7" * 501,
        "limit[shop]=1",
        "&",
        "limit=1&",
        "limit=%zz",
        "limit=%",
        "status=%ff",
        "=1",
        "&".join(["status=paid"] * (PARAMS_MAX + 1)),
    ],
)
def test_refused(query: str) -> None:
    """Anything else is refused, and the answer repeats no value."""
    with pytest.raises(Refused) as refused:
        read_query(query, LIST_PARAMS)
    assert refused.value.faults


def test_values_are_not_repeated() -> None:
    """A fault names the parameter, never what was sent for it."""
    with pytest.raises(Refused) as refused:
        read_query("&".join(f"{param.name}=S%20ECRET" for param in LIST_PARAMS) + "&x=SECRET", LIST_PARAMS)
    assert len(refused.value.faults) == len(LIST_PARAMS) + 1
    assert "ECRET" not in str(refused.value.faults)


def test_a_parameter_is_repeated_so_often_and_no_oftener() -> None:
    """As often as the published schema says."""
    (repeatable,) = [param for param in LIST_PARAMS if param.repeatable]
    most = repeatable.schema["maxItems"]
    assert isinstance(most, int)
    assert len(read_query("&".join(["status=paid"] * most), LIST_PARAMS)["status"]) == most
    with pytest.raises(Refused) as refused:
        read_query("&".join(["status=paid"] * (most + 1)), LIST_PARAMS)
    assert [fault.code for fault in refused.value.faults] == ["too_many"]
