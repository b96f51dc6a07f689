"""The audit's chain: sound as it was written, broken wherever anything was changed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.audit import GENESIS, Act, Deed, Line, after, link, verify

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def chain(length: int) -> list[Line]:
    lines: list[Line] = []
    for number in range(length):
        deed = Deed(NOW + timedelta(seconds=number), "person:ada", Act.OVERRIDE_SET, "alpha", {"n": number, "to": None})
        lines.append(after(lines[-1] if lines else None, deed))
    return lines


@given(st.integers(0, 20))
def test_a_chain_as_written_holds(length: int) -> None:
    """Every line counts, and the head is the last line's hash."""
    lines = chain(length)
    found = verify(lines)
    assert (found.lines, found.broken_at) == (length, None)
    assert found.head == (lines[-1].hash if lines else GENESIS)


BENT = {
    "at": lambda deed: replace(deed, at=deed.at + timedelta(microseconds=1)),
    "actor": lambda deed: replace(deed, actor="person:eve"),
    "act": lambda deed: replace(deed, act=Act.OVERRIDE_LIFTED),
    "subject": lambda deed: replace(deed, subject="beta"),
    "detail": lambda deed: replace(deed, detail={**deed.detail, "n": -1}),
}


@given(st.integers(1, 12), st.data(), st.sampled_from(sorted(BENT)), st.booleans())
def test_a_changed_line_is_found(length: int, data: st.DataObject, what: str, rehashed: bool) -> None:
    """Whatever of it was changed, and though its own hash was made anew: then the next line gives it away."""
    lines = chain(length + 1)
    place = data.draw(st.integers(0, length - 1))
    deed = BENT[what](lines[place].deed)
    before = lines[place - 1].hash if place else GENESIS
    own = link(before, place + 1, deed) if rehashed else lines[place].hash
    lines[place] = Line(place + 1, deed, own)
    assert verify(lines).broken_at == place + 1 + rehashed


@given(st.integers(2, 12), st.data())
def test_a_line_taken_out_is_found(length: int, data: st.DataObject) -> None:
    """Wherever it stood, but for the end: the head in the log tells of that."""
    lines = chain(length)
    place = data.draw(st.integers(0, length - 2))
    del lines[place]
    assert verify(lines).broken_at == place + 1


def test_a_cut_off_end_shows_in_the_head() -> None:
    """The chain holds, and its head is not the one that was noted elsewhere."""
    lines = chain(5)
    assert verify(lines[:-1]).broken_at is None
    assert verify(lines[:-1]).head != verify(lines).head
