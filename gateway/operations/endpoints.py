"""An app's callback endpoints: those of the configuration, which only the operator changes, and those it makes itself.

A secret that is made here is shown in the answer that made it, and never again: apart from a repeat of that very call
under its `Idempotency-Key`, whose first answer may have been lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from gateway.callbacks.endpoint import Endpoint
from gateway.callbacks.signing import new_secret, new_signing_key
from gateway.domain.endpoint import AppEndpoint, KeyKind, SigningKey
from gateway.domain.errors import CommitUnknown, EndpointRefused, NotFound, StaleWrite
from gateway.failpoints import Commit, Unit
from gateway.operations.once import Once, once
from gateway.operations.recipients import configured
from gateway.operations.services import Services
from gateway.store.port import ReadTx, Tx

log: structlog.stdlib.BoundLogger = structlog.get_logger()

ENDPOINTS_MAX = 16
"""How many an app may make."""

Address = Endpoint | AppEndpoint
"""One of the configuration, or one that its app made."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an app asks for."""

    app: str
    url: str
    events: frozenset[str]
    kinds: Sequence[KeyKind]


@dataclass(frozen=True, slots=True)
class Made:
    """The endpoint, whose newest keys are those that this call made; `known` when the call was made before."""

    endpoint: AppEndpoint
    known: bool = False


async def create(services: Services, wanted: Wanted, key: str | None) -> Made:
    """Make it; from the answer on it is told of everything. `key` is the call's `Idempotency-Key`.

    Raises:
        EndpointRefused: it is there already, or there are too many.
        IdempotencyKeyReused, NotFound, CommitUnknown, StoreUnavailable: as for a saved beneficiary.
    """
    now = services.clock.now()
    if any(each.url == wanted.url for each in services.endpoints.get(wanted.app, ())):
        raise EndpointRefused("same_url", "an endpoint of the configuration has this URL")
    keys = tuple(_new_key(services, kind, now) for kind in wanted.kinds)
    made = AppEndpoint(f"ep_{services.new_uuid().hex}", wanted.app, wanted.url, wanted.events, keys, now)
    content = {"url": wanted.url, "events": sorted(wanted.events), "keys": sorted(map(str, wanted.kinds))}
    under = None if key is None else once(services, wanted.app, "createCallbackEndpoint", key, content)
    unit = Unit(Commit.ENDPOINT, lambda tx: _add(tx, made, under))
    try:
        done = await services.store.run(unit)
    except (CommitUnknown, StaleWrite):
        done = await services.store.run(unit)
    if not done.known:
        log.info("endpoint.created", app=wanted.app, endpoint=made.id)
    return done


def _add(tx: Tx, made: AppEndpoint, under: Once | None) -> Made:
    recalled = None if under is None else under.recall(tx)
    if recalled is not None:
        return Made(_there(tx, made.app, recalled), known=True)
    found = tx.endpoint(made.app, made.id)
    if found is not None:
        return Made(found)  # our own, of a commit that was not known
    tx.add_endpoint(made)
    others = [each for each in tx.endpoints(made.app) if each.id != made.id]
    if any(each.url == made.url for each in others):
        raise EndpointRefused("same_url", "another endpoint of yours has this URL")
    if len(others) >= ENDPOINTS_MAX:
        raise EndpointRefused("too_many", f"at most {ENDPOINTS_MAX}; delete one first")
    if under is not None:
        under.keep(tx, made.id)
    return Made(made)


async def rotate(services: Services, app: str, endpoint_id: str, overlap: timedelta, key: str | None) -> Made:
    """Give it a new key of each kind that it has; the present ones sign beside them for `overlap`.

    Raises:
        NotFound: the app has no such endpoint.
        EndpointRefused: it stands in the configuration, or was rotated too often just now.
        IdempotencyKeyReused, CommitUnknown, StoreUnavailable: as in `create`.
    """
    now = services.clock.now()
    _refuse_configured(services, app, endpoint_id)
    known = await services.store.read(lambda tx: _there(tx, app, endpoint_id))
    new = tuple(_new_key(services, kind, now) for kind in known.kinds())
    content = {"endpoint": endpoint_id, "overlap_s": int(overlap.total_seconds())}
    under = None if key is None else once(services, app, "rotateCallbackSecret", key, content)

    def unit(tx: Tx) -> Made:
        endpoint = _there(tx, app, endpoint_id)
        if under is not None and under.recall(tx) is not None:
            return Made(endpoint, known=True)
        if new[0] in endpoint.keys:
            return Made(endpoint)  # our own, of a commit that was not known
        if endpoint.crowded(now):
            raise EndpointRefused("too_many_keys", "wait until one of the keys in use is over")
        rotated = endpoint.rotated(new, overlap, now)
        tx.save_endpoint(rotated, standing=False)
        if under is not None:
            under.keep(tx, endpoint_id)
        return Made(rotated)

    named = Unit(Commit.ENDPOINT, unit)
    try:
        done = await services.store.run(named)
    except (CommitUnknown, StaleWrite):
        done = await services.store.run(named)
    log.info("endpoint.rotated", app=app, endpoint=endpoint_id, overlap_s=content["overlap_s"])
    return done


async def delete(services: Services, app: str, endpoint_id: str) -> None:
    """It is told of nothing more, and its keys are gone. What is still due for it is parked when its time comes, and
    may be sent to another endpoint (`gateway.operations.recovery`).

    Raises:
        NotFound: the app has no such endpoint.
        EndpointRefused: it stands in the configuration.
    """
    _refuse_configured(services, app, endpoint_id)
    if not await services.store.run(Unit(Commit.ENDPOINT, lambda tx: tx.drop_endpoint(app, endpoint_id))):
        raise NotFound(endpoint_id)
    log.info("endpoint.deleted", app=app, endpoint=endpoint_id)


async def get(services: Services, app: str, endpoint_id: str) -> Address:
    """The app's. Raises `NotFound`."""
    found = configured(services, app, endpoint_id)
    return await services.store.read(lambda tx: _there(tx, app, endpoint_id)) if found is None else found


async def listed(services: Services, app: str) -> tuple[Address, ...]:
    """All of them: those of the configuration first, then the app's own, the oldest first."""
    made = await services.store.read(lambda tx: tx.endpoints(app))
    return (*services.endpoints.get(app, ()), *made)


def _there(tx: ReadTx, app: str, endpoint_id: str) -> AppEndpoint:
    found = tx.endpoint(app, endpoint_id)
    if found is None:
        raise NotFound(endpoint_id)
    return found


def _refuse_configured(services: Services, app: str, endpoint_id: str) -> None:
    if configured(services, app, endpoint_id) is not None:
        raise EndpointRefused("configured", "it stands in the operator's configuration, and is changed there")


_NEW = {KeyKind.HMAC_SHA256: new_secret, KeyKind.ED25519: new_signing_key}


def _new_key(services: Services, kind: KeyKind, now: datetime) -> SigningKey:
    return SigningKey(kind, _NEW[kind](services.random_bytes(32)), now)
