"""Keys that personal data is sealed under: a new data key when one is worn, and the sealing key's rotation by pages."""

from __future__ import annotations

import structlog

from gateway.domain.audit import Act, Deed
from gateway.domain.errors import StoreError
from gateway.failpoints import Commit, Unit
from gateway.operations.panel import StillMay
from gateway.operations.services import Current, Services
from gateway.sealing import Sealer
from gateway.store.port import Tx
from gateway.store.resealing import Bookmark, Resealed

log: structlog.stdlib.BoundLogger = structlog.get_logger()

ROWS_MAX = 500
"""Of one page: a transaction of some milliseconds."""
LOOK_EVERY_S = 60.0


async def rotate(services: Services, after: Bookmark | None, principal: str, still_may: StillMay) -> Resealed:
    """One page of bringing everything under the first sealing key; whoever asks goes on until there is no `after`.

    Raises:
        SealBroken: something is under a key that the configuration does not have; nothing of the page is done.
    """
    now = services.clock.now()

    def unit(tx: Tx) -> Resealed:
        still_may(tx)
        done = tx.reseal(after, ROWS_MAX)
        if after is None:
            tx.append_audit(Deed(now, principal, Act.KEYS_ROTATED, "sealing_key", {"data_keys": done.data_keys}))
        return done

    done = await services.store.run(Unit(Commit.CONFIG, unit))
    if after is None:
        log.warning("keys.rotated", data_keys=done.data_keys, by=principal)
    return done


async def keep_fresh(current: Current, sealer: Sealer) -> None:
    """Another data key when ours has sealed enough, until cancelled."""
    while True:
        await current.services.clock.sleep(LOOK_EVERY_S)
        if sealer.worn:
            await renew(current.services, sealer)


async def renew(services: Services, sealer: Sealer) -> None:
    """Another data key, which seals nothing before it is durable."""
    key = sealer.new_key()
    try:
        await services.store.run(Unit(Commit.CONFIG, lambda tx: tx.add_data_key(key)))
    except StoreError as error:  # the one in use lasts for many more rounds
        log.warning("keys.no_new_data_key", error=type(error).__name__)
        return
    sealer.adopt(key)
    log.info("keys.new_data_key")
