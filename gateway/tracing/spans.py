"""Spans of a payout, written down when they are over.

A payout lives for days and in several processes, so no context is carried along: its trace and the trace's root follow
from its id. Whoever knows the id writes into the same trace. The root is the span of its acceptance; every other one is
that one's child.

Facts on a span are channel, attempt, outcome and the like, and the payout's id; never who is paid, nor how much.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from opentelemetry.context import Context
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    Tracer,
    set_span_in_context,
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Stage(StrEnum):
    """The spans there are."""

    ACCEPT = "payout.accept"
    ROUTE = "payout.route"
    SEND = "channel.send"
    NOTIFICATION = "channel.notification"
    CALLBACK = "app.callback"


_KINDS = {
    Stage.ACCEPT: SpanKind.SERVER,
    Stage.ROUTE: SpanKind.INTERNAL,
    Stage.SEND: SpanKind.CLIENT,
    Stage.NOTIFICATION: SpanKind.SERVER,
    Stage.CALLBACK: SpanKind.CLIENT,
}


@dataclass(frozen=True, slots=True)
class Root:
    """A payout's trace, and the span of its acceptance."""

    trace_id: int
    span_id: int


def root_of(payout_id: str) -> Root:
    """The same on every node and for ever."""
    digest = hashlib.sha256(b"paymux trace\0" + payout_id.encode()).digest()
    return Root(int.from_bytes(digest[:16]), int.from_bytes(digest[16:24]))


CHOSEN: ContextVar[Root | None] = ContextVar("paymux_trace_root", default=None)
"""The ids that the span being begun is to have; for `gateway.tracing.export`."""


class Spans:
    """Writes spans down. Without a tracer it does nothing, quickly."""

    def __init__(self, tracer: Tracer | None = None) -> None:
        """The tracer must take its roots' ids from `CHOSEN` (`gateway.tracing.export.PayoutIds`)."""
        self._tracer = tracer

    def over(
        self,
        stage: Stage,
        payout_id: str,
        began: datetime,
        ended: datetime,
        *,
        failed: bool = False,
        caller: str | None = None,
        **facts: str | int | bool | None,
    ) -> None:
        """A stage of the payout's way is over. A fact that is None is left out. `caller` is the `traceparent` under
        which it was asked for, if any: the span is linked to it, for its own trace is the payout's.
        """
        if self._tracer is None:
            return
        root = root_of(payout_id)
        known = {f"paymux.{name}": fact for name, fact in facts.items() if fact is not None}
        chosen = CHOSEN.set(root if stage is Stage.ACCEPT else None)
        try:
            span = self._tracer.start_span(
                stage,
                context=Context() if stage is Stage.ACCEPT else _child_of(root),
                kind=_KINDS[stage],
                attributes={"paymux.payout": payout_id, **known},
                start_time=_nanoseconds(began),
                links=_links(caller),
            )
        finally:
            CHOSEN.reset(chosen)
        if failed:
            span.set_status(Status(StatusCode.ERROR))
        span.end(end_time=_nanoseconds(ended))


_TRACEPARENT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})", re.ASCII)


def _links(caller: str | None) -> Sequence[Link]:
    """To the span that a W3C `traceparent` names; none for what names none."""
    named = _TRACEPARENT.fullmatch(caller or "")
    if named is None:
        return ()
    trace_id, span_id, flags = (int(each, 16) for each in named.groups())
    context = SpanContext(trace_id, span_id, True, TraceFlags(flags))
    return (Link(context),) if context.is_valid else ()


def _child_of(root: Root) -> Context:
    flags = TraceFlags(TraceFlags.SAMPLED)
    return set_span_in_context(NonRecordingSpan(SpanContext(root.trace_id, root.span_id, True, flags)), Context())


def _nanoseconds(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(microseconds=1) * 1000


NO_SPANS = Spans()
