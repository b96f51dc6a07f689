"""Several expositions as one: what is counted never falls, gauges follow the table."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from gateway.crew.merging import RULES, Merging
from gateway.crew.views import one_of
from gateway.metrics import table
from gateway.metrics.meter import RegistryMeter
from gateway.metrics.table import METRICS, Kind, Together

LABELS = {"currency": "CNY", "status": "accepted"}


def value(exposition: bytes, name: str, labels: dict[str, str] | None = None) -> float | None:
    families = text_string_to_metric_families(exposition.decode())
    samples = [sample for family in families for sample in family.samples]
    return next((each.value for each in samples if each.name == name and each.labels == (labels or {})), None)


def meter(payouts: int) -> RegistryMeter:
    made = RegistryMeter()
    made.add(table.PAYOUTS, "CNY", "accepted", by=payouts)
    return made


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(0, 5), st.booleans(), st.booleans()), max_size=30))
def test_a_sum_of_counters_never_falls_and_forgets_nothing_that_was_seen(
    steps: list[tuple[int, int, bool, bool]],
) -> None:
    """Workers count, are scraped or not, die and begin at zero again."""
    merging, workers = Merging(), dict.fromkeys((1, 2, 3), 0)
    seen, dead, before = dict.fromkeys(workers, 0), 0, 0.0
    for number, more, dies, answers in steps:
        workers[number] += more
        said = {each: meter(counted).exposition().decode() for each, counted in workers.items() if answers}
        seen |= workers if answers else {}
        told = value(merging.together(said), "paymux_payouts_total", LABELS)
        assert (told or 0.0) == sum(seen.values()) + dead >= before
        before = told or 0.0
        if dies:
            merging.ended(number)
            dead, workers[number], seen[number] = dead + seen[number], 0, 0


def test_histograms_are_added_up_bucket_by_bucket() -> None:
    """So that a quantile over all can be computed."""
    one, two = meter(0), meter(0)
    one.observe(table.HTTP_DURATION, 0.003, "/v1/payouts")
    two.observe(table.HTTP_DURATION, 0.3, "/v1/payouts")
    said = {1: one.exposition().decode(), 2: two.exposition().decode()}
    told, name = Merging().together(said), "paymux_http_request_duration_seconds"
    assert value(told, f"{name}_bucket", {"route": "/v1/payouts", "le": "0.005"}) == 1
    assert value(told, f"{name}_bucket", {"route": "/v1/payouts", "le": "0.5"}) == 2
    assert value(told, f"{name}_count", {"route": "/v1/payouts"}) == 2


GAUGES = """\
# TYPE paymux_commit_queue_units gauge
paymux_commit_queue_units {queue}
# TYPE paymux_worker_lag_seconds gauge
paymux_worker_lag_seconds {lag}
# TYPE paymux_channel_balance_minor_units gauge
paymux_channel_balance_minor_units{{channel="alpha",currency="CNY"}} {balance}
"""


def test_gauges_follow_the_table() -> None:
    """A queue is a sum, a lag the worst, what is left the least; of one that is silent nothing is made up."""
    said = {1: GAUGES.format(queue=3, lag=1, balance=90), 2: GAUGES.format(queue=4, lag=9, balance=80)}
    merging = Merging()
    told = merging.together(said)
    assert value(told, "paymux_commit_queue_units") == 7
    assert value(told, "paymux_worker_lag_seconds") == 9
    assert value(told, "paymux_channel_balance_minor_units", {"channel": "alpha", "currency": "CNY"}) == 80
    assert value(merging.together({1: said[1]}), "paymux_commit_queue_units") == 3
    assert value(merging.together({}), "paymux_commit_queue_units") is None


def test_every_gauge_has_a_rule_that_suits_it() -> None:
    """What each process has for itself is added up: the others are what all of them see, or the worst."""
    assert set(RULES) >= {metric.name for metric in METRICS if metric.kind is Kind.GAUGE}
    added = {name.removeprefix("paymux_") for name, rule in RULES.items() if rule is Together.SUM}
    assert added >= {"worker_processes", "channel_in_flight", "commit_queue_units", "process_open_fds"}
    assert not added & {"payouts_in_state", "holds_open", "quarantine_active", "nodes"}


def test_channels_are_told_once_with_all_that_is_under_way() -> None:
    """The first worker's word, the sum of what is in flight, and the breaker that is worst off."""
    one = b'{"data":[{"name":"alpha","breaker":"closed","in_flight":2,"weight":100}],"nodes":[1]}'
    two = b'{"data":[{"name":"alpha","breaker":"open","in_flight":3,"weight":100}],"nodes":[2]}'
    assert one_of([one, two]) == (
        b'{"data":[{"name":"alpha","breaker":"open","in_flight":5,"weight":100}],"nodes":[1]}'
    )
