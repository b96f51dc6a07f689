"""`paymux config`: the schema of config.toml, and what a file comes to."""

from __future__ import annotations

import json as json_format
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from gateway.cli.exit import plain_words
from gateway.config.errors import Loc, dotted
from gateway.config.flat import Plain, flat, leaves, masked
from gateway.config.load import load
from gateway.config.read import read
from gateway.config.schema import schema_text

config = App(name="config", help="The configuration: its schema, and what a file comes to.")


@config.command
def schema() -> None:
    """The JSON Schema of config.toml, as `config.schema.json` beside the shipped file has it: editors complete by it.

    Example: `python -m gateway config schema > config.schema.json`
    """
    print(schema_text(), end="")  # noqa: T201 - the answer


@config.command
def show(
    file: Path = Path("config.toml"),
    /,
    *,
    effective: Annotated[bool, Parameter(negative="")] = False,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """What a file sets, a key a line. Secrets are shown by their references, whatever else looks like one is masked.

    Example: `python -m gateway config show --effective`

    Parameters
    ----------
    file
        The configuration; it must be in order.
    effective
        Every key, defaults included.
    json
        Print one line of JSON.
    """
    with plain_words():
        keys = flat(load(file))
        keys = keys if effective else _written(file, keys)
    told = {dotted(loc): masked(loc, value) for loc, value in sorted(keys.items(), key=lambda item: dotted(item[0]))}
    if json:
        print(json_format.dumps(told, ensure_ascii=False))  # noqa: T201 - the answer
    else:
        lines = (f"{key} = {'(not set)' if value is None else _shown(value)}" for key, value in told.items())
        print("\n".join(lines))  # noqa: T201 - the answer


def _written(file: Path, keys: dict[Loc, Plain]) -> dict[Loc, Plain]:
    """Those that stand in the file."""
    return {loc: keys.get(loc, value) for loc, value in leaves(read(file).data) if loc[0] != "version"}


def _shown(value: Plain) -> str:
    return json_format.dumps(value, ensure_ascii=False)
