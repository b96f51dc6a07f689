"""Whether there is tracing, and where it goes: OpenTelemetry's own environment variables say so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import structlog

from gateway.tracing.spans import NO_SPANS, Spans

ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
"""Either of them turns tracing on."""
SHARE = "OTEL_TRACES_SAMPLER_ARG"
"""The share of payouts that is traced, 0 to 1."""

log: structlog.stdlib.BoundLogger = structlog.get_logger()


class Tracing(Protocol):
    """Spans, and their end."""

    spans: Spans

    async def close(self) -> None: ...


class Untraced:
    """No tracing."""

    spans = NO_SPANS

    async def close(self) -> None:
        """Nothing is on its way."""


def begin_tracing(environ: Mapping[str, str], node: str) -> Tracing:
    """As the environment says. What is wrong with it is logged and turns tracing off: payouts do not wait for it."""
    if not any(environ.get(name) for name in ENDPOINTS):
        return Untraced()
    try:
        from gateway.tracing.export import Exporting  # needs the extra `otel`

        return Exporting(node, float(environ.get(SHARE) or 1.0))
    except (ImportError, ValueError) as error:
        log.warning("tracing.off", why=f"{type(error).__name__}: {error}")
        return Untraced()
