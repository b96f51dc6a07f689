"""Move payouts that ended long ago from the store to archives, an archive of some thousands after the other.

For each archive: what may go is looked for and written, brought to the disk, read back; its name and hash go into the
audit; and only then each payout is deleted, in a unit of its own (which names one shard), if all that the store has of
it is still what was read back. A crash leaves at worst a folder that was never finished, or payouts that are in an
archive and in the store: the next run archives them once more. A payout may be in two archives, never in none.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from uuid import UUID

import structlog

from gateway.archive.manifest import Manifest
from gateway.archive.verify import digest_of
from gateway.archive.volume import Volume
from gateway.clock import Clock
from gateway.domain.archived import Stays, stays
from gateway.domain.audit import Act, Deed
from gateway.domain.errors import StoreUnavailable
from gateway.domain.view import timestamp
from gateway.failpoints import Unit
from gateway.operations.standing import read_safety
from gateway.store.archiving import Dossier, Mark, standing_of
from gateway.store.port import ReadTx, Store, Tx

log: structlog.stdlib.BoundLogger = structlog.get_logger()

PAYOUTS_MAX = 10_000
"""In one archive: what is written in vain where a run is stopped."""
PAGE = 200
"""As many are looked for at once."""
AT_ONCE = 50
"""As many units are queued at once: the writer commits them together."""
COMMAND = "command"
"""Who did it, in the audit."""
ARCHIVED = "archived"
"""The name of its units. It is no failpoint: those are of a gateway that serves."""


@dataclass(frozen=True, slots=True)
class Archivist:
    """What the work is done with."""

    store: Store
    clock: Clock
    new_uuid: Callable[[], UUID]
    folder: Path
    """Where archives lie."""
    mode: str
    version: str
    schema: str
    """The revision of the store."""


@dataclass(slots=True)
class Archived:
    """What a run came to."""

    archives: list[Manifest] = field(default_factory=list)
    moved: int = 0
    stay: Counter[Stays] = field(default_factory=Counter)
    """Payouts that have ended and that nobody works on, and why they were not moved."""


@dataclass(slots=True)
class _Looking:
    """How far the run has come."""

    until: datetime
    left: int
    """As many may still be archived."""
    mark: Mark | None = None
    with_others: set[str] = field(default_factory=set)
    """Those that were archived when another one of their chain was met."""
    completed: set[str] = field(default_factory=set)
    """Batches that are known to be."""


async def archive(it: Archivist, until: datetime, payouts_max: int) -> Archived:
    """Move up to `payouts_max` payouts to which nothing happened from `until` on. A chain of retries goes whole.

    Raises:
        Damaged: what was written to the disk is not what is read from it; nothing of that archive was deleted.
        OSError: the folder cannot be written; likewise.
        StoreUnavailable, CommitUnknown: as far as it came, it is done.
    """
    safety = await it.store.read(read_safety)
    if safety.quarantined:
        raise StoreUnavailable("the store is in quarantine: nothing is moved out of it before people looked")
    done, looking = Archived(), _Looking(until, payouts_max)
    while looking.left > 0:
        with Volume(it.folder, _name(it)) as volume:
            await _fill(it, looking, volume, done.stay)
            if not volume.payouts:
                volume.drop()
                break
            made, digests = await _finish(it, volume, until)
        done.archives.append(made)
        done.moved += await _move(it, made, digests, until, done.stay)
        log.info("archive.made", archive=made.name, payouts=made.payouts, moved=done.moved)
    return done


def _name(it: Archivist) -> str:
    return f"paymux-{it.clock.now():%Y%m%dT%H%M%SZ}-{it.new_uuid().hex[-8:]}"


# Looking and writing -------------------------------------------------------------------------------------------------


async def _fill(it: Archivist, looking: _Looking, volume: Volume, left_out: Counter[Stays]) -> None:
    """Write what may go to the volume, until it is full or there is nothing more."""
    while len(volume.payouts) < PAYOUTS_MAX and looking.left > 0:
        after = looking.mark
        page = await it.store.read(lambda tx: tx.finished(looking.until, after, PAGE))  # noqa: B023 - awaited here
        if not page:
            return
        for mark in page:
            looking.mark = mark
            if mark.payout_id in looking.with_others:
                continue
            await _put(it, looking, mark.payout_id, volume, left_out)
            if len(volume.payouts) >= PAYOUTS_MAX or looking.left <= 0:
                return


async def _put(it: Archivist, looking: _Looking, payout_id: str, volume: Volume, left_out: Counter[Stays]) -> None:
    chain = await _chain(it, looking, payout_id)
    if isinstance(chain, Stays):
        left_out[chain] += 1
        return
    for dossier in chain:
        volume.add(dossier)
    looking.left -= len(chain)
    if len(chain) > 1:
        looking.with_others |= {each.payout_id for each in chain}


async def _chain(it: Archivist, looking: _Looking, payout_id: str) -> list[Dossier] | Stays:
    """It and what is linked to it as its retry; or why it stays. One that is archived already is no reason."""
    first = await _dossier(it, payout_id)
    if first is None:  # another run was here
        return []
    why = await _why(it, looking, first)
    if why is not None:
        return why
    found, ahead = {payout_id: first}, _links(first)
    while ahead:
        linked = ahead.pop()
        if linked in found:
            continue
        other = await _dossier(it, linked)
        if other is None:
            if await it.store.read(lambda tx: tx.archived(linked)) is None:  # noqa: B023 - awaited here
                return Stays.RETRY_STAYS
            continue
        if await _why(it, looking, other) is not None:
            return Stays.RETRY_STAYS
        found[linked] = other
        ahead += _links(other)
    return list(found.values())


async def _dossier(it: Archivist, payout_id: str) -> Dossier | None:
    return await it.store.read(lambda tx: tx.dossier(payout_id))


def _why_of(tx: ReadTx, dossier: Dossier, until: datetime) -> Stays | None:
    return stays(standing_of(dossier, newest=tx.has_newest_event(dossier.payout_id)), until)


def _links(dossier: Dossier) -> list[str]:
    links: tuple[str | None, ...] = (dossier.payout.retry_of, dossier.payout.retried_as)
    return [each for each in links if each is not None]


async def _why(it: Archivist, looking: _Looking, dossier: Dossier) -> Stays | None:
    why = await it.store.read(lambda tx: _why_of(tx, dossier, looking.until))
    batch_id: str | None = dossier.payout.batch_id
    if why is not None or batch_id is None or batch_id in looking.completed:
        return why
    batch = await it.store.read(lambda tx: tx.batch(batch_id))
    if batch is None or batch.completed_at is None:
        return Stays.BATCH_OPEN
    looking.completed.add(batch_id)
    return None


async def _finish(it: Archivist, volume: Volume, until: datetime) -> tuple[Manifest, Mapping[str, bytes]]:
    """The archive as it lies on the disk, and in the audit."""
    now = it.clock.now()
    told = {"made_at": timestamp(now), "until": timestamp(until)}
    made, checked = await asyncio.to_thread(volume.finish, **told, mode=it.mode, version=it.version, schema=it.schema)
    detail: dict[str, str | int | bool | None] = {"payouts": made.payouts, "manifest_sha256": made.sha256}
    deed = Deed(now, COMMAND, Act.PAYOUTS_ARCHIVED, made.name, detail)
    await it.store.run(Unit(ARCHIVED, lambda tx: tx.append_audit(deed)))
    return made, checked.digests


# Deleting ------------------------------------------------------------------------------------------------------------


async def _move(
    it: Archivist, made: Manifest, digests: Mapping[str, bytes], until: datetime, left_out: Counter[Stays]
) -> int:
    """Take out of the store what lies in the archive, as it lies there; how many."""
    ids, moved = list(digests), 0
    for first in range(0, len(ids), AT_ONCE):
        some = [_move_one(it, made.name, each, digests[each], until) for each in ids[first : first + AT_ONCE]]
        for why in await asyncio.gather(*some):
            if why is None:
                moved += 1
            else:
                left_out[why] += 1
    return moved


async def _move_one(it: Archivist, archive: str, payout_id: str, digest: bytes, until: datetime) -> Stays | None:
    def unit(tx: Tx) -> Stays | None:
        dossier = tx.dossier(payout_id)
        if dossier is None or digest_of(dossier) != digest:
            return Stays.CHANGED
        why = _why_of(tx, dossier, until)
        if why is None:
            tx.archive(dossier, archive, it.clock.now())
        return why

    return await it.store.run(Unit(ARCHIVED, unit))
