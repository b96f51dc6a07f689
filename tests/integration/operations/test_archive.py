"""Payouts that ended long ago are moved to archives: whole, provably, and never into nowhere."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import TypeVar
from uuid import UUID

import pytest

from adapters.channel import Notice, RawNotification
from gateway.archive import manifest
from gateway.archive.lines import Damaged
from gateway.archive.verify import check_archive
from gateway.archive.volume import PARTIAL, Volume
from gateway.domain.archived import PayoutArchived, Stays
from gateway.domain.audit import Act, verify
from gateway.domain.batch import Batch, BatchForm
from gateway.domain.errors import NotFound, ReferenceReused, StoreUnavailable
from gateway.domain.identity import batch_id
from gateway.domain.money import Money
from gateway.domain.outcome import Finality, OutcomeKind
from gateway.domain.outcome import Heard as How
from gateway.domain.payout import Payout
from gateway.domain.reasons import RejectReason
from gateway.domain.safety import Safety
from gateway.domain.status import Status
from gateway.operations import archive as archiving
from gateway.operations import desk, read
from gateway.operations.accept import PayoutRequest, accept
from gateway.operations.archive import Archived, Archivist, archive
from gateway.operations.cancel import cancel
from gateway.operations.observe import observe
from gateway.operations.retry import RetryWish, retry
from gateway.operations.standing import write_safety
from gateway.store.archiving import MOVED
from gateway.store.port import ReadTx, Store, Tx
from gateway.store.records import Delivery, SeenNotification
from tests.support.builders import BENEFICIARY, NOW, an_answer
from tests.support.scripted import MONEY, ScriptedGateway, scripted_gateway
from tests.support.sealed_books import FirstLayoutSealer

T = TypeVar("T")
K = OutcomeKind
CLOSED_ACCOUNT = an_answer(K.REJECTED, finality=Finality.FINAL, reason=RejectReason.PAYEE_ACCOUNT_CLOSED)
HALF_A_YEAR = timedelta(days=180)


def a_gateway() -> ScriptedGateway:
    """Whose app is told nothing, so that no callback is open."""
    made = scripted_gateway()
    made.services = replace(made.services, endpoints={})
    return made


async def paid(gateway: ScriptedGateway, reference: str, **fields: object) -> Payout:
    gateway.channels["alpha"].submits.append(an_answer(K.SUCCEEDED, channel_payout_id=f"C-{reference}"))
    return await gateway.accept(reference, **fields)


async def failed_one(gateway: ScriptedGateway) -> Payout:
    """And followed for as long as a failure is."""
    alpha = gateway.channels["alpha"]
    alpha.submits.append(CLOSED_ACCOUNT)
    payout = await gateway.accept("order-1")
    alpha.queries += [replace(CLOSED_ACCOUNT, heard=How.QUERY)] * 9
    while (await gateway.payout(payout.id)).attempt(1).due_at is not None:
        await gateway.pass_time(days=1)
    return await gateway.payout(payout.id)


async def aged(gateway: ScriptedGateway) -> None:
    """Half a year later a payout is taken in: the newest event is its."""
    gateway.clock.move(HALF_A_YEAR.total_seconds())
    await gateway.accept("newest")


def archivist(gateway: ScriptedGateway, folder: Path, store: Store | None = None) -> Archivist:
    services = gateway.services
    return Archivist(store or gateway.store, gateway.clock, services.new_uuid, folder, "sandbox", "0.1.0", "0021")


async def run(gateway: ScriptedGateway, folder: Path, at_most: int = 1000, store: Store | None = None) -> Archived:
    it = archivist(gateway, folder, store)
    return await archive(it, gateway.clock.now() - HALF_A_YEAR + timedelta(seconds=1), at_most)


def names_in(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


def archived_in(folder: Path) -> set[str]:
    """Payouts in whole archives."""
    found: set[str] = set()
    for each in folder.iterdir():
        if not each.name.endswith(PARTIAL):
            checked = check_archive(each)
            assert checked.problems == ()
            found |= checked.digests.keys()
    return found


async def stored(gateway: ScriptedGateway, payout: Payout) -> bool:
    return await gateway.store.read(lambda tx: tx.payout(payout.id)) is not None


# Moving --------------------------------------------------------------------------------------------------------------


async def test_what_ended_half_a_year_ago_is_moved(tmp_path: Path) -> None:
    """With a manifest that counts every row, and a line in the audit that has the manifest's hash; the rest stays."""
    gateway = a_gateway()
    old = [await paid(gateway, f"order-{number}") for number in range(5)]
    gateway.clock.move(86400)
    young = await paid(gateway, "young")
    gateway.clock.move((HALF_A_YEAR - timedelta(days=1)).total_seconds())
    await gateway.accept("newest")
    done = await run(gateway, tmp_path)
    assert (done.moved, len(done.archives), done.stay) == (5, 1, {})  # one that was taken in since is not looked at
    (made,) = done.archives
    ids = sorted(each.id for each in old)  # they are as old as each other
    assert (made.payouts, made.first, made.last) == (5, ids[0], ids[-1])
    rows = {part.table: part.rows for part in made.parts}
    assert list(rows) == [table.name for table in MOVED]
    assert (rows["payouts"], rows["attempts"], rows["evidence"]) == (5, 5, 5)
    assert rows["events"] == sum(each.last_event for each in old)
    assert archived_in(tmp_path) == {each.id for each in old}
    assert [await stored(gateway, each) for each in (*old, young)] == [False] * 5 + [True]
    lines = await gateway.store.read(lambda tx: tx.audit(0, 10))
    assert verify(lines).broken_at is None
    deed = lines[-1].deed
    assert (deed.act, deed.actor, deed.subject) == (Act.PAYOUTS_ARCHIVED, "command", made.name)
    assert deed.detail == {"payouts": 5, "manifest_sha256": made.sha256}
    assert manifest.read(tmp_path / made.name).sha256 == made.sha256


