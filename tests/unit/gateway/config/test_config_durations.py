"""Durations: a whole number and a unit, to seconds and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from gateway.config.durations import DURATION_MAX_S, parse_duration, show_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("500ms", 0.5), ("30s", 30.0), ("5m", 300.0), ("72h", 259200.0), ("366d", DURATION_MAX_S), ("007s", 7.0)],
)
def test_durations_are_seconds(text: str, seconds: float) -> None:
    """Every unit there is."""
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text",
    ["", "s", "30", "30 s", " 30s", "30s\n", "-1s", "+1s", "1.5s", "1e3s", "0s", "0ms", "367d", "9999999999s",
     "３０s", "30S", "30sec", "1h30m", 30, 0.5, True, None, ["30s"]],
)  # fmt: skip
def test_anything_else_is_refused(text: object) -> None:
    """No bare numbers, no signs, no fractions, nothing of zero length, nothing over a year."""
    with pytest.raises(PydanticCustomError):
        parse_duration(text)


@given(st.integers(1, 366 * 86400 * 1000))
def test_a_duration_is_shown_as_one_that_reads_the_same(milliseconds: int) -> None:
    """What a fault shows could stand in the file."""
    seconds = milliseconds / 1000
    text = show_duration(seconds)
    if len(text.rstrip("mshd")) <= 9:
        assert parse_duration(text) == pytest.approx(seconds, abs=1e-6)
