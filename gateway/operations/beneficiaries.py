"""Saved beneficiaries: kept for their app, found again by account, and copied into the payout that names one.

The same payee saved twice is one: its account's blind index leads to it, and what it opens to decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import structlog

from gateway.blind_index import BlindIndex
from gateway.domain.archived import PayoutArchived
from gateway.domain.beneficiary import Beneficiary, Saved, SavedBeneficiary, personal
from gateway.domain.errors import CommitUnknown, NotFound, StaleWrite
from gateway.domain.identity import beneficiary_id
from gateway.failpoints import Commit, Unit
from gateway.operations.missing import missing
from gateway.operations.once import Once, once
from gateway.operations.services import Services
from gateway.redact import private
from gateway.store.port import ReadTx, Tx

log: structlog.stdlib.BoundLogger = structlog.get_logger()

CALL = "createBeneficiary"
SAME_ACCOUNT_MAX = 20
"""How many of one account are looked at."""


@dataclass(frozen=True, slots=True)
class Kept:
    """The saved beneficiary; `known` when it was saved before."""

    saved: SavedBeneficiary
    known: bool
    same_account: tuple[str, ...]
    """Others of the app with this account, under another name or bank."""


async def save(services: Services, app: str, beneficiary: Beneficiary, key: str | None) -> Kept:
    """Keep it for the app, once. `key` is the call's `Idempotency-Key`.

    Raises:
        IdempotencyKeyReused: nothing was changed.
        NotFound: what was made under this key was deleted since.
        CommitUnknown, StoreUnavailable: as in `accept`.
    """
    now = services.clock.now()
    made = SavedBeneficiary(beneficiary_id(services.new_uuid()), app, beneficiary, now)
    index = BlindIndex(services.keys.fingerprint).of_beneficiary(beneficiary)
    content = {"kind": str(beneficiary.kind), **asdict(beneficiary)}
    under = None if key is None else once(services, app, CALL, key, content)
    unit = Unit(Commit.BENEFICIARY, lambda tx: _keep(tx, made, index, under))
    with private(*personal(beneficiary)):
        try:
            kept = await services.store.run(unit)
        except (CommitUnknown, StaleWrite):
            kept = await services.store.run(unit)
    if not kept.known:
        log.info("beneficiary.saved", beneficiary=kept.saved.id, app=app)
    return kept


def _keep(tx: Tx, made: SavedBeneficiary, index: bytes, under: Once | None) -> Kept:
    there = tx.beneficiaries_at(made.app, index, SAME_ACCOUNT_MAX)
    recalled = None if under is None else under.recall(tx)
    if recalled is None:
        saved = next((each for each in there if each.beneficiary == made.beneficiary), None)
        if saved is None:
            tx.add_beneficiary(made, index)
        saved = saved or made
        if under is not None:
            under.keep(tx, saved.id)
    else:
        saved = _owned(tx, made.app, recalled)
    alike = (each for each in there if each.beneficiary.account == made.beneficiary.account)
    return Kept(saved, saved.id != made.id, tuple(each.id for each in alike if each.id != saved.id))


def _owned(tx: ReadTx, app: str, wanted: str) -> SavedBeneficiary:
    found = tx.beneficiary(app, wanted)
    if found is None:
        raise NotFound(wanted)
    return found


async def get(services: Services, app: str, wanted: str) -> SavedBeneficiary:
    """The app's. Raises `NotFound`."""
    return await services.store.read(lambda tx: _owned(tx, app, wanted))


async def page(
    services: Services, app: str, before: str | None, limit: int
) -> tuple[tuple[SavedBeneficiary, ...], bool]:
    """Up to `limit`, newest first, and whether there are more."""
    found = await services.store.read(lambda tx: tx.beneficiaries(app, before, limit + 1))
    return tuple(found[:limit]), len(found) > limit


async def delete(services: Services, app: str, wanted: str) -> None:
    """Keep it no longer. Payouts have copies of their own. Raises `NotFound`."""
    if not await services.store.run(Unit(Commit.BENEFICIARY, lambda tx: tx.drop_beneficiary(app, wanted))):
        raise NotFound(wanted)
    log.info("beneficiary.deleted", beneficiary=wanted, app=app)


async def resolve(
    services: Services, app: str, named: Saved, reference: str, retry_of: str | None = None
) -> Beneficiary | None:
    """Who is meant; None where nobody is.

    An order that is known has its own copy, and is answered by it: also when the one it named is saved no longer.
    """

    def query(tx: ReadTx) -> Beneficiary | None:
        saved = tx.beneficiary(app, named.id)
        return _copied(tx, app, reference) if saved is None else saved.beneficiary

    found = await services.store.read(query)
    if found is not None or retry_of is None:
        return found
    intent = await services.store.read(lambda tx: tx.retry(retry_of))  # written down, and not accepted yet
    return intent.beneficiary if intent is not None and intent.reference == reference else None


async def resolve_all(services: Services, app: str, named: Mapping[str, Saved]) -> Mapping[str, Beneficiary]:
    """Of several orders at once, by their references; what leads to nobody is not there."""

    def query(tx: ReadTx) -> dict[str, Beneficiary]:
        found = {each.id: tx.beneficiary(app, each.id) for each in set(named.values())}
        there = {reference: found[each.id] for reference, each in named.items()}
        return {reference: saved.beneficiary for reference, saved in there.items() if saved is not None}

    known = await services.store.read(query) if named else {}
    for reference in named.keys() - known.keys():
        try:
            copied = await resolve(services, app, named[reference], reference)
        except PayoutArchived:  # its copy went with it
            continue
        if copied is not None:
            known[reference] = copied
    return known


def _copied(tx: ReadTx, app: str, reference: str) -> Beneficiary | None:
    known = tx.reference(app, reference)
    if known is None:
        return None
    payout = tx.payout(known.payout_id)
    if payout is None:
        raise missing(tx, known.payout_id)
    return payout.beneficiary
