"""`paymux check`: is this a configuration that a gateway would start on? Nothing is changed, nobody is asked."""

from __future__ import annotations

import json as json_format
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from gateway.cli.exit import Exit, plain_words
from gateway.config.config import Config
from gateway.config.errors import ConfigError, Fault
from gateway.config.load import load
from gateway.config.resolve import resolve_secrets


def check(
    file: Path = Path("config.toml"),
    /,
    *,
    secrets: Annotated[bool | None, Parameter(negative="--no-secrets")] = None,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Read a configuration as strictly as a start does, and name every fault with its line.

    Exit code 3 when there is one.

    Example: `python -m gateway check config.toml`

    Parameters
    ----------
    file
        The configuration.
    secrets
        Look its secrets up, too. By default in live mode; a sandbox mints its own at the first start.
    json
        Print one line of JSON.
    """
    with plain_words():
        config, faults = _faults(file, secrets)
    if json:
        told = {"file": str(file), "ok": not faults, "sha256": config.sha256 if config else None}
        print(json_format.dumps({**told, "faults": [asdict(fault) for fault in faults]}, ensure_ascii=False))  # noqa: T201 - the answer
    elif config is None or faults:
        print("\n".join(map(str, faults)))  # noqa: T201 - the answer
    else:
        print(f"{file}: in order, sha256 {config.sha256[:12]}")  # noqa: T201 - the answer
    if faults:
        raise SystemExit(Exit.FOUND_PROBLEMS)


def _faults(file: Path, secrets: bool | None) -> tuple[Config | None, Sequence[Fault]]:
    config = None
    try:
        config = load(file)
        if secrets if secrets is not None else not config.sandbox:
            resolve_secrets(config)
    except ConfigError as error:
        return config, error.faults
    return config, ()
