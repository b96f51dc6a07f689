"""The posterior: it learns, it forgets on evidence of change, it finds back, it merges, and it is deterministic."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.beneficiary import BeneficiaryKind
from routing.health import FAILURE, SUCCESS, UNKNOWN, Evidence, Health, HealthTuning, merge
from routing.health_book import HealthBook, health_class

BANK = BeneficiaryKind.BANK_ACCOUNT


def after(health: Health, outcomes: str, at_s: float = 0.0) -> Health:
    for outcome in outcomes:
        health = health.after(SUCCESS if outcome == "+" else FAILURE, at_s)
    return health


def seasoned(p: float = 0.95, outcomes: int = 1_000, seed: int = 1) -> Health:
    random = Random(seed)
    return after(Health.fresh(), "".join("+" if random.random() < p else "-" for _ in range(outcomes)))


def test_it_learns_the_level_and_grows_sure_of_it() -> None:
    """A thousand outcomes at 95 % are believed to be near 95 %, and more firmly than a hundred."""
    health = seasoned()
    assert health.mean == pytest.approx(0.95, abs=0.02)
    assert health.strength > 3 * seasoned(outcomes=100).strength
    assert not health.is_demoted


def test_an_outage_is_noticed_after_a_few_failures() -> None:
    """However long the good record: after six failures in a row hardly anybody would bet on it."""
    for outcomes in (200, 5_000):
        broken = after(seasoned(outcomes=outcomes), "------")
        assert broken.is_demoted
        assert broken.mean < 0.6
        assert after(broken, "----").mean < 0.3


def test_two_failures_are_bad_luck() -> None:
    """At 95 % they come every few hundred payouts; the channel keeps its place."""
    assert after(seasoned(), "+++++--").mean > 0.85


def test_a_brown_out_is_noticed_too() -> None:
    """From 95 % to 75 %: no streak, and yet within sixty outcomes the belief is near the truth."""
    assert after(seasoned(), "+++-" * 15).mean < 0.82


def test_a_healed_channel_is_believed_again_after_a_few_successes() -> None:
    """The normal level was not spoiled by the outage."""
    broken = after(seasoned(), "-" * 100)
    assert broken.mean < 0.1
    assert after(broken, "+" * 8).mean > 0.85


def test_a_demoted_channel_is_probed_more_and_more_often_and_a_sound_one_never_for_its_own_sake() -> None:
    """The share grows with the orders that passed it by, up to a bound; many vain probes slow it down."""
    broken = after(seasoned(), "-" * 10)
    shares = [broken.probe_share(idle) for idle in (0, 10, 100, 10_000)]
    assert shares == sorted(shares)
    assert shares[0] == 0.0 < shares[1]
    assert shares[-1] == HealthTuning().probe_max
    assert after(broken, "-" * 50).probe_share(10) < broken.probe_share(10)
    assert seasoned().probe_share(10_000) == 0.0


def test_a_probe_draws_from_the_normal_level() -> None:
    """So that only a channel that would be the best when healed wins one."""
    broken, random = after(seasoned(), "-" * 30), Random(5)
    plain = [broken.draw(random) for _ in range(2_000)]
    probing = [broken.draw(random, 0.5) for _ in range(2_000)]
    assert sum(p > 0.9 for p in plain) < 60
    assert sum(p > 0.9 for p in probing) == pytest.approx(1_000, abs=150)


def test_silence_is_suspicious_before_any_failure() -> None:
    """Attempts that are overdue lower the belief as failures would; the record itself is not changed."""
    health = seasoned()
    before = health.mean
    assert health.suspecting(6.0).mean < 0.6
    assert health.suspecting(0.5).mean < before == health.mean
    assert health.suspecting(0.0) is health


def test_unknown_outcomes_count_apart() -> None:
    """They say nothing about success."""
    health = seasoned(outcomes=50)
    unknown = health.after(UNKNOWN, health.at_s)
    assert (unknown.mean, unknown.strength) == (health.mean, health.strength)
    assert unknown.unknown_share > health.unknown_share == 0.0


def test_what_is_given_back_is_taken_off() -> None:
    """Late, then paid: nearly the belief of a plain success, and far from that of a failure."""
    health = seasoned()
    late = health.after(Evidence(failure=0.8), 1.0)
    paid = late.after(Evidence(success=1.0, failure=-0.8), 2.0)
    assert late.mean < health.mean
    assert paid.mean == pytest.approx(health.after(SUCCESS, 2.0).mean, abs=2e-3)


def test_draws_have_the_mean_of_the_posterior_and_hang_on_the_seed_only() -> None:
    """Same seed, same draws; many draws average to the mean that is told."""
    health = after(seasoned(outcomes=60), "--+-")
    first, again = ([health.draw(dice) for _ in range(3_000)] for dice in (Random(3), Random(3)))
    assert first == again
    assert sum(first) / len(first) == pytest.approx(health.mean, abs=0.015)


records = st.builds(
    lambda outcomes, at_s: after(Health.fresh(), outcomes, at_s), st.text("+-", max_size=25), st.floats(0.0, 1e5)
)


def alike(one: Health, other: Health) -> None:
    assert one.at_s == other.at_s
    for mine, theirs in zip(one.counts, other.counts, strict=True):
        assert mine == pytest.approx(theirs, rel=1e-9, abs=1e-9)
    assert one.weights == pytest.approx(other.weights, rel=1e-9, abs=1e-12)
    assert (one.unknown, one.demoted) == pytest.approx((other.unknown, other.demoted))
    assert one.mean == pytest.approx(other.mean, rel=1e-9)


@given(records, records, records)
def test_merging_is_commutative_and_associative(a: Health, b: Health, c: Health) -> None:
    """The nodes may be added up in any order; who has seen nothing adds nothing."""
    alike(merge(a, b), merge(b, a))
    alike(merge(merge(a, b), c), merge(a, merge(b, c)))
    alike(merge(a, Health.fresh(at_s=a.at_s)), a)


def test_two_nodes_know_what_each_of_them_saw() -> None:
    """Counts add up, and an outage that both have seen is an outage."""
    whole = merge(seasoned(seed=1), seasoned(seed=2))
    assert whole.strength > 1.5 * seasoned().strength
    assert merge(after(seasoned(), "-" * 10), after(seasoned(seed=2), "-" * 10)).is_demoted


@given(records)
def test_the_stored_form_reads_back(health: Health) -> None:
    """To six digits, in few characters."""
    text = health.as_json()
    assert len(text) < 400
    again = Health.from_json(text)
    assert again.mean == pytest.approx(health.mean, abs=1e-5)
    assert again.as_json() == text


@pytest.mark.parametrize("text", ["", "null", "{}", '{"v":1}', Health.fresh().as_json().replace('"v":1', '"v":9')])
def test_what_is_not_a_record_is_refused(text: str) -> None:
    """Another version or shape raises ValueError."""
    with pytest.raises(ValueError):
        Health.from_json(text)


def test_a_record_of_other_memories_is_refused() -> None:
    """It would be read as something it is not."""
    with pytest.raises(ValueError, match="format"):
        Health.from_json(Health.fresh().as_json(), HealthTuning(lengths=(10.0, 100.0)))


@pytest.mark.parametrize("wrong", [{"lengths": ()}, {"lengths": (1.0,)}, {"share": 0.0}, {"normal": 1.0}])
def test_a_tuning_that_makes_no_sense_cannot_be_built(wrong: dict[str, object]) -> None:
    """Memories have a length and shares lie between nought and one."""
    with pytest.raises(ValueError, match="memories"):
        HealthTuning(**wrong)  # type: ignore[arg-type] - wrong on purpose


def test_classes_are_amount_bands_and_kinds() -> None:
    """Small, middle and large payouts of either kind are six classes."""
    found = [health_class(minor, BANK) for minor in (1, 9_999, 10_000, 999_999, 1_000_000)]
    assert found == ["bank_account/0", "bank_account/0", "bank_account/1", "bank_account/1", "bank_account/2"]
    assert len({health_class(minor, kind) for minor in (1, 10_000, 10**6) for kind in BeneficiaryKind}) == 6


def test_a_thin_class_leans_on_the_channels_other_classes() -> None:
    """Untried in one class, it is believed as elsewhere, weakly; a class with a record of its own goes by that."""
    book = HealthBook()
    for number in range(300):
        book.observe("alpha", "thick", SUCCESS if number % 2 else FAILURE, float(number))
    thin, fresh = book.posterior("alpha", "thin"), book.posterior("beta", "thin")
    assert thin.mean == pytest.approx(0.5, abs=0.1)
    assert fresh.mean == pytest.approx(HealthTuning().prior_mean)
    assert thin.strength < book.posterior("alpha", "thick").strength
    for number in range(300):
        book.observe("alpha", "thin", SUCCESS, float(number))
    assert book.posterior("alpha", "thin").mean > 0.9


def test_a_book_survives_a_restart() -> None:
    """What was stored is restored, and restoring on top of what was learned since adds up."""
    book, restored = HealthBook(), HealthBook()
    for number in range(100):
        book.observe("alpha", "x", SUCCESS if number % 10 else FAILURE, float(number))
    for channel, cls, health in book.records():
        restored.restore(channel, cls, Health.from_json(health.as_json()))
    assert restored.posterior("alpha", "x").mean == pytest.approx(book.posterior("alpha", "x").mean, abs=1e-4)


def test_nodes_that_tell_each_other_count_nothing_twice() -> None:
    """Told again and again, in any order, a record counts once; and what is told on is a node's own only."""
    books = {name: HealthBook() for name in ("n1", "n2")}
    for number in range(60):
        books["n1" if number % 3 else "n2"].observe("alpha", "x", SUCCESS if number % 4 else FAILURE, 0.0)
    own = {name: {(c, k): h for c, k, h in book.records()} for name, book in books.items()}
    for _ in range(3):
        for name, other in (("n1", "n2"), ("n2", "n1")):
            for channel, cls, health in books[other].records():
                books[name].share(other, channel, cls, health)
    whole = merge(own["n1"]["alpha", "x"], own["n2"]["alpha", "x"])
    for book in books.values():
        alike(book.posterior("alpha", "x"), whole)
    books["n1"].observe("alpha", "x", SUCCESS, 0.0)
    after_one = {(c, k): h for c, k, h in books["n1"].records()}["alpha", "x"]
    alike(after_one, own["n1"]["alpha", "x"].after(SUCCESS, 0.0))
    alike(books["n1"].posterior("alpha", "x"), merge(after_one, own["n2"]["alpha", "x"]))