async def test_said_again_nothing_more_is_done(tmp_path: Path) -> None:
    """No archive without a payout, and nothing half made is left."""
    gateway = a_gateway()
    await paid(gateway, "order-1")
    await aged(gateway)
    await run(gateway, tmp_path)
    before = names_in(tmp_path)
    done = await run(gateway, tmp_path)
    assert (done.moved, done.archives) == (0, [])
    assert names_in(tmp_path) == before


async def test_archives_are_of_a_bounded_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One after the other; and a run may be told how many payouts at most."""
    monkeypatch.setattr(archiving, "PAYOUTS_MAX", 2)
    monkeypatch.setattr(archiving, "PAGE", 3)
    gateway = a_gateway()
    old = [await paid(gateway, f"order-{number}") for number in range(7)]
    await aged(gateway)
    first = await run(gateway, tmp_path, at_most=3)
    assert [each.payouts for each in first.archives] == [2, 1]
    rest = await run(gateway, tmp_path)
    assert [each.payouts for each in rest.archives] == [2, 2]
    assert archived_in(tmp_path) == {each.id for each in old}


async def test_values_stay_sealed(tmp_path: Path) -> None:
    """Nothing of the payee stands in any file in the clear."""
    gateway = a_gateway()
    await paid(gateway, "order-1", description="rent of May", metadata={"user": "u-77"})
    await aged(gateway)
    (made,) = (await run(gateway, tmp_path)).archives
    told = b"".join(gzip.decompress((tmp_path / made.name / part.file).read_bytes()) for part in made.parts)
    assert b"order-1" in told
    for secret in (BENEFICIARY.account_number, BENEFICIARY.name, "rent of May", "u-77"):
        assert secret.encode() not in told
        assert secret.encode().hex().encode() not in told


# What stays ----------------------------------------------------------------------------------------------------------


async def test_an_open_callback_keeps_it(tmp_path: Path) -> None:
    """Until its app was told; one that was given up half a year ago does not."""
    gateway = scripted_gateway()
    payout = await paid(gateway, "order-1")
    await aged(gateway)
    assert (await run(gateway, tmp_path)).stay == {Stays.CALLBACKS_DUE: 1}

    def given_up(tx: Tx) -> None:
        for each in tx.callbacks(payout.id):
            tx.record_delivery(replace(each, due_at=None, parked_at=NOW), Delivery(NOW, 500, "no", 1))

    await gateway.store.run(given_up)
    assert (await run(gateway, tmp_path)).moved == 1


async def test_a_retry_and_what_it_orders_again_go_together(tmp_path: Path) -> None:
    """Neither while the other stays; both into one archive."""
    gateway = a_gateway()
    failed = await failed_one(gateway)
    gateway.clock.move(86400)
    made = await retry(gateway.services, RetryWish("acme", failed.id, "again"))
    gateway.clock.move(86400)
    gateway.channels["alpha"].submits.append(an_answer(K.SUCCEEDED))
    await gateway.run_handed()
    gateway.clock.move((HALF_A_YEAR - timedelta(days=1)).total_seconds())
    await gateway.accept("newest")
    kept = await run(gateway, tmp_path)
    assert (kept.moved, kept.archives) == (0, [])
    assert kept.stay == {Stays.RETRY_STAYS: 1, Stays.RECENT: 1}
    gateway.clock.move(86400)
    done = await run(gateway, tmp_path)
    assert (done.moved, [each.payouts for each in done.archives]) == (2, [2])
    again = await gateway.store.read(lambda tx: tx.archived(made.payout.id))
    assert again is not None
    assert again.retry_of == failed.id


async def test_a_retry_that_stays_keeps_what_it_orders_again(tmp_path: Path) -> None:
    """Of a failed payout that is old enough itself."""
    gateway = a_gateway()
    failed = await failed_one(gateway)
    made = await retry(gateway.services, RetryWish("acme", failed.id, "again"))
    gateway.handed.clear()  # nobody works on it
    await aged(gateway)
    done = await run(gateway, tmp_path)
    assert (done.moved, done.stay) == (0, {Stays.RETRY_STAYS: 1})
    assert await stored(gateway, made.payout)


async def test_an_open_batch_keeps_its_payouts(tmp_path: Path) -> None:
    """Until all of its payouts have ended."""
    gateway = a_gateway()
    batch = Batch(batch_id(0, UUID(int=1)), 0, "acme", "batch-1", BatchForm.JSON, NOW, items=2)
    await gateway.store.run(lambda tx: tx.add_batch(batch))
    await paid(gateway, "order-1", batch_id=batch.id)
    await aged(gateway)
    assert (await run(gateway, tmp_path)).stay == {Stays.BATCH_OPEN: 1}
    await gateway.store.run(lambda tx: tx.save_batch(batch, replace(batch, completed_at=NOW), None))
    assert (await run(gateway, tmp_path)).moved == 1


async def test_the_newest_event_stays_where_the_store_counts_by_it(tmp_path: Path) -> None:
    """Else a store of which everything was archived would pass for an older copy of itself."""
    gateway = a_gateway()
    await paid(gateway, "order-1")
    gateway.clock.move(HALF_A_YEAR.total_seconds())
    before = await gateway.store.read(lambda tx: tx.high_water())
    done = await run(gateway, tmp_path)
    assert (done.moved, done.archives, done.stay) == (0, [], {Stays.NEWEST: 1})
    assert await gateway.store.read(lambda tx: tx.high_water()) == before > 0


async def test_a_value_under_a_sealing_key_itself_stays(tmp_path: Path) -> None:
    """A rotation would bring it under the new key, and does not reach into archives."""
    gateway = a_gateway()
    payout = await paid(gateway, "order-1")
    await aged(gateway)
    sealed = FirstLayoutSealer(bytes(32)).seal(b"raw", "notifications|raw|alpha/e")

    def of_old(tx: Tx) -> None:
        tx.note_notification(SeenNotification("alpha", "e", payout.shard, payout.id, NOW, b"raw", b"said"))
        tx._connection.exec_driver_sql("UPDATE notifications SET raw_sealed = x'" + sealed.hex() + "'")  # type: ignore[attr-defined]  # past the port: nothing writes it any more

    await gateway.store.run(of_old)
    assert (await run(gateway, tmp_path)).stay == {Stays.OLD_SEAL: 1}


async def test_nothing_leaves_a_store_in_quarantine(tmp_path: Path) -> None:
    """People look first whether it is the store that it should be."""
    gateway = a_gateway()
    await paid(gateway, "order-1")
    await aged(gateway)
    await gateway.store.run(lambda tx: write_safety(tx, Safety(quarantined_at=NOW, why="a copy")))
    with pytest.raises(StoreUnavailable, match="quarantine"):
        await run(gateway, tmp_path)
    assert names_in(tmp_path) == []


# Crashes and damage --------------------------------------------------------------------------------------------------


class Dying:
    """A store whose process dies before the n-th unit."""

    def __init__(self, store: Store, units: int) -> None:
        self._store = store
        self._left = units

    async def run(self, unit: Callable[[Tx], T]) -> T:
        if self._left == 0:
            raise StoreUnavailable("gone")
        self._left -= 1
        return await self._store.run(unit)

    async def read(self, query: Callable[[ReadTx], T]) -> T:
        return await self._store.read(query)

    async def close(self) -> None:
        await self._store.close()


@pytest.mark.parametrize("units", range(6))
async def test_a_crash_loses_nothing(tmp_path: Path, units: int) -> None:
    """Wherever it dies, each payout is in the store or in a whole archive; the next run goes on to the end."""
    gateway = a_gateway()
    old = [await paid(gateway, f"order-{number}") for number in range(5)]
    await aged(gateway)
    with pytest.raises(StoreUnavailable):
        await run(gateway, tmp_path, store=Dying(gateway.store, units))
    there = {each.id for each in old if await stored(gateway, each)}
    assert len(there) == 5 - max(units - 1, 0)
    assert there | archived_in(tmp_path) == {each.id for each in old}
    assert (await run(gateway, tmp_path)).moved == len(there)
    assert archived_in(tmp_path) == {each.id for each in old}
    assert not any([await stored(gateway, each) for each in old])


async def test_a_crash_while_files_are_written_deletes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it leaves is no archive, and is called so; the next run does not mind it."""
    gateway = a_gateway()
    payout = await paid(gateway, "order-1")
    await aged(gateway)

    def full(*_: object) -> None:
        raise OSError("no space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("gateway.archive.volume.os.fsync", full)
        with pytest.raises(OSError, match="no space"):
            await run(gateway, tmp_path)
    assert [each.endswith(PARTIAL) for each in names_in(tmp_path)] == [True]
    assert await stored(gateway, payout)
    assert (await run(gateway, tmp_path)).moved == 1


async def test_a_disk_that_lies_is_noticed_before_anything_is_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is read back is not what was written: the payout stays."""
    gateway = a_gateway()
    payout = await paid(gateway, "order-1")
    await aged(gateway)
    really = Volume.finish

    def rotten(volume: Volume, **told: str) -> object:
        (part,) = tmp_path.glob("*/events.csv.gz")
        volume._files["events"]._packed.flush()
        volume._files["events"]._raw.flush()
        held = bytearray(part.read_bytes())
        held[20] ^= 1
        part.write_bytes(bytes(held))
        return really(volume, **told)

    monkeypatch.setattr(Volume, "finish", rotten)
    with pytest.raises(Damaged):
        await run(gateway, tmp_path)
    assert await stored(gateway, payout)


async def test_what_changed_meanwhile_stays(tmp_path: Path) -> None:
    """Evidence that came between writing and deleting: the archive has the older state, the store the newer."""
    gateway = a_gateway()
    payout = await paid(gateway, "order-1")
    await aged(gateway)

    class Told(Dying):
        async def run(self, unit: Callable[[Tx], T]) -> T:
            if self._left == 0:  # the audit has its line; now it is deleted
                self._left = -1
                seen = SeenNotification("alpha", "late", payout.shard, payout.id, NOW, b"raw", b"said")
                await gateway.store.run(lambda tx: tx.note_notification(seen))
            self._left -= 1
            return await gateway.store.run(unit)

    done = await run(gateway, tmp_path, store=Told(gateway.store, 1))
    assert (done.moved, done.stay) == (0, {Stays.CHANGED: 1})
    assert await stored(gateway, payout)


@pytest.mark.parametrize("table", [table.name for table in MOVED])
async def test_a_changed_byte_is_found(tmp_path: Path, table: str) -> None:
    """In any of the files, and in the manifest."""
    gateway = a_gateway()
    await paid(gateway, "order-1")
    await aged(gateway)
    (made,) = (await run(gateway, tmp_path)).archives
    path = tmp_path / made.name / f"{table}.csv.gz"
    whole = path.read_bytes()
    for place in (0, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        assert check_archive(tmp_path / made.name).problems, place
    path.write_bytes(whole[:-1])
    assert check_archive(tmp_path / made.name).problems
    path.unlink()
    assert check_archive(tmp_path / made.name).problems == (f"{table}.csv.gz: it is missing",) or table in (
        "payouts",
        "events",
        "callbacks",
    )
    path.write_bytes(whole)
    assert check_archive(tmp_path / made.name).problems == ()


async def test_a_manifest_that_was_made_to_fit_is_found_by_what_is_missing(tmp_path: Path) -> None:
    """Somebody takes out a row and writes counts and hashes anew: the history has a gap; the audit has another hash."""
    gateway = a_gateway()
    await paid(gateway, "order-1")
    await aged(gateway)
    (made,) = (await run(gateway, tmp_path)).archives
    place = tmp_path / made.name
    part = next(each for each in made.parts if each.table == "events")
    lines = gzip.decompress((place / part.file).read_bytes()).splitlines(keepends=True)
    (place / part.file).write_bytes(gzip.compress(b"".join([*lines[:2], *lines[3:]]), mtime=0))
    told = json.loads((place / manifest.FILE).read_bytes())
    held = (place / part.file).read_bytes()
    for each in told["parts"]:
        if each["table"] == "events":
            each |= {"rows": part.rows - 1, "bytes": len(held), "sha256": sha256(held).hexdigest()}
    (place / manifest.FILE).write_bytes(json.dumps(told, ensure_ascii=False, indent=1).encode() + b"\n")
    problems = check_archive(place).problems
    assert any("a gap in its events" in each for each in problems)
    assert manifest.read(place).sha256 != made.sha256


async def test_what_does_not_belong_to_an_archive_is_found(tmp_path: Path) -> None:
    """A file beside the others, another name, a manifest that says something else, or none."""
    gateway = a_gateway()
    await paid(gateway, "order-1")
    await aged(gateway)
    (made,) = (await run(gateway, tmp_path)).archives
    place = tmp_path / made.name
    (place / "more.csv.gz").write_bytes(b"")
    assert check_archive(place).problems == ("more.csv.gz does not belong to it",)
    (place / "more.csv.gz").unlink()
    moved = place.rename(tmp_path / "another")
    assert check_archive(moved).problems == (f"its name was {made.name}",)
    sheet = moved / manifest.FILE
    sheet.write_bytes(sheet.read_bytes() + b" ")
    assert check_archive(moved).problems == ("manifest.json is not as it was written",)
    sheet.write_bytes(b"[]")
    assert "no manifest" in check_archive(moved).problems[0]
    sheet.unlink()
    assert check_archive(moved).problems


# Afterwards ----------------------------------------------------------------------------------------------------------


async def archived_one(tmp_path: Path) -> tuple[ScriptedGateway, Payout]:
    gateway = a_gateway()
    payout = await paid(gateway, "order-1")
    await aged(gateway)
    assert (await run(gateway, tmp_path)).moved == 1
    return gateway, payout


async def test_the_same_order_is_never_paid_again(tmp_path: Path) -> None:
    """Known with how it ended; other content under its reference is refused, as ever."""
    gateway, payout = await archived_one(tmp_path)
    sent = list(gateway.channels["alpha"].sent)
    with pytest.raises(PayoutArchived) as known:
        await accept(gateway.services, PayoutRequest("acme", "order-1", MONEY, BENEFICIARY))
    assert (known.value.payout.id, known.value.payout.status) == (payout.id, Status.PAID)
    with pytest.raises(ReferenceReused):
        await accept(gateway.services, PayoutRequest("acme", "order-1", Money(1, "CNY"), BENEFICIARY))
    await gateway.run_handed()
    assert (gateway.channels["alpha"].sent, gateway.channels["beta"].sent) == (sent, [])
    assert not await stored(gateway, payout)


async def test_whoever_asks_is_told(tmp_path: Path) -> None:
    """Its app by id and reference; another app is not told that it was there; nothing can be done with it."""
    gateway, payout = await archived_one(tmp_path)
    services = gateway.services
    for asked in (read.get(services, "acme", payout.id), read.by_reference(services, "acme", "order-1")):
        with pytest.raises(PayoutArchived):
            await asked
    for done in (
        read.timeline(services, "acme", payout.id),
        cancel(services, "acme", payout.id),
        retry(services, RetryWish("acme", payout.id, "again")),
        desk.file_of(services, payout.id),
    ):
        with pytest.raises(PayoutArchived):
            await done
    with pytest.raises(NotFound):
        await read.get(services, "rival", payout.id)
    with pytest.raises(NotFound):
        await cancel(services, "rival", payout.id)


@pytest.mark.parametrize("by", ["our id", "the channel's id"])
async def test_late_evidence_finds_its_payout(tmp_path: Path, by: str) -> None:
    """It is kept, it is one incident however often it comes, it is acknowledged, and no payment comes of it."""
    gateway, payout = await archived_one(tmp_path)
    attempt = payout.attempt(1)
    answer = an_answer(K.RETURNED, How.NOTIFICATION)
    notice = (
        Notice(answer, channel_reference=attempt.channel_reference)
        if by == "our id"
        else Notice(answer, channel_payout_id=attempt.channel_payout_id)
    )
    gateway.channels["alpha"].notices["back"] = ("E1", None, (notice,))
    gateway.channels["alpha"].notices["again"] = ("E2", None, (notice,))
    before = await gateway.store.read(lambda tx: tx.counts())
    for body in ("back", "back", "again"):
        raw = RawNotification("POST", "/notify/alpha/token", (), body.encode(), gateway.clock.now())
        assert (await observe(gateway.services, "alpha", raw)).status == 200
    kept = await gateway.store.read(lambda tx: tx.archived(payout.id))
    assert kept is not None
    found = await desk.file_of_archived(gateway.services, kept)
    (incident,) = found.incidents
    assert (incident.kind, incident.attempt) == ("late_evidence", 1)
    assert "returned" in incident.detail
    seen = SeenNotification("alpha", "E1", payout.shard, payout.id, NOW, b"", b"other")
    assert str(await gateway.store.run(lambda tx: tx.note_notification(seen))) == "conflict"
    assert await gateway.store.read(lambda tx: tx.counts()) == before
    assert gateway.channels["beta"].sent == []


async def test_another_channels_notification_is_an_orphan(tmp_path: Path) -> None:
    """An id that beta names is not alpha's order, archived or not."""
    gateway, payout = await archived_one(tmp_path)
    notice = Notice(an_answer(K.SUCCEEDED, How.NOTIFICATION), channel_reference=payout.attempt(1).channel_reference)
    gateway.channels["beta"].notices["paid"] = ("E1", None, (notice,))
    raw = RawNotification("POST", "/notify/beta/token", (), b"paid", NOW)
    assert (await observe(gateway.services, "beta", raw)).status == 404
    assert list(await gateway.store.read(lambda tx: tx.archived_incidents(payout.id))) == []
