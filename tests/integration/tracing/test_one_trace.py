"""One trace follows a payout through accept, route, send, notification and callback, whichever process does them."""

from __future__ import annotations

import builtins
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from adapters.channel import Notice, RawNotification
from gateway.callbacks.sender import Sent
from gateway.domain.outcome import Heard, OutcomeKind
from gateway.operations.accept import PayoutRequest, accept
from gateway.operations.deliver import deliver
from gateway.operations.observe import observe
from gateway.tracing.begin import Untraced, begin_tracing
from gateway.tracing.export import Exporting
from gateway.tracing.spans import CHOSEN, NO_SPANS, Stage, root_of
from tests.support.builders import BENEFICIARY, NOW, an_answer
from tests.support.callbacks import StubSender
from tests.support.scripted import MONEY, ScriptedGateway, scripted_gateway


class Traced:
    """A gateway whose spans are kept in memory."""

    def __init__(self, *, share: float = 1.0) -> None:
        self.memory = InMemorySpanExporter()
        self.exporting = Exporting("node-1", share, lambda: SimpleSpanProcessor(self.memory))
        self.gateway: ScriptedGateway = scripted_gateway("alpha")
        self.gateway.services = replace(self.gateway.services, spans=self.exporting.spans)

    def restarted(self) -> Traced:
        """Another process on the same store, which knows nothing of the first one's spans."""
        other = Traced()
        other.gateway = self.gateway
        other.gateway.services = replace(self.gateway.services, spans=other.exporting.spans)
        return other

    @property
    def spans(self) -> tuple[ReadableSpan, ...]:
        return self.memory.get_finished_spans()


@pytest.fixture
def traced() -> Iterator[Traced]:
    yield Traced()
    assert CHOSEN.get() is None


async def test_the_way_of_a_payout_is_one_trace(traced: Traced) -> None:
    """Five stages, two processes, one trace; its root is the acceptance, everything else hangs below it."""
    alpha = traced.gateway.channels["alpha"]
    alpha.submits.append(an_answer(OutcomeKind.PENDING))
    payout = await traced.gateway.accept()
    other = traced.restarted()
    told = Notice(an_answer(OutcomeKind.SUCCEEDED, Heard.NOTIFICATION), payout.attempt(1).channel_reference)
    alpha.notices = {"paid": ("evt-1", None, [told])}
    received = other.gateway.clock.now()
    other.gateway.clock.move(0.25)
    await observe(other.gateway.services, "alpha", RawNotification("POST", "/notify", (), b"paid", received))
    (first, *_) = await other.gateway.store.run(
        lambda tx: tx.claim_callbacks(received, received + timedelta(minutes=1), 1, frozenset())
    )
    await deliver(other.gateway.services, StubSender([Sent(200, "ok", None, 3)]), first, lambda: 0.0)

    spans = [*traced.spans, *other.spans]
    assert {span.name for span in spans} == {str(stage) for stage in Stage}
    assert [span.name for span in traced.spans] == [Stage.ACCEPT, Stage.ROUTE, Stage.SEND]
    root = root_of(payout.id)
    contexts = {span.name: span.get_span_context() for span in spans}
    assert {context.trace_id for context in contexts.values() if context} == {root.trace_id}
    assert (spans[0].parent, contexts[Stage.ACCEPT].span_id) == (None, root.span_id)  # type: ignore[union-attr]  # there
    assert {span.parent.span_id for span in spans[1:] if span.parent} == {root.span_id}
    assert all(span.attributes and span.attributes["paymux.payout"] == payout.id for span in spans)
    heard = next(span for span in spans if span.name == Stage.NOTIFICATION)
    assert heard.end_time is not None
    assert heard.start_time is not None
    assert heard.end_time - heard.start_time == 250_000_000


async def test_no_span_says_who_is_paid_or_how_much(traced: Traced) -> None:
    """Facts are channel, attempt and outcome; the rest is nobody's business in a tracing store."""
    traced.gateway.channels["alpha"].submits.append(an_answer(OutcomeKind.UNCLEAR, channel_fault=True))
    await traced.gateway.accept()
    told = " ".join(str({**(span.attributes or {}), "name": span.name}) for span in traced.spans)
    assert "unclear" in told
    for word in (BENEFICIARY.account_number, "张三", str(MONEY.minor), "order-1"):
        assert word not in told
    send = next(span for span in traced.spans if span.name == Stage.SEND)
    assert not send.status.is_ok


async def test_a_repeated_order_adds_no_span(traced: Traced) -> None:
    """Only what happened to the payout is in its trace."""
    for _ in range(2):
        await accept(traced.gateway.services, PayoutRequest("acme", "order-1", MONEY, BENEFICIARY))
    assert [span.name for span in traced.spans] == [Stage.ACCEPT]


async def test_a_payout_is_traced_wholly_or_not_at_all() -> None:
    """With a share of one half, the id decides, alike for every stage and node."""
    traced = Traced(share=0.5)
    for number in range(40):
        traced.gateway.channels["alpha"].submits.append(an_answer(OutcomeKind.SUCCEEDED))
        await traced.gateway.accept(f"order-{number}")
    names: dict[int, list[str]] = {}
    for span in traced.spans:
        context = span.get_span_context()
        assert context is not None
        names.setdefault(context.trace_id, []).append(span.name)
    assert 5 < len(names) < 35
    assert all(stages == [Stage.ACCEPT, Stage.ROUTE, Stage.SEND] for stages in names.values())


def test_nothing_is_traced_unless_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """No endpoint, no tracer; an endpoint without the extra, or a share that is none, is said and turns it off."""
    assert begin_tracing({}, "node").spans is NO_SPANS
    NO_SPANS.over(Stage.ACCEPT, "po_1", NOW, NOW, app="acme")
    somewhere = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}
    assert isinstance(begin_tracing({**somewhere, "OTEL_TRACES_SAMPLER_ARG": "half"}, "node"), Untraced)
    real = builtins.__import__

    def without_the_extra(name: str, *args: Any, **named: Any) -> Any:
        if name == "gateway.tracing.export":
            raise ImportError(name)
        return real(name, *args, **named)

    monkeypatch.setattr(builtins, "__import__", without_the_extra)
    assert isinstance(begin_tracing(somewhere, "node"), Untraced)


async def test_an_endpoint_turns_it_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spans go to the collector that the environment names; nobody there is no trouble, not at the end either."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://127.0.0.1:9/v1/traces")
    tracing = begin_tracing({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:9/v1/traces"}, "node")
    assert isinstance(tracing, Exporting)
    await tracing.close()


@pytest.mark.parametrize(
    ("caller", "linked"),
    [
        (
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            [(0x4BF92F3577B34DA6A3CE929D0E0E4736, 0xF067AA0BA902B7)],
        ),
        ("00-00000000000000000000000000000000-00f067aa0ba902b7-01", []),
        ("ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", []),
        ("nonsense", []),
        (None, []),
    ],
)
async def test_the_callers_own_trace_is_linked(
    traced: Traced, caller: str | None, linked: list[tuple[int, int]]
) -> None:
    """From the acceptance one gets to the span of the app that ordered; the payout's trace is its own all the same."""
    await accept(traced.gateway.services, PayoutRequest("acme", "order-1", MONEY, BENEFICIARY, caller=caller))
    (span,) = traced.spans
    assert [(link.context.trace_id, link.context.span_id) for link in span.links] == linked
    assert span.parent is None
