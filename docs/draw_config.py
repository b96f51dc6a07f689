"""Draws `docs/config.md`: every key of config.toml with its kind, default and bounds, from the models."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from drawing import code, table, write_or_check

from gateway.config.diff import LIVE
from gateway.config.errors import Loc
from gateway.config.schema import schema

OPENING = """# Configuration: every key

<!-- Drawn by docs/draw_config.py from the models. Do not edit. -->

What each key is *for* stands beside it in the shipped [config.toml](../config.toml), which shows every key. Here are
its kind, its default, and what it may be, as the [JSON Schema](../config.schema.json) has them: an editor that reads
the first line of config.toml completes and checks by that one. Across tables only `check` looks.

- **duration**: text with a unit: `500ms`, `30s`, `5m`, `72h`, `30d`. **minor units**: fen, cents. **bps**: hundredths
  of a percent.
- **secret**: named, never written: `env:NAME`, `file:PATH`, `credential:NAME`.
- *live*: a running gateway takes a change up by itself ([reload](operations.md#reload)). The others need a restart: a
  reload that changes one of them is refused, and names it.
"""

SECRET = "^(env|file|credential):"  # noqa: S105 - the pattern of a reference
UNITS = {"bps": "bps", "percent": "percent"}
MONEY = {
    "min", "max", "amount", "amount_gte", "amount_lte", "volume_gte", "volume_lte", "daily", "monthly", "funding",
    "free", "time_value", "failure_cost", "max_amount", "confirm_success_above",
}  # fmt: skip


def resolve(whole: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    """What a reference stands for."""
    reference = node.get("$ref")
    return node if reference is None else {**whole["$defs"][reference.rpartition("/")[2]], **_without_ref(node)}


def _without_ref(node: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in node.items() if key != "$ref"}


def tables(whole: dict[str, Any], heading: str, node: dict[str, Any], loc: Loc) -> Iterator[str]:
    """A section for the table, then one for each table in it."""
    node = resolve(whole, node)
    inner: list[tuple[str, dict[str, Any], Loc]] = []
    rows = []
    for key, raw in node.get("properties", {}).items():
        part = resolve(whole, raw)
        if "properties" in part:
            inner.append((f"{heading}.{key}", part, (*loc, key)))
            continue
        items = resolve(whole, part.get("items", {}))
        if "properties" in items:
            inner.append((f"{heading}.{key}[]", items, (*loc, key)))
        values = resolve(whole, part["additionalProperties"]) if _is_map(part) else {}
        if "properties" in values:
            inner.append((f"{heading}.{key}.NAME", values, (*loc, key)))
        rows.append([code(key), kind(whole, key, part), default(node, key, part), bounds(part), live((*loc, key))])
    if rows:
        yield f"## {code(heading)}\n"
        yield table(["key", "kind", "default", "bounds", "live"], rows) + "\n"
    for name, part, where in inner:
        yield from tables(whole, name, part, where)


def _is_map(part: dict[str, Any]) -> bool:
    return isinstance(part.get("additionalProperties"), dict)


def kind(whole: dict[str, Any], key: str, part: dict[str, Any]) -> str:
    if "enum" in part:
        return " \\| ".join(code(each) for each in part["enum"])
    if "anyOf" in part:
        return " or ".join(dict.fromkeys(kind(whole, key, resolve(whole, each)) for each in part["anyOf"]))
    match part.get("type"):
        case "array":
            return f"list of {kind(whole, key, resolve(whole, part['items']))}"
        case "object":
            values = part.get("additionalProperties")
            return f"table of {kind(whole, key, resolve(whole, values))}" if isinstance(values, dict) else "table"
        case "string":
            return text_kind(part)
        case "integer":
            return unit(key, "number")
        case "number":
            return "seconds" if key.endswith("_s") else "number"
        case "boolean":
            return "`true` \\| `false`"
        case _:
            return "anything"


def text_kind(part: dict[str, Any]) -> str:
    pattern = str(part.get("pattern", ""))
    if pattern.startswith(SECRET):
        return "secret"
    if "(ms|s|m|h|d)" in pattern:
        return "duration"
    return {"date": "date", "time": "time of day", "date-time": "date and time"}.get(str(part.get("format")), "text")


def unit(key: str, otherwise: str) -> str:
    if key in MONEY:
        return "minor units"
    if key.endswith("_s"):
        return "seconds"
    return UNITS.get(key.rpartition("_")[2], otherwise)


def default(table_: dict[str, Any], key: str, part: dict[str, Any]) -> str:
    if key in table_.get("required", ()):
        return "*required*"
    if "default" not in part:
        return ""
    value = part["default"]
    if isinstance(value, list):
        return code("[" + ", ".join(f'"{each}"' if isinstance(each, str) else str(each) for each in value) + "]")
    if isinstance(value, bool):
        return code(str(value).lower())
    if isinstance(value, dict):
        return code("{}")
    return code(f'"{value}"' if isinstance(value, str) else value)


BOUNDS = {
    "minimum": "≥ {}", "maximum": "≤ {}", "exclusiveMinimum": "> {}", "exclusiveMaximum": "< {}",
    "minLength": "{} characters or more", "maxLength": "{} characters at most", "minItems": "{} or more",
}  # fmt: skip


def bounds(part: dict[str, Any]) -> str:
    said = {**part, **(next((each for each in part.get("anyOf", ()) if "minimum" in each), {}))}
    return ", ".join(text.format(_short(said[name])) for name, text in BOUNDS.items() if name in said)


def _short(value: int | float) -> str:
    return "10^15" if value == 10**15 else f"{value:g}" if isinstance(value, float) else str(value)


def live(loc: Loc) -> str:
    return "live" if loc[:1] in LIVE or loc[:2] in LIVE else ""


def page() -> str:
    whole = schema()
    parts = [OPENING]
    for name, node in whole["properties"].items():
        if name == "version":
            continue
        if name == "routes":
            parts += tables(whole, "routes[]", node["items"], (name,))
        elif "additionalProperties" in node and "properties" not in node:
            parts += tables(whole, f"{name}.NAME", node["additionalProperties"], (name,))
        else:
            parts += tables(whole, name, node, (name,))
    for each in whole["$defs"]["ChannelPart"]["allOf"]:
        adapter = each["if"]["properties"]["adapter"]["const"]
        heading = f"channels.NAME.settings, adapter {adapter}"
        parts += tables(whole, heading, each["then"]["properties"]["settings"], ("channels", "NAME", "settings"))
    return "\n".join(parts)


if __name__ == "__main__":
    sys.exit(write_or_check("config.md", page(), sys.argv[1:]))
