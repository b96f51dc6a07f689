"""The first token (R21): how the first person comes in. Minted at a start that finds nobody who can act.

It lives 15 minutes and works once. Its hash is in the store, the token itself in a file that only our user can read;
a start mints a new one and ends the old one. Neither a log line nor the console ever shows it.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

import structlog

from gateway.domain.errors import CommitUnknown
from gateway.domain.principal import FIRST_TOKEN_LIVES, Token, able_to_act, digest, mint_token
from gateway.failpoints import Commit, Unit
from gateway.operations.services import Services
from gateway.store.port import Tx

log: structlog.stdlib.BoundLogger = structlog.get_logger()


async def prepare_first_token(services: Services, random_bytes: Callable[[int], bytes], path: Path) -> bool:
    """Mint one into `path` if nobody can act, else remove what an earlier start left. Whether it was minted.

    Raises:
        StoreError: the store; nobody is let in by a token that is not on record.
        OSError: the file cannot be written.
    """
    now, token = services.clock.now(), mint_token(random_bytes)
    kept = Token(digest(token), None, now, now + FIRST_TOKEN_LIVES)

    def unit(tx: Tx) -> bool:
        tokens = tx.principal_tokens()
        if any(known.sha256 == kept.sha256 for known in tokens):
            return True
        tx.revoke_tokens(None, now)
        if able_to_act(tx.principals(), tokens, now):
            return False
        tx.add_token(kept)
        return True

    try:
        minted = await services.store.run(Unit(Commit.PEOPLE, unit))
    except CommitUnknown:
        minted = await services.store.run(Unit(Commit.PEOPLE, unit))
    if not minted:
        forget_first_token(path)
        return False
    _write(path, token)
    log.warning("admin.first_token", path=path, minutes=FIRST_TOKEN_LIVES.seconds // 60)
    return True


def forget_first_token(path: Path) -> None:
    """Remove the file: what is in it works no more."""
    with contextlib.suppress(FileNotFoundError):
        path.unlink()


def _write(path: Path, token: str) -> None:
    """A whole new 0600 file in the place of any old one."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    own = path.with_name(f".{path.name}.new")
    own.unlink(missing_ok=True)
    descriptor = os.open(own, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(token + "\n")
        file.flush()
        os.fsync(descriptor)
    own.replace(path)
