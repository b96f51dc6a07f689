"""Draw docs/metrics.md from the table of metrics.

python docs/draw_metrics.py            writes it
python docs/draw_metrics.py --check    exit code 1 when it is not what the code says
"""

from __future__ import annotations

import sys

from drawing import code, table, write_or_check

from gateway.admission.limits import Load
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

OPENING = """\
# Metrics

`GET /metrics` on `admin_listen`, without a token: [operations.md](operations.md#metrics). Drawn from
`gateway/metrics/table.py` by `docs/draw_metrics.py`; alerts and dashboard are held to the same table. Beside these
there are Prometheus' own `process_…` ones.

No label carries an id, an app or anything else that others choose, so the number of series is bounded by the
configuration. A gauge that cannot be read now (the store does not answer) is absent, not zero.
"""

CLOSING = """\
`status`, `state` and `reason` are the words of [the API](api.md#status), of
[a channel's state](operations.md#a-channels-state) and of [routing](routing.md).
"""

TITLES = {
    Kind.COUNTER: "What happens",
    Kind.HISTOGRAM: "How long it takes",
    Kind.GAUGE: "How it stands",
}
WORDS = {
    "outcome": AttemptOutcome,
    "operation": Operation,
    "result of a notification": NotificationResult,
    "result of a delivery": DeliveryResult,
    "kind": DatabaseError,
    "place": Place,
    "config": Runs,
    "load": Load,
}


def row(metric: Metric) -> list[str]:
    return [code(metric.name), " ".join(code(label) for label in metric.labels), metric.help]


def page() -> str:
    parts = [OPENING]
    for kind, title in TITLES.items():
        rows = (row(metric) for metric in METRICS if metric.kind is kind)
        parts += [f"## {title}\n", table(["metric", "labels", ""], rows) + "\n"]
    lists = ([label, " ".join(code(word) for word in words)] for label, words in WORDS.items())
    parts += ["## Closed lists\n", table(["label", "values"], lists) + "\n", CLOSING]
    return "\n".join(parts)


if __name__ == "__main__":
    sys.exit(write_or_check("metrics.md", page(), sys.argv[1:]))
