"""What happens to payouts is counted: once, after its commit, under the outcome that pages the right people."""

from __future__ import annotations

import pytest

from adapters.channel import Notice, RawNotification
from gateway.domain.errors import CommitUnknown, StoreUnavailable
from gateway.domain.outcome import Finality, Heard, OutcomeKind
from gateway.domain.reasons import RejectReason
from gateway.metrics import table
from gateway.metrics.meter import RegistryMeter
from gateway.metrics.store import CountedStore
from gateway.operations.accept import PayoutRequest, accept
from gateway.operations.cancel import cancel
from gateway.operations.observe import observe
from tests.support.builders import BENEFICIARY, an_answer
from tests.support.clock import START
from tests.support.metered import counted, metered_gateway
from tests.support.scripted import MONEY

PAID = an_answer(OutcomeKind.SUCCEEDED)


def refused(reason: RejectReason) -> object:
    return an_answer(OutcomeKind.REJECTED, finality=Finality.FINAL, reason=reason)


async def test_a_paid_payout_is_counted_once_in_each_place() -> None:
    """Accepted, then paid; one attempt that succeeded; one call that took its time."""
    gateway, meter = metered_gateway("alpha")
    gateway.channels["alpha"].submits.append(PAID)
    await gateway.accept()
    assert counted(meter, table.PAYOUTS) == {("CNY", "accepted"): 1, ("CNY", "processing"): 1, ("CNY", "paid"): 1}
    assert counted(meter, table.ATTEMPTS) == {("alpha", "succeeded"): 1}
    assert counted(meter, table.CHANNEL_DURATION) == {("alpha", "submit"): 1}
    assert counted(meter, table.OUTCOME_UNKNOWN) == {}


async def test_an_unknown_outcome_is_counted_when_it_is_unknown_and_not_again_when_it_is_known() -> None:
    """The page must not wait for the answer, and the rate must not count an attempt twice."""
    gateway, meter = metered_gateway("alpha")
    gateway.channels["alpha"].submits.append(an_answer(OutcomeKind.UNCLEAR, channel_fault=True))
    await gateway.accept()
    assert counted(meter, table.ATTEMPTS) == {("alpha", "unknown"): 1}
    assert counted(meter, table.OUTCOME_UNKNOWN) == {("alpha",): 1}
    gateway.channels["alpha"].queries.append(an_answer(OutcomeKind.SUCCEEDED, Heard.QUERY))
    await gateway.pass_time(minutes=1)
    assert counted(meter, table.ATTEMPTS) == {("alpha", "unknown"): 1}
    assert counted(meter, table.PAYOUTS)["CNY", "paid"] == 1
    assert counted(meter, table.CHANNEL_DURATION)["alpha", "query"] == 1


@pytest.mark.parametrize(
    ("reason", "outcome"),
    [(RejectReason.CHANNEL_UNAVAILABLE, "failed"), (RejectReason.PAYEE_ACCOUNT_CLOSED, "declined")],
)
async def test_a_closed_account_is_nothing_against_the_channel(reason: RejectReason, outcome: str) -> None:
    """Only what another channel might have done better is a failure of this one."""
    gateway, meter = metered_gateway("alpha")
    gateway.channels["alpha"].submits.append(refused(reason))
    await gateway.accept()
    assert counted(meter, table.ATTEMPTS) == {("alpha", outcome): 1}


async def test_why_a_channel_was_passed_over_is_counted() -> None:
    """Each reason of each decision."""
    gateway, meter = metered_gateway("alpha", "beta")
    gateway.channels["alpha"].unsendable = "not in this currency"
    gateway.channels["beta"].submits.append(PAID)
    await gateway.accept()
    assert counted(meter, table.ROUTING_SKIPS) == {("alpha", "unsendable"): 1}


async def test_a_canceled_payout_is_counted() -> None:
    """A wish that ends a payout at once is counted once, however often it is said."""
    gateway, meter = metered_gateway("alpha")
    accepted = await accept(gateway.services, PayoutRequest("acme", "order-1", MONEY, BENEFICIARY))
    for _ in range(2):
        await cancel(gateway.services, "acme", accepted.payout.id)
    assert counted(meter, table.PAYOUTS) == {("CNY", "accepted"): 1, ("CNY", "canceled"): 1}


async def test_a_repeated_order_is_no_second_payout() -> None:
    """A replay is answered, not counted."""
    gateway, meter = metered_gateway("alpha")
    for _ in range(2):
        await accept(gateway.services, PayoutRequest("acme", "order-1", MONEY, BENEFICIARY))
    assert counted(meter, table.PAYOUTS) == {("CNY", "accepted"): 1}


async def test_notifications_are_counted_by_what_became_of_them() -> None:
    """A forgery, an orphan, an answer, and the same answer again."""
    gateway, meter = metered_gateway("alpha")
    alpha = gateway.channels["alpha"]
    alpha.submits.append(an_answer(OutcomeKind.PENDING))
    payout = await gateway.accept()
    told = Notice(an_answer(OutcomeKind.SUCCEEDED, Heard.NOTIFICATION), payout.attempt(1).channel_reference)
    stranger = Notice(an_answer(OutcomeKind.SUCCEEDED, Heard.NOTIFICATION), "A" * 26)
    alpha.notices = {"paid": ("evt-1", None, [told]), "whose": ("evt-2", None, [stranger])}
    for body in (b"forged", b"whose", b"paid", b"paid"):
        await observe(gateway.services, "alpha", RawNotification("POST", "/notify", (), body, START))
    assert counted(meter, table.NOTIFICATIONS) == {
        ("alpha", "refused"): 1,
        ("alpha", "orphan"): 1,
        ("alpha", "folded"): 1,
        ("alpha", "duplicate"): 1,
    }
    assert counted(meter, table.ATTEMPTS) == {("alpha", "succeeded"): 1}


class _Failing:
    """A database that fails as it is told."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    async def run(self, _unit: object) -> object:
        raise self.error

    async def read(self, _query: object) -> object:
        raise self.error

    async def close(self) -> None:
        return None


@pytest.mark.parametrize(
    ("error", "kind"), [(StoreUnavailable("full"), "unavailable"), (CommitUnknown("gone"), "commit_unknown")]
)
async def test_what_the_database_fails_is_counted_and_passed_on(error: Exception, kind: str) -> None:
    """Counting changes nothing for the caller."""
    meter = RegistryMeter()
    store = CountedStore(_Failing(error), meter)  # type: ignore[arg-type]  # it only ever fails
    with pytest.raises(type(error)):
        await store.run(lambda tx: None)
    assert counted(meter, table.DATABASE_ERRORS) == {(kind,): 1}


async def test_a_refusal_of_ours_is_no_failure_of_the_database() -> None:
    """A unit that raises is counted nowhere."""
    gateway, meter = metered_gateway("alpha")

    def unit(_tx: object) -> None:
        raise LookupError

    with pytest.raises(LookupError):
        await gateway.store.run(unit)
    await gateway.accept()
    assert [each for each in meter.registry.collect() if "database" in each.name and each.samples] == []
