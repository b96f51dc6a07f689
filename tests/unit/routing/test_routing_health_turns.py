"""After a turn: news from before it do not speak of now, and probes come as often as they are worth."""

from __future__ import annotations

import pytest

from routing.health import FAILURE, SUCCESS, Health
from routing.health_book import HealthBook


def seasoned() -> Health:
    """Three hundred outcomes at 95 %, one a second."""
    health = Health.fresh()
    for at_s in range(300):
        health = health.after(FAILURE if at_s % 20 == 19 else SUCCESS, float(at_s))
    return health


def fallen(failures: int = 20) -> Health:
    """The same, and then nothing but failures."""
    health = seasoned()
    for at_s in range(300, 300 + failures):
        health = health.after(FAILURE, float(at_s))
    return health


def test_successes_from_before_the_fall_do_not_lift_it() -> None:
    """Thirty late successes of attempts sent before the outage: it stays demoted, only its normal level learns."""
    health = fallen()
    assert health.is_demoted
    late = health
    for number in range(30):
        late = late.after(SUCCESS, 400.0 + number, sent_s=200.0 + number)
    assert late.weights == health.weights
    assert late.counts[1:] == health.counts[1:]
    assert late.counts[0][0] == pytest.approx(health.counts[0][0] + 30.0)


def test_successes_sent_since_do_lift_it() -> None:
    """The same thirty, sent after the fall."""
    health = fallen()
    for number in range(30):
        health = health.after(SUCCESS, 400.0 + number, sent_s=350.0 + number)
    assert not health.is_demoted


def test_failures_from_the_outage_do_not_fell_it_again() -> None:
    """Healed by new successes; what is still heard of the outage is an old story."""
    health = fallen()
    for number in range(30):
        health = health.after(SUCCESS, 400.0 + number)
    healed = health
    for number in range(30):
        health = health.after(FAILURE, 500.0 + number, sent_s=305.0 + number)
    assert not health.is_demoted
    assert health.mean == pytest.approx(healed.mean)


def test_the_turn_is_stored() -> None:
    """A restart does not make old news new."""
    health = fallen()
    assert Health.from_json(health.as_json()).turned_s == health.turned_s == pytest.approx(305.0, abs=2.0)
    assert Health.from_json(seasoned().as_json()).turned_s == seasoned().turned_s


def test_a_brown_out_is_probed_more_often_than_an_outage() -> None:
    """A probe that risks a quarter is cheaper than one that risks everything."""
    brown = seasoned()
    for at_s in range(300, 500):
        brown = brown.after(FAILURE if at_s % 4 == 3 else SUCCESS, float(at_s))
    assert brown.is_demoted
    assert brown.probe_share(20) > 2 * fallen().probe_share(20)


def test_a_probe_is_told_by_its_own_outcome() -> None:
    """With results that come late, those of other attempts in between are not taken for the probe's."""
    book = HealthBook()
    for at_s in range(300):
        book.chose("alpha", "x")
        book.observe("alpha", "x", FAILURE if at_s % 20 == 19 else SUCCESS, float(at_s))
    for at_s in range(300, 320):
        book.chose("alpha", "x")
        book.observe("alpha", "x", FAILURE, float(at_s))
    for _ in range(100):
        book.chose("beta", "x")
    before = book.posterior("alpha", "x")
    probe = book.chose("alpha", "x")
    assert probe > 0.0
    book.observe("alpha", "x", FAILURE, 330.0, sent_s=319.0)
    book.observe("alpha", "x", SUCCESS, 340.0, probe, sent_s=330.0)
    known = book.posterior("alpha", "x")
    assert known.weights[0] > 10 * before.weights[0]
