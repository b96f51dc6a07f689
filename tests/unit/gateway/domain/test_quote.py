"""A quote's text is the quote, and its time is its time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.fingerprint import fingerprint
from gateway.domain.money import Money
from gateway.domain.quote import HONOURED_FOR, Quote
from gateway.domain.terms import Terms
from tests.support.builders import BENEFICIARY, NOW

SECONDS = st.integers(0, 2**33).map(lambda second: datetime.fromtimestamp(second, UTC))
FEES = st.lists(st.tuples(st.from_regex(r"[a-z][a-z0-9_-]{0,31}", fullmatch=True), st.integers(0, 10**15)), min_size=1)


@given(SECONDS, FEES)
def test_its_text_reads_back(at: datetime, fees: list[tuple[str, int]]) -> None:
    """Whatever channels were quoted, for whatever fees."""
    quote = Quote(at, tuple(fees))
    assert Quote.from_text(quote.text()) == quote


@pytest.mark.parametrize("text", ["", "1|", "x|alpha=1", "1|alpha", "1|alpha=x", "|alpha=1"])
def test_other_text_is_refused(text: str) -> None:
    """Nothing is made up for a text that is no quote."""
    with pytest.raises(ValueError):
        Quote.from_text(text)


def test_it_binds_until_its_end_and_a_moment_longer() -> None:
    """An order that came in time still has a minute to find its channel."""
    quote = Quote(NOW, (("alpha", 1),))
    assert quote.binds(NOW + HONOURED_FOR - timedelta(microseconds=1))
    assert not quote.binds(NOW + HONOURED_FOR)
    assert (quote.names("alpha"), quote.names("alp")) == (True, False)


def test_an_order_on_a_quote_is_another_order() -> None:
    """The same reference with another quote, or without one, is a conflict; without one it is what it always was."""

    def mark(quote: Quote | None) -> bytes:
        return fingerprint(b"k", "acme", "r", Money(1, "CNY"), BENEFICIARY, None, None, Terms(quote=quote))

    quotes = [None, Quote(NOW, (("alpha", 1),)), Quote(NOW, (("alpha", 2),)), Quote(NOW, (("beta", 1),))]
    assert len({mark(quote) for quote in quotes}) == len(quotes)
    assert mark(None) == fingerprint(b"k", "acme", "r", Money(1, "CNY"), BENEFICIARY, None, None)
