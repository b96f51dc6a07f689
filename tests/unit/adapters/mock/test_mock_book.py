"""The bank's book outlives the gateway: restarts, torn lines, repeats, cancels, and other processes reading it."""

# Nothing else runs on the loop of these tests, so reading a small file may block it.
# ruff: noqa: ASYNC221, ASYNC240

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from adapters.mock.book import BookDamaged, read_book
from gateway.domain.outcome import Finality, OutcomeKind
from gateway.domain.reasons import RejectReason
from tests.support.mock_world import MockWorld, changed, order

K = OutcomeKind
Make = Callable[..., MockWorld]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "bank.jsonl"


async def test_a_repeat_is_the_same_order(world: MockWorld) -> None:
    """Sent a hundred times, before and after it is paid: one order, one payment, one id, one notification."""
    wanted = order("0002")
    first = await world.send(wanted)
    for _ in range(50):
        assert (await world.send(wanted)) == first
    await world.clock.advance(1.0)
    for _ in range(50):
        again = await world.send(wanted)
        assert (again.kind, again.channel_payout_id) == (K.SUCCEEDED, first.channel_payout_id)
    await world.clock.advance(100.0)
    row = world.row(wanted)
    assert row is not None
    assert row["paid_times"] == 1
    assert len(world.delivered) == 1


async def test_the_same_id_with_other_content_is_refused_loudly_and_proves_nothing(world: MockWorld) -> None:
    """No final refusal (the first order stands), an alarm, and no change in the book."""
    await world.send(order("0001"))
    before = world.row(order("0001"))
    answer = await world.send(changed(order("0001"), 99_999))
    assert (answer.kind, answer.finality, answer.alarm) == (K.REJECTED, Finality.UNKNOWN, True)
    assert not answer.channel_fault
    assert world.row(order("0001")) == before


async def test_without_deduplication_a_repeat_pays_again_and_the_book_shows_it(make_world: Make) -> None:
    """The book of a bank with `none` counts every payment: a double payment cannot hide."""
    world = make_world(duplicate_mode="none")
    await world.send(order("0001"))
    second = await world.send(order("0001"))
    assert second.channel_payout_id == f"MOCK-{order('0001').channel_reference}-2"
    row = world.row(order("0001"))
    assert row is not None
    assert row["paid_times"] == 2


async def test_a_query_prefers_the_order_that_paid(make_world: Make) -> None:
    """With several orders under one reference, a payment must not be hidden by a younger order."""
    world = make_world(duplicate_mode="none")
    await world.send(order("0002"))
    await world.clock.advance(1.0)
    await world.send(order("0002"))
    assert (await world.query(order("0002"))).kind is K.SUCCEEDED


async def test_cancel_drops_what_is_pending_and_nothing_else(world: MockWorld) -> None:
    """A cancelled order is never paid, a query says rejected for good; a paid one stays paid."""
    pending, paid = order("0002", 1), order("0001", 2)
    await world.send(pending)
    await world.send(paid)
    await world.clock.advance(0.2)  # the bank is already waiting to pay it
    assert (await world.cancel(pending)).kind is K.REJECTED
    assert (await world.cancel(paid)).kind is K.SUCCEEDED
    assert (await world.cancel(order("0002", 3))).kind is K.ABSENT
    await world.clock.advance(3600.0)
    answer = await world.query(pending)
    assert (answer.kind, answer.reason) == (K.REJECTED, RejectReason.CANCELLED)
    assert answer.finality is Finality.FINAL_ON_REPEAT
    assert [(row["state"], row["paid_times"]) for row in world.channel.books()] == [("cancelled", 0), ("paid", 1)]
    assert world.delivered == []
    assert (await world.send(pending)).kind is K.REJECTED, "a repeat does not bring it back"


async def test_a_killed_gateway_finds_the_same_bank(make_world: Make, path: Path) -> None:
    """Paid stays paid, lost stays lost, pending is paid and told after the restart, at its date and once."""
    world = make_world(book=str(path))
    endings = ["0001", "0002", "0005", "0006", "0008", "0012"]
    orders = {ending: order(ending, number) for number, ending in enumerate(endings, 1)}
    for wanted in orders.values():
        await world.send(wanted)
    await world.clock.advance(0.1)
    await world.restart()
    kinds = {ending: (await world.query(wanted)).kind for ending, wanted in orders.items()}
    assert kinds == {
        "0001": K.SUCCEEDED,
        "0002": K.PENDING,
        "0005": K.ABSENT,
        "0006": K.SUCCEEDED,
        "0008": K.ABSENT,
        "0012": K.PENDING,
    }
    await world.clock.advance(0.199)
    assert world.delivered == []
    await world.clock.advance(0.301)
    assert [kind for _, kind in await world.events()] == ["succeeded", "returned"]
    assert (await world.send(orders["0005"])).kind is K.PENDING
    assert (await world.send(orders["0008"])).channel_code == "500", "the second of its storm, not the first again"
    assert (await world.send(orders["0008"])).kind is K.PENDING
    await world.clock.advance(1.0)
    await world.restart()
    await world.clock.advance(3600.0)
    assert len(world.delivered) == 4
    assert {row["account"][-4:]: row["paid_times"] for row in read_book(path)} == {  # type: ignore[index]
        "0001": 1,
        "0002": 1,
        "0005": 1,
        "0006": 1,
        "0008": 1,
        "0012": 0,
    }
    assert world.channel.books() == read_book(path)