def test_an_order_given_to_others_brings_the_next_probe_nearer() -> None:
    """The book counts the orders of the class that passed a demoted channel by."""
    book = HealthBook()
    for outcome in "+" * 200 + "-" * 10:
        book.chose("alpha", "x")
        book.observe("alpha", "x", SUCCESS if outcome == "+" else FAILURE, 0.0)
    assert book.probe_share("alpha", "x") == 0.0
    for _ in range(20):
        book.chose("beta", "x")
    assert book.probe_share("alpha", "x") > 0.0
    book.chose("alpha", "x")
    assert book.probe_share("alpha", "x") == 0.0


def route(truth: dict[str, list[float]], orders: int, seed: int) -> list[str]:
    """Best draw wins; the truth changes halfway."""
    book, dice, chosen = HealthBook(), Random(seed), []
    for number in range(orders):
        draws = {name: book.posterior(name, "x").draw(dice, book.probe_share(name, "x")) for name in truth}
        best = max(draws, key=lambda name: draws[name])
        book.chose(best, "x")
        p = truth[best][number * len(truth[best]) // orders]
        book.observe(best, "x", SUCCESS if dice.random() < p else FAILURE, float(number))
        chosen.append(best)
    return chosen


def test_traffic_leaves_in_an_outage_and_comes_back_after_it() -> None:
    """Seven of eight payouts go elsewhere while the best channel is down, and it leads again within 200 after."""
    for seed in range(3):
        chosen = route({"a": [0.95, 0.0, 0.95], "b": [0.85, 0.85, 0.85]}, 3_000, seed)
        assert chosen[500:1_000].count("a") > 400
        assert chosen[1_000:2_000].count("a") < 120
        assert chosen[2_200:].count("a") > 600
        assert chosen == route({"a": [0.95, 0.0, 0.95], "b": [0.85, 0.85, 0.85]}, 3_000, seed)
