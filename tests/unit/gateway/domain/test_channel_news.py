"""Apps hear of a channel's trouble when it lasts, and of its end when that lasts; never of every flicker."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.domain.channel_news import DEGRADED_AFTER, RECOVERED_AFTER, News, look

START = datetime(2026, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def watched(*spells: tuple[bool, float]) -> list[tuple[float, bool]]:
    """Looks once a second through spells of (sound, seconds): when what was told."""
    news, told, second = News(), [], 0
    for sound, seconds in spells:
        for _ in range(int(seconds)):
            after = look(news, sound=sound, now=START + second * SECOND, event=f"{second}", about={"name": "alpha"})
            if after.sequence != news.sequence:
                told.append((second, after.degraded))
            news = News.from_text(after.text())
            second += 1
    return told


def test_trouble_that_lasts_is_told_and_so_is_its_end() -> None:
    """Once each, with numbers that rise, and since when it is so."""
    bad, good = DEGRADED_AFTER.total_seconds(), RECOVERED_AFTER.total_seconds()
    assert watched((True, 60), (False, 60), (True, 2 * good)) == [(60 + bad, True), (120 + good, False)]
    news = look(News(otherwise_since=START), sound=False, now=START + DEGRADED_AFTER, event="e", about={"name": "a"})
    assert (news.sequence, news.event, news.owed) == (1, "e", True)
    assert news.about == {"name": "a", "since": "2026-01-01T00:00:00.000Z"}
    assert look(news, sound=False, now=START + RECOVERED_AFTER, event="f", about={}) == news


def test_a_flicker_is_not_told() -> None:
    """Neither of a sound channel, nor, on its way back, of a bad one: the time begins anew with each break."""
    short = DEGRADED_AFTER.total_seconds() - 1
    assert watched(*((sound, short) for _ in range(20) for sound in (False, True))) == []
    calm = RECOVERED_AFTER.total_seconds() - 1
    flicker = [(sound, seconds) for _ in range(5) for sound, seconds in ((True, calm), (False, 5.0))]
    assert [degraded for _, degraded in watched((False, 60), *flicker)] == [True]


@settings(max_examples=40)
@given(st.lists(st.tuples(st.booleans(), st.integers(1, 400)), max_size=8))
def test_it_is_told_by_turns_and_not_often(spells: list[tuple[bool, int]]) -> None:
    """Whatever happens: first degraded, then recovered; and a recovery comes no sooner than its time after trouble."""
    told = watched(*spells)
    assert [degraded for _, degraded in told] == [index % 2 == 0 for index in range(len(told))]
    for (before, _), (after, degraded) in pairwise(told):
        assert after - before >= (DEGRADED_AFTER if degraded else RECOVERED_AFTER).total_seconds()


def test_nothing_is_written_for_a_sound_channel() -> None:
    """The news of a channel that was always well is the news of one that nobody looked at yet."""
    assert look(News.from_text(None), sound=True, now=START, event="e", about={}) == News()
