"""Every metric there is, as one list: the registry, the documents, the alerts and the dashboard are held to it.

Labels come from closed lists or from the configuration (channels, currencies), never from what others send: no ids, no
apps, no raw paths. So the number of series is bounded by the configuration.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

PREFIX = "paymux_"


class Kind(StrEnum):
    """What Prometheus makes of the numbers."""

    COUNTER = "counter"
    """Only ever grows, from zero at a start; its name ends in `_total`."""
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Together(StrEnum):
    """What several processes of one gateway show as one."""

    SUM = "sum"
    MAX = "max"
    """What each of them sees of the same, one of them a little earlier; or the worst of them."""
    MIN = "min"


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric. `name` is the whole one; a histogram's series add `_bucket`, `_sum` and `_count` to it."""

    name: str
    kind: Kind
    labels: tuple[str, ...]
    help: str
    buckets: tuple[float, ...] = ()
    """Of a histogram, in its unit: upper bounds, rising."""
    together: Together = Together.SUM
    """Of a gauge. Counters and histograms are always added up."""


class AttemptOutcome(StrEnum):
    """What was first known of an attempt. Each attempt that left us counts once."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    """Refused, and another channel might have done better."""
    DECLINED = "declined"
    """Refused for the payee's sake or ours: nothing against the channel."""
    UNKNOWN = "unknown"
    """Nobody could tell. What became of it later is the payout's story, not counted here again."""


class Operation(StrEnum):
    """What a channel was called for."""

    SUBMIT = "submit"
    QUERY = "query"
    CANCEL = "cancel"


class NotificationResult(StrEnum):
    """What became of a channel's notification: of each thing it said, or of it as a whole."""

    FOLDED = "folded"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"
    MISMATCH = "mismatch"
    ORPHAN = "orphan"
    ARCHIVED = "archived"
    """Of a payout that was moved to an archive: an incident, and nothing else."""
    REFUSED = "refused"
    """Not verified, or not readable."""
    REPLAYED = "replayed"
    NOT_STORED = "not_stored"


class DeliveryResult(StrEnum):
    """What became of one try of a callback."""

    DELIVERED = "delivered"
    FAILED = "failed"
    """It is tried again."""
    PARKED = "parked"
    """Given up."""


class Place(StrEnum):
    """Where a payout is that a worker has in hand."""

    WORKING = "working"
    """At one of the `[worker] concurrency` places."""
    OUTSIDE = "outside"
    """Its channel is being waited for."""
    WAITING = "waiting"
    """In the queue for a place."""


class Runs(StrEnum):
    """Which config.toml a node runs."""

    SAME = "same"
    """As this one, which is counted too."""
    OTHER = "other"


class DatabaseError(StrEnum):
    """How the database failed us."""

    UNAVAILABLE = "unavailable"
    COMMIT_UNKNOWN = "commit_unknown"


_QUICK = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
_FAR = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 60.0)


def _counter(name: str, *labels: str, help: str) -> Metric:  # noqa: A002 - Prometheus' own word
    return Metric(f"{PREFIX}{name}_total", Kind.COUNTER, labels, help)


def _gauge(name: str, *labels: str, help: str, together: Together = Together.MAX) -> Metric:  # noqa: A002 - as above
    return Metric(PREFIX + name, Kind.GAUGE, labels, help, together=together)


def _histogram(name: str, *labels: str, help: str, buckets: tuple[float, ...]) -> Metric:  # noqa: A002 - as above
    return Metric(PREFIX + name, Kind.HISTOGRAM, labels, help, buckets)


# What happens --------------------------------------------------------------------------------------------------------

HTTP_REQUESTS = _counter("http_requests", "route", "method", "code", help="Requests answered, on both listeners.")
HTTP_DURATION = _histogram(
    "http_request_duration_seconds", "route", help="From a request's head to its answer.", buckets=_QUICK
)
PAYOUTS = _counter("payouts", "currency", "status", help="Payouts that came to have a status.")
ATTEMPTS = _counter(
    "channel_attempts", "channel", "outcome", help="Attempts, each once, by what was first known of it."
)
CHANNEL_DURATION = _histogram(
    "channel_request_duration_seconds", "channel", "operation", help="Calls to a channel.", buckets=_FAR
)
OUTCOME_UNKNOWN = _counter(
    "outcome_unknown", "channel", help="Sends, repeats included, after which nobody could tell what became of them."
)
ROUTING_SKIPS = _counter(
    "routing_skips", "channel", "reason", help="Reasons for which a decision passed a channel over."
)
NOTIFICATIONS = _counter("notifications", "channel", "result", help="What channels told us unasked.")
DELIVERIES = _counter("callback_deliveries", "result", help="Tries of callbacks to apps.")
DATABASE_ERRORS = _counter("database_errors", "kind", help="Units and questions that the database failed.")
WORKER_RESTARTS = _counter("worker_restarts", help="Worker processes that ended unasked and were started again.")

