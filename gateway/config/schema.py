"""The JSON Schema of config.toml, drawn from the models: what an editor completes and underlines by.

It knows every key, type and bound of a single table. What hangs together over several (a fee's currency is one of its
channel's) only `check` knows.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from adapters.registry import adapters
from gateway.config.app_part import AppPart
from gateway.config.channel_part import ChannelPart
from gateway.config.draft import VERSION
from gateway.config.flat import plain
from gateway.config.model import (
    NAME,
    CallbacksPart,
    GatewayPart,
    HoldsPart,
    LimitsPart,
    RoutingPart,
    SafetyPart,
    WorkerPart,
)
from gateway.config.routes import CalendarPart, Part, RoutePart

Json = dict[str, Any]

ONE: Mapping[str, type[BaseModel]] = {
    "gateway": GatewayPart,
    "limits": LimitsPart,
    "routing": RoutingPart,
    "holds": HoldsPart,
    "safety": SafetyPart,
    "worker": WorkerPart,
    "callbacks": CallbacksPart,
}
"""Tables there is one of."""

MANY: Mapping[str, type[BaseModel]] = {"calendars": CalendarPart, "channels": ChannelPart, "apps": AppPart}
"""Tables of tables, each with a name."""


def schema() -> Json:
    """JSON Schema 2020-12."""
    settings = {name: spec.settings for name, spec in sorted(adapters(installed=tuple).items())}
    models: list[type[BaseModel]] = [*ONE.values(), *MANY.values(), RoutePart, *settings.values()]
    refs, made = models_json_schema([(model, "validation") for model in models], by_alias=True)
    definitions: Json = made["$defs"]
    for model in _all(models):
        _say_defaults(definitions, model)
    of = {model: refs[model, "validation"] for model in models}
    channel = definitions[of[ChannelPart]["$ref"].rpartition("/")[2]]
    channel["allOf"] = [_settings(name, of[model]) for name, model in settings.items()]
    tables = {name: of[model] for name, model in ONE.items()}
    named = {
        name: {"type": "object", "propertyNames": {"pattern": NAME}, "additionalProperties": of[model]}
        for name, model in MANY.items()
    }
    properties = {
        "version": {"const": VERSION},
        **tables,
        **named,
        "routes": {"type": "array", "items": of[RoutePart]},
    }
    made = without_null({"properties": properties, "$defs": definitions})
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "paymux config.toml",
        "type": "object",
        "required": ["version"],
        "additionalProperties": False,
        "properties": made["properties"],
        "$defs": {name: part for name, part in made["$defs"].items() if f'#/$defs/{name}"' in json.dumps(made)},
    }


def schema_text() -> str:
    """As the shipped file has it."""
    return json.dumps(schema(), ensure_ascii=False, indent=2, sort_keys=True) + "\n"


def without_null(node: Any) -> Any:
    """TOML has no null: what may be left out is left out."""
    if isinstance(node, list):
        return [without_null(each) for each in node]
    if not isinstance(node, dict):
        return node
    node = {key: without_null(value) for key, value in node.items()}
    choices = [each for each in node.get("anyOf", ()) if each != {"type": "null"}]
    if len(choices) == 1:
        return {**{key: value for key, value in node.items() if key != "anyOf"}, **choices[0]}
    return {**node, "anyOf": choices} if choices else node


def _settings(adapter: str, ref: Json) -> Json:
    return {
        "if": {"properties": {"adapter": {"const": adapter}}, "required": ["adapter"]},
        "then": {"properties": {"settings": ref}},
    }


def _all(models: list[type[BaseModel]]) -> Iterator[type[BaseModel]]:
    """The models and those inside them."""
    seen: set[type[BaseModel]] = set()
    while models:
        model, models = models[0], models[1:]
        if model not in seen:
            seen.add(model)
            yield model
            models = [*models, *(part for field in model.model_fields.values() for part in inside(field.annotation))]


def inside(kind: Any) -> list[type[BaseModel]]:
    """The models that an annotation names."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return [kind]
    return [model for argument in getattr(kind, "__args__", ()) for model in inside(argument)]


def is_duration(model: type[BaseModel], name: str) -> bool:
    """Written as text with a unit. (Adapters count seconds.)"""
    return issubclass(model, Part) and name.endswith("_s")


def _say_defaults(definitions: Json, model: type[BaseModel]) -> None:
    """As they would stand in the file: a duration with its unit, an address as text."""
    properties = definitions.get(model.__name__, {}).get("properties", {})
    for name, field in model.model_fields.items():
        found = properties.get(field.alias or name, {})
        found.pop("default", None)
        found.pop("title", None)
        default = field.get_default(call_default_factory=True, validated_data={})
        if isinstance(default, Mapping):
            found["default"] = dict(default)
        elif not field.is_required() and default is not None and not isinstance(default, BaseModel):
            found["default"] = plain(default, duration=is_duration(model, name))
