"""Make deploy/grafana/paymux.json: one dashboard, four rows, from plain dicts.

python deploy/grafana/make.py            writes it
python deploy/grafana/make.py --check    exit code 1 when it is not what this script makes
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PAGE = Path(__file__).with_name("paymux.json")
SOURCE = {"type": "prometheus", "uid": "${source}"}
COLUMNS, HEIGHT = 24, 8
PER_ROW = 3

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Panel:
    """One graph, or one number (`stat`). `queries`: what is asked -> how a line is named."""

    title: str
    queries: dict[str, str]
    unit: str = "short"
    kind: str = "timeseries"
    threshold: float | None = None
    """From here on it is red."""


def rate(metric: str, by: str) -> str:
    """So much a second, for each value of the labels `by`."""
    return f"sum by ({by}) (rate({metric}[$__rate_interval]))"


def within(metric: str, by: str, where: str = "") -> str:
    """Seconds within which 99 of 100 were over."""
    return f"histogram_quantile(0.99, sum by (le, {by}) (rate({metric}_bucket{where}[$__rate_interval])))"


FAILING = (
    'sum by (channel) (increase(paymux_channel_attempts_total{outcome=~"failed|unknown"}[10m]))'
    " / sum by (channel) (increase(paymux_channel_attempts_total[10m]))"
)

ROWS: dict[str, tuple[Panel, ...]] = {
    "At a glance": (
        Panel("Payouts a second", {rate("paymux_payouts_total", "status"): "{{status}}"}, "ops"),
        Panel(
            "Not ended",
            {
                "sum by (status) (paymux_payouts_in_state)": "{{status}}",
                "max(paymux_payouts_unsent)": "without a channel",
            },
        ),
        Panel("Oldest not ended", {"max by (status) (paymux_payout_oldest_age_seconds)": "{{status}}"}, "s"),
        Panel("Waiting for people", {"max(paymux_holds_open)": "held and frozen"}, kind="stat", threshold=1),
        Panel("The oldest of them", {"max(paymux_hold_oldest_age_seconds)": "waits"}, "s", "stat", 4 * 3600),
        Panel("Quarantine", {"max(paymux_quarantine_active)": "active"}, kind="stat", threshold=1),
    ),
    "Channels": (
        Panel("Failing (5 % pages)", {FAILING: "{{channel}}"}, "percentunit", threshold=0.05),
        Panel(
            "Attempts", {rate("paymux_channel_attempts_total", "channel, outcome"): "{{channel}} {{outcome}}"}, "ops"
        ),
        Panel("Unknown outcomes", {rate("paymux_outcome_unknown_total", "channel"): "{{channel}}"}, "ops"),
        Panel(
            "Submits, 99 of 100 within",
            {within("paymux_channel_request_duration_seconds", "channel", '{operation="submit"}'): "{{channel}}"},
            "s",
        ),
        Panel("Under way", {"sum by (channel) (paymux_channel_in_flight)": "{{channel}}"}),
        Panel("Passed over", {rate("paymux_routing_skips_total", "channel, reason"): "{{channel}} {{reason}}"}, "ops"),
        Panel("State", {"max by (channel, state) (paymux_channel_state) == 1": "{{channel}} {{state}}"}),
        Panel("Breaker", {"max by (channel, state) (paymux_breaker_state) == 1": "{{channel}} {{state}}"}),
        Panel(
            "Funding left, minor units",
            {"min by (channel, currency) (paymux_channel_balance_minor_units)": "{{channel}} {{currency}}"},
        ),
        Panel(
            "Notifications", {rate("paymux_notifications_total", "channel, result"): "{{channel}} {{result}}"}, "ops"
        ),
    ),
    "Apps": (
        Panel("Requests", {rate("paymux_http_requests_total", "route, code"): "{{route}} {{code}}"}, "reqps"),
        Panel(
            "Requests, 99 of 100 within",
            {within("paymux_http_request_duration_seconds", "route"): "{{route}}"},
            "s",
        ),
        Panel("Callbacks", {rate("paymux_callback_deliveries_total", "result"): "{{result}}"}, "ops"),
        Panel("Callbacks late", {"max(paymux_callback_oldest_pending_seconds)": "the longest due"}, "s", threshold=300),
    ),
    "Node": (
        Panel("Version", {"count by (version) (paymux_build_info)": "{{version}}"}, kind="stat"),
        Panel("Configuration", {"count by (sha256) (paymux_config_info)": "{{sha256}}"}, kind="stat"),
        Panel("Configuration on disk taken", {"min(paymux_config_last_reload_successful)": "taken"}, kind="stat"),
        Panel(
            "Configuration in force since",
            {"max(paymux_config_last_reload_success_timestamp_seconds) * 1000": "since"},
            "dateTimeFromNow",
            "stat",
        ),
        Panel("Overrides", {"max(paymux_config_overrides_active)": "active"}, kind="stat", threshold=1),
        Panel("Nodes, by their configuration", {"max by (config) (paymux_nodes)": "{{config}}"}),
        Panel(
            "Worker processes",
            {
                "sum by (instance) (paymux_worker_processes)": "{{instance}}",
                "sum by (instance) (increase(paymux_worker_restarts_total[1h]))": "{{instance}} restarted in an hour",
            },
        ),
        Panel("Database errors", {rate("paymux_database_errors_total", "kind"): "{{kind}}"}, "ops"),
        Panel("Requests inside", {"sum by (instance, load) (paymux_requests_inside)": "{{instance}} {{load}}"}),
        Panel("Refusals held back", {"sum by (instance) (paymux_refusals_paused)": "{{instance}}"}),
        Panel(
            "Payouts in hand",
            {
                "sum by (instance, place) (paymux_worker_payouts)": "{{instance}} {{place}}",
                "sum by (instance) (paymux_worker_places)": "{{instance}} places",
            },
        ),
        Panel("Callbacks under way", {"sum by (instance) (paymux_callbacks_under_way)": "{{instance}}"}),
        Panel("Commit queue", {"max by (instance) (paymux_commit_queue_units)": "{{instance}}"}),
        Panel("Commit wait", {"max by (instance) (paymux_commit_wait_seconds)": "{{instance}}"}, "s", threshold=1),
        Panel("Worker lag", {"max by (instance) (paymux_worker_lag_seconds)": "{{instance}}"}, "s", threshold=60),
        Panel(
            "Event loop lag", {"max by (instance) (paymux_event_loop_lag_seconds)": "{{instance}}"}, "s", threshold=0.5
        ),
        Panel("Memory", {"process_resident_memory_bytes": "{{instance}}"}, "bytes"),
    ),
}


def panel(made: Panel, number: int, x: int, y: int) -> Json:
    """A panel as Grafana stores it."""
    steps: list[Json] = [{"color": "green", "value": None}]
    if made.threshold is not None:
        steps.append({"color": "red", "value": made.threshold})
    return {
        "id": number,
        "type": made.kind,
        "title": made.title,
        "datasource": SOURCE,
        "gridPos": {"x": x, "y": y, "w": COLUMNS // PER_ROW, "h": HEIGHT},
        "fieldConfig": {
            "defaults": {"unit": made.unit, "thresholds": {"mode": "absolute", "steps": steps}},
            "overrides": [],
        },
        "targets": [
            {"refId": chr(ord("A") + index), "datasource": SOURCE, "expr": query, "legendFormat": name}
            for index, (query, name) in enumerate(made.queries.items())
        ],
    }


def panels() -> Iterator[Json]:
    """Every row with its panels, laid out three abreast."""
    number, y = 0, 0
    for title, row in ROWS.items():
        number += 1
        yield {"id": number, "type": "row", "title": title, "gridPos": {"x": 0, "y": y, "w": COLUMNS, "h": 1}}
        y += 1
        for index, each in enumerate(row):
            number += 1
            x = index % PER_ROW * (COLUMNS // PER_ROW)
            yield panel(each, number, x, y + index // PER_ROW * HEIGHT)
        y += -(-len(row) // PER_ROW) * HEIGHT


def dashboard() -> Json:
    source = {"name": "source", "type": "datasource", "query": "prometheus", "label": "Prometheus"}
    return {
        "uid": "paymux",
        "title": "paymux",
        "tags": ["paymux"],
        "schemaVersion": 39,
        "timezone": "browser",
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": [source]},
        "panels": list(panels()),
    }


def main(arguments: list[str]) -> int:
    """Exit codes: 0, 1 (not what it would be), 2 (usage)."""
    text = json.dumps(dashboard(), indent=1, ensure_ascii=False) + "\n"
    if arguments == ["--check"]:
        same = PAGE.is_file() and PAGE.read_text(encoding="utf-8") == text
        print("paymux.json is up to date" if same else "paymux.json is not what make.py makes: run it without --check")
        return 0 if same else 1
    if arguments:
        print("usage: [--check]", file=sys.stderr)
        return 2
    PAGE.write_text(text, encoding="utf-8")
    print(f"wrote {PAGE.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