# How it stands -------------------------------------------------------------------------------------------------------

BUILD_INFO = _gauge("build_info", "version", help="Always 1; the label is the version.")
PAYOUTS_IN_STATE = _gauge("payouts_in_state", "status", help="Payouts that have not ended.")
PAYOUT_OLDEST_AGE = _gauge(
    "payout_oldest_age_seconds", "status", help="Since the oldest payout that has not ended was accepted."
)
PAYOUTS_UNSENT = _gauge("payouts_unsent", help="Accepted payouts that no channel was chosen for yet.")
CHANNEL_STATE = _gauge("channel_state", "channel", "state", help="1 for the state that the channel is in.")
BREAKER_STATE = _gauge("breaker_state", "channel", "state", help="1 for the state that the channel's breaker is in.")
CHANNEL_BALANCE = _gauge(
    "channel_balance_minor_units", "channel", "currency", help="What is left of a channel's funding.",
    together=Together.MIN,
)  # fmt: skip
CHANNEL_IN_FLIGHT = _gauge("channel_in_flight", "channel", help="Submits under way.", together=Together.SUM)
CALLBACK_OLDEST = _gauge("callback_oldest_pending_seconds", help="For how long the longest due callback has been due.")
HOLDS_OPEN = _gauge("holds_open", help="Held and frozen payouts: people are wanted.")
HOLD_OLDEST_AGE = _gauge("hold_oldest_age_seconds", help="Since the longest held or frozen payout was.")
QUARANTINE = _gauge("quarantine_active", help="1 while nothing is sent because the database was found to be old.")
CONFIG_RELOAD_OK = _gauge(
    "config_last_reload_successful", help="0 while config.toml on disk is not the one in force because it was refused.",
    together=Together.MIN,
)  # fmt: skip
CONFIG_RELOAD_AT = _gauge(
    "config_last_reload_success_timestamp_seconds", help="Unix time at which the configuration in force was put there.",
    together=Together.MIN,
)  # fmt: skip
CONFIG_INFO = _gauge("config_info", "sha256", help="Always 1; the label is the file that is in force.")
CONFIG_OVERRIDES = _gauge("config_overrides_active", help="Overrides that hold channels back beside the file.")
NODES = _gauge(
    "nodes", "config", help="Nodes at work on the store, by whether they run the same config.toml as this one."
)
COMMIT_QUEUE = _gauge(
    "commit_queue_units", help="Changes that wait for their commit, those being committed included.",
    together=Together.SUM,
)  # fmt: skip
COMMIT_WAIT = _gauge("commit_wait_seconds", help="How long one more change would wait for its commit, about.")
REQUESTS_INSIDE = _gauge(
    "requests_inside", "load", help="Requests being served, by kind of work.", together=Together.SUM
)
REFUSALS_PAUSED = _gauge(
    "refusals_paused", help="Refusals that are held back for a moment, so that they are not asked for.",
    together=Together.SUM,
)  # fmt: skip
WORKER_PROCESSES = _gauge("worker_processes", help="Processes that serve for this gateway.", together=Together.SUM)
WORKER_PAYOUTS = _gauge(
    "worker_payouts", "place", help="Payouts that this node's worker has in hand.", together=Together.SUM
)
WORKER_PLACES = _gauge(
    "worker_places", help="Payouts that may be at work at once now: fewer than configured while orders are slow.",
    together=Together.SUM,
)  # fmt: skip
CALLBACKS_UNDER_WAY = _gauge("callbacks_under_way", help="Callbacks being sent.", together=Together.SUM)
WORKER_LAG = _gauge("worker_lag_seconds", help="For how long the longest due payout has waited for a worker.")
LOOP_LAG = _gauge("event_loop_lag_seconds", help="The longest the event loop was late in the last 15 seconds.")

METRICS: tuple[Metric, ...] = tuple(value for value in globals().values() if isinstance(value, Metric))
"""All of the above, in this order."""
