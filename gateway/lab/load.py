"""From TOML files to worlds, or to every fault in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from gateway.config.errors import ConfigError, Fault, Loc
from gateway.config.read import Source, read
from gateway.config.translate import TEXTS, Found, translate
from gateway.lab.world import World

SHIPPED = Path(str(files("gateway.lab"))) / "worlds"
APART = frozenset({"trial.toml"})
"""Shipped, but run only when it is named: it repeats an experiment and is no part of the comparison."""


def shipped() -> tuple[Path, ...]:
    """The world files of the comparison."""
    return tuple(path for path in sorted(SHIPPED.glob("*.toml")) if path.name not in APART)


def named(word: str) -> Path:
    """A file by its path, or a shipped one by its bare name."""
    path = Path(word)
    inside = SHIPPED / (word if word.endswith(".toml") else f"{word}.toml")
    return path if path.exists() or not inside.exists() else inside


def worlds(paths: tuple[Path, ...]) -> dict[str, World]:
    """The worlds of all these files, by name.

    Raises:
        ConfigError: with every fault of every file, each at its line; a name that two files use is one.
    """
    found: dict[str, World] = {}
    faults: list[Fault] = []
    for path in paths:
        source = read(path)
        for name, each in _of(source):
            if isinstance(each, Fault):
                faults.append(each)
            elif name in found:
                faults.append(source.fault(("worlds", name), "another file has a world of that name"))
            else:
                found[name] = each
    if faults:
        raise ConfigError(faults)
    return found


def _of(source: Source) -> Iterator[tuple[str, World | Fault]]:
    for key in source.data.keys() - {"worlds"}:
        yield key, source.fault((key,), "unknown key", "worlds")
    tables = source.data.get("worlds")
    if not isinstance(tables, dict) or not tables:
        yield "", source.fault((), "has no [worlds.NAME]")
        return
    for name, table in tables.items():
        yield from _world(source, name, table, tables)


def _world(source: Source, name: str, table: Any, tables: Mapping[str, Any]) -> Iterator[tuple[str, World | Fault]]:
    loc = ("worlds", name)
    if not isinstance(table, dict):
        yield name, source.fault(loc, "must be a table")
        return
    model: Any = {}
    if "like" in table:
        model = tables.get(str(table["like"]))
        if not isinstance(model, dict) or "like" in model:
            yield name, source.fault((*loc, "like"), "must name a world of this file that is not like another itself")
            return
    whole = {key: value for key, value in {**model, **table}.items() if key != "like"}
    try:
        yield name, World.model_validate(whole)
    except ValidationError as error:
        found = list(translate(World, error, whole))
        for place, what, hint in found:
            if not _follows(place, what, found):
                yield name, source.fault((*loc, *place), what, hint)


def _follows(place: Loc, what: str, found: Sequence[Found]) -> bool:
    """A list whose every item is at fault is called empty as well: that says nothing new."""
    inside = any(other[: len(place)] == place and len(other) > len(place) for other, _, _ in found)
    return inside and what.startswith(TEXTS["too_short"])
