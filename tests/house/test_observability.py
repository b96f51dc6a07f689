"""Metrics, alerts, dashboard, runbook and documents name nothing that is not there, and leave nothing out."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.__main__ import build
from gateway.admission.limits import Load
from gateway.domain.status import Status
from gateway.metrics.table import (
    METRICS,
    AttemptOutcome,
    DatabaseError,
    DeliveryResult,
    Kind,
    Metric,
    NotificationResult,
    Operation,
    Place,
    Runs,
)
from routing.breaker import BreakerState
from routing.eligibility import RefusalCode
from routing.policy import ChannelState

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
RULE_TESTS = sorted((DEPLOY / "prometheus" / "tests").glob("*.yml"))
PAGES = sorted([*(ROOT / "docs").rglob("*.md"), ROOT / "README.md", ROOT / "CHANGELOG.md"])
EVERYWHERE = {"instance", "job", "le", "version"}
"""Labels that Prometheus or the scrape adds."""

PACKAGES = {"paymux_acme"}
"""Names in the documents that begin like a metric's and are none: the example of an adapter's package."""

VALUES: dict[tuple[str, str], set[str]] = {
    (name, label): {str(word) for word in words}
    for name, label, words in (
        ("paymux_channel_attempts_total", "outcome", AttemptOutcome),
        ("paymux_channel_request_duration_seconds", "operation", Operation),
        ("paymux_notifications_total", "result", NotificationResult),
        ("paymux_callback_deliveries_total", "result", DeliveryResult),
        ("paymux_database_errors_total", "kind", DatabaseError),
        ("paymux_worker_payouts", "place", Place),
        ("paymux_nodes", "config", Runs),
        ("paymux_requests_inside", "load", Load),
        ("paymux_payouts_total", "status", Status),
        ("paymux_payout_oldest_age_seconds", "status", Status),
        ("paymux_breaker_state", "state", BreakerState),
        ("paymux_channel_state", "state", ChannelState),
        ("paymux_routing_skips_total", "reason", RefusalCode),
    )
}
"""The closed lists of labels, by metric and label."""


def series() -> dict[str, Metric]:
    """Every name that a query may use."""
    named = {metric.name: metric for metric in METRICS}
    for metric in METRICS:
        if metric.kind is Kind.HISTOGRAM:
            named |= {f"{metric.name}_{part}": metric for part in ("bucket", "sum", "count")}
    return named


def alerts() -> dict[str, dict[str, Any]]:
    """Every alert by its name."""
    groups = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yml").read_text(encoding="utf-8"))["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    found = {rule["alert"]: rule for rule in rules}
    assert len(found) == len(rules) > 10
    return found


def rule_tests() -> list[dict[str, Any]]:
    return [test for path in RULE_TESTS for test in yaml.safe_load(path.read_text(encoding="utf-8"))["tests"]]


def queries() -> Iterator[tuple[str, str]]:
    """(where, PromQL) of alerts, rule tests and dashboard."""
    for name, rule in alerts().items():
        yield name, rule["expr"]
    for test in rule_tests():
        for each in test["input_series"]:
            yield test["name"], each["series"]
    for panel in json.loads((DEPLOY / "grafana" / "paymux.json").read_text(encoding="utf-8"))["panels"]:
        for target in panel.get("targets", ()):
            yield panel["title"], target["expr"]


QUERIES = list(queries())


@pytest.mark.parametrize(
    ("where", "query"), QUERIES, ids=[f"{number} {where}" for number, (where, _) in enumerate(QUERIES)]
)
def test_a_query_asks_for_what_there_is(where: str, query: str) -> None:
    """Metrics, their labels, and the values that labels are compared with."""
    known, found = series(), re.findall(r"(paymux_[a-z_]+)(?:\{([^}]*)\})?", query)
    assert found or "process_" in query, where
    for name, selector in found:
        assert name in known, f"{where}: {name}"
        for label, comparison, value in re.findall(r'(\w+)\s*(=~|!=|=)\s*"([^"]*)"', selector):
            assert label in {*known[name].labels, *EVERYWHERE}, f"{where}: {name} has no label {label}"
            words = VALUES.get((known[name].name, label))
            told = value.split("|") if comparison == "=~" else [value]
            assert words is None or set(told) <= words, f"{where}: {label}={value}"
    for grouped in re.findall(r"\bby \(([^)]*)\)", query):
        labels = {label for name, _ in found for label in known[name].labels} | EVERYWHERE
        assert {label.strip() for label in grouped.split(",")} <= labels, f"{where}: by ({grouped})"


def test_every_metric_is_on_the_dashboard() -> None:
    """What is measured can be looked at."""
    shown = (DEPLOY / "grafana" / "paymux.json").read_text(encoding="utf-8")
    assert sorted(metric.name for metric in METRICS if metric.name not in shown) == []


def test_names_in_the_documents_are_metrics_and_alerts() -> None:
    """A page that names a metric or an alert names one that there is."""
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    metrics = set(re.findall(r"(?<![/\w])paymux_[a-z_]+\b", text))  # behind a slash it is a file
    named = set(re.findall(r"\bPaymux[A-Z]\w+", text))
    assert metrics >= {metric.name for metric in METRICS}
    assert metrics - set(series()) == PACKAGES
    assert named == set(alerts())


@pytest.mark.parametrize("script", ["docs/draw_metrics.py", "deploy/grafana/make.py"])
def test_what_is_made_by_a_script_is_up_to_date(script: str) -> None:
    """The page of metrics and the dashboard are what their scripts make."""
    ran = subprocess.run(
        [sys.executable, str(ROOT / script), "--check"], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_a_stale_dashboard_is_noticed(tmp_path: Path) -> None:
    """One character is enough, and nothing is written."""
    for name in ("make.py", "paymux.json"):
        (tmp_path / name).write_bytes((DEPLOY / "grafana" / name).read_bytes())
    made = tmp_path / "paymux.json"
    made.write_text(made.read_text(encoding="utf-8") + " ", encoding="utf-8")
    stale = made.read_bytes()
    command = [sys.executable, str(tmp_path / "make.py"), "--check"]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 1
    assert made.read_bytes() == stale


# The runbook ---------------------------------------------------------------------------------------------------------


def sections() -> dict[str, str]:
    """The runbook's sections by their anchors, as GitHub makes them."""
    parts = re.split(r"^## (.+)$", (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    return {title.lower().replace(" ", "-"): text for title, text in zip(parts[::2], parts[1::2], strict=True)}


def test_every_alert_names_its_section_and_every_section_its_alert() -> None:
    """Whoever is woken up finds the page, and the page has no chapter that nobody is sent to."""
    found = sections()
    anchors = {name: rule["annotations"]["runbook"].partition("#") for name, rule in alerts().items()}
    assert {page for page, _, _ in anchors.values()} == {"docs/runbook.md"}
    assert sorted(anchor for _, _, anchor in anchors.values()) == sorted(found)
    for name, (_, _, anchor) in anchors.items():
        told = f"`{name}`, {alerts()[name]['labels']['severity']}."
        assert found[anchor].lstrip().startswith(told), told


def test_every_alert_says_how_urgent_it_is() -> None:
    """Two words, no more: it wakes somebody up or it does not."""
    assert {rule["labels"]["severity"] for rule in alerts().values()} == {"page", "ticket"}
    assert all(rule["annotations"]["summary"].endswith((".", ").")) for rule in alerts().values())


@pytest.mark.parametrize("anchor", sorted(sections()))
def test_a_section_shows_a_command_that_can_be_run(anchor: str) -> None:
    """Command, options and all: the command line itself reads it."""
    blocks = re.findall(r"^```sh\n(.*?)^```", sections()[anchor], flags=re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    assert lines, f"{anchor} names no command"
    for line in lines:
        program, *words = shlex.split(line, comments=True)
        assert program == "paymux", line
        build(words[0]).parse_args(words, exit_on_error=False, print_error=False)


def test_a_command_that_does_not_exist_is_noticed() -> None:
    """The check above would see one."""
    for line in ("payout pay po_1", "hold ls --colour", "explain"):
        with pytest.raises(Exception, match=r"\S"):
            build().parse_args(line, exit_on_error=False, print_error=False)


# The rules' own tests ------------------------------------------------------------------------------------------------


def test_every_alert_has_a_firing_and_a_silent_case() -> None:
    """Each case says in its name whose it is and what it shows, and its expectation agrees."""
    cases: dict[str, set[str]] = {name: set() for name in alerts()}
    for test in rule_tests():
        named = re.fullmatch(r"(\w+) (fires|is silent): .+", test["name"])
        assert named, test["name"]
        cases[named[1]].add(named[2])
        asked = [*test.get("alert_rule_test", ()), *test.get("promql_expr_test", ())]
        assert asked, test["name"]
        for each in asked:
            assert named[1] in (each.get("alertname", ""), *re.findall(r'alertname="(\w+)"', each.get("expr", "")))
            expected = each.get("exp_alerts", each.get("exp_samples"))
            assert bool(expected) is (named[2] == "fires"), test["name"]
    assert {name: kinds for name, kinds in cases.items() if kinds != {"fires", "is silent"}} == {}


def test_every_file_of_rule_tests_is_about_the_alerts() -> None:
    """They test the rules that are shipped, not a copy."""
    assert len(RULE_TESTS) >= 3
    for path in RULE_TESTS:
        (named,) = yaml.safe_load(path.read_text(encoding="utf-8"))["rule_files"]
        assert (path.parent / named).resolve() == DEPLOY / "prometheus" / "alerts.yml"
