"""The tracer that writes to a collector, for those who installed the extra `otel`. Imported only when it is wanted.

Where to and how many is said by OpenTelemetry's own environment variables, which the exporter reads itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import TraceIdRatioBased

import gateway
from gateway.tracing.spans import CHOSEN, Spans


class PayoutIds(RandomIdGenerator):
    """Random ids, but for the root of a payout's trace."""

    def generate_trace_id(self) -> int:
        chosen = CHOSEN.get()
        return super().generate_trace_id() if chosen is None else chosen.trace_id

    def generate_span_id(self) -> int:
        chosen = CHOSEN.get()
        return super().generate_span_id() if chosen is None else chosen.span_id


class Exporting:
    """Spans on their way out."""

    def __init__(self, node: str, share: float = 1.0, make: Callable[[], SpanProcessor] | None = None) -> None:
        """`share` of the payouts are traced, each wholly and by every node alike: the trace's id decides.

        `make` is another way out than the collector.
        """
        about = {"service.name": "paymux", "service.version": gateway.__version__, "service.instance.id": node}
        self._provider = TracerProvider(
            sampler=TraceIdRatioBased(share),
            resource=Resource.create(about),
            id_generator=PayoutIds(),
            shutdown_on_exit=False,
        )
        self._provider.add_span_processor(make() if make else BatchSpanProcessor(OTLPSpanExporter()))
        self.spans = Spans(self._provider.get_tracer("paymux", gateway.__version__))

    async def close(self) -> None:
        """Send what is left, as long as the exporter's own deadline allows; off the loop."""
        await asyncio.to_thread(self._provider.shutdown)