async def test_what_fell_due_while_nobody_ran_happens_at_the_start(make_world: Make, path: Path) -> None:
    """A day later the payment is simply late."""
    world = make_world(book=str(path))
    await world.send(order("0002"))
    await world.channel.close()
    world.clock.move(86_400.0)
    assert [row["state"] for row in read_book(path)] == ["pending"]
    await world.restart()
    await world.clock.advance(0.0)
    assert [row["state"] for row in read_book(path)] == ["paid"]


async def test_a_wall_clock_set_back_delays_nothing(make_world: Make, path: Path) -> None:
    """After a restart an order waits no longer than a fresh one, even if its date seems hours away."""
    world = make_world(book=str(path))
    await world.send(order("0002"))
    world.clock.step_wall(-7200)
    await world.restart()
    await world.clock.advance(0.3)
    assert (await world.query(order("0002"))).kind is K.SUCCEEDED


async def test_a_torn_last_line_is_cut_off_wherever_it_was_torn(make_world: Make, path: Path) -> None:
    """Killed at any byte of a write: what was answered before is there, the torn entry is not, writing goes on."""
    world = make_world(book=str(path))
    await world.send(order("0001", 1))
    kept = path.stat().st_size
    await world.send(order("0001", 2))
    whole = path.read_bytes()
    await world.channel.close()
    for length in range(kept, len(whole), 7):
        path.write_bytes(whole[:length])
        assert [row["channel_reference"] for row in read_book(path)] == [order("0001", 1).channel_reference]
        await world.restart()
        assert (await world.query(order("0001", 2))).kind is K.ABSENT
        assert path.stat().st_size == kept
        assert (await world.send(order("0001", 3))).kind is K.SUCCEEDED
        assert [row["paid_times"] for row in read_book(path)] == [1, 1]
        await world.channel.close()


async def test_a_damaged_line_stops_the_bank_instead_of_being_skipped(make_world: Make, path: Path) -> None:
    """A hole in the book could hide a payment: nothing is taken, every time it is tried."""
    world = make_world(book=str(path))
    await world.send(order("0001", 1))
    await world.channel.close()
    path.write_bytes(b"{}\n" + path.read_bytes())
    with pytest.raises(BookDamaged):
        await world.restart()
    for _ in range(2):
        answer = await world.send(order("0001", 2))
        assert (answer.kind, answer.channel_fault) == (K.UNCLEAR, True)
        assert (await world.query(order("0001", 1))).kind is K.UNCLEAR
        assert (await world.cancel(order("0001", 1))).kind is K.UNCLEAR
    with pytest.raises(BookDamaged):
        read_book(path)


async def test_a_book_that_cannot_be_opened_is_an_unclear_answer_not_a_crash(make_world: Make, tmp_path: Path) -> None:
    """Nothing but a cancellation escapes from a submit; start says what is wrong."""
    world = make_world(book=str(tmp_path / "missing" / "bank.jsonl"))
    with pytest.raises(FileNotFoundError):
        await world.channel.start()
    assert (await world.send(order("0001"))).kind is K.UNCLEAR


async def test_an_entry_is_in_the_file_before_the_answer(make_world: Make, path: Path) -> None:
    """Also when the answer itself never comes."""
    world = make_world(book=str(path))
    await world.send(order("0004"))
    assert [row["paid_times"] for row in read_book(path)] == [1]
    assert path.stat().st_mode & 0o777 == 0o600


async def test_two_processes_share_one_bank(make_world: Make, path: Path) -> None:
    """What one node sent, the other sees: a repeat there is the same order, and both together pay once."""
    one, two = make_world(book=str(path)), make_world(book=str(path))
    wanted = order("0002")
    sent = await one.send(wanted)
    assert (await two.send(wanted)).channel_payout_id == sent.channel_payout_id
    await two.channel.start()
    await one.clock.advance(1.0)
    await two.clock.advance(1.0)
    assert [row["paid_times"] for row in read_book(path)] == [1]
    assert (await one.query(wanted)).kind is (await two.query(wanted)).kind is K.SUCCEEDED


async def test_another_program_reads_the_book_while_the_bank_runs(make_world: Make, path: Path) -> None:
    """`read_book` needs no lock and no channel: an auditor in its own process sees the same rows."""
    world = make_world(book=str(path))
    await world.send(order("0001"))
    program = "import sys, json, pathlib; from adapters.mock.book import read_book; "
    program += "print(json.dumps(read_book(pathlib.Path(sys.argv[1]))))"
    told = subprocess.run([sys.executable, "-c", program, str(path)], check=True, capture_output=True, text=True)
    assert json.loads(told.stdout) == world.channel.books()
