"""The JSON Schema that is shipped: drawn from the models, true of the shipped file, and as strict as it can be."""

from __future__ import annotations

import copy
import json
import tomllib
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from gateway.config.schema import schema, schema_text

ROOT = Path(__file__).parents[4]
WHOLE = schema()
TEXT = (ROOT / "config.toml").read_text(encoding="utf-8")


def as_json(value: Any) -> Any:
    """TOML's own dates as JSON has them."""
    if isinstance(value, dict):
        return {key: as_json(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [as_json(inner) for inner in value]
    return value.isoformat() if isinstance(value, date | datetime | time) else value


def faults(document: Any) -> list[str]:
    return [error.json_path for error in Draft202012Validator(WHOLE).iter_errors(document)]


def test_the_shipped_file_is_the_schema_of_the_models() -> None:
    """`config schema > config.schema.json` after a change of the models."""
    assert (ROOT / "config.schema.json").read_text(encoding="utf-8") == schema_text()


def test_it_is_a_schema_and_the_shipped_configuration_fits_it() -> None:
    """Which names it on its first line."""
    Draft202012Validator.check_schema(WHOLE)
    assert TEXT.splitlines()[0] == "#:schema ./config.schema.json"
    assert faults(as_json(tomllib.loads(TEXT))) == []


WRONG: dict[str, tuple[list[str | int], object]] = {
    "$.gateway": (["gateway", "listen_on"], "x"),
    "$.gateway.shutdown_grace": (["gateway", "shutdown_grace"], 30),
    "$.channels.mock.state": (["channels", "mock", "state"], "enabeld"),
    "$.channels.mock.weight": (["channels", "mock", "weight"], 101),
    "$.channels.mock.fees[0].bps": (["channels", "mock", "fees", 0, "bps"], 20_000),
    "$.channels.mock.settings": (["channels", "mock", "settings", "bok"], "x"),
    "$.apps.demo.callbacks[0].secret": (["apps", "demo", "callbacks", 0, "secret"], "hunter2"),
    "$.version": (["version"], 2),
}


@pytest.mark.parametrize("where", WRONG)
def test_what_a_table_may_not_be_is_underlined(where: str) -> None:
    """At its place: unknown keys, wrong types, words and bounds, an adapter's own table, a secret written out."""
    path, value = WRONG[where]
    document = copy.deepcopy(as_json(tomllib.loads(TEXT)))
    table = document
    for part in path[:-1]:
        table = table[part]
    table[path[-1]] = value
    assert where in faults(document)


def test_nothing_in_it_is_null() -> None:
    """TOML has no null: what may be left out is left out."""
    assert '"null"' not in json.dumps(WHOLE)
