"""The nearest word that would have been right, and which words a model knows at a place."""

from __future__ import annotations

import difflib
import types
from collections.abc import Iterable
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel

from gateway.config.errors import Loc


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word most like `word`, if one is like it at all."""
    found = difflib.get_close_matches(word.lower(), list(known), n=1)
    return found[0] if found else None


def known_keys(model: type[BaseModel], loc: Loc) -> tuple[str, ...]:
    """The keys that the table at `loc` inside `model` may have; empty where that cannot be told."""
    kind: Any = model
    for part in loc:
        kind = _step(_plain(kind), part)
    kind = _plain(kind)
    return tuple(_fields(kind)) if _is_model(kind) else ()


def _fields(model: type[BaseModel]) -> dict[str, Any]:
    """Annotations by the name that stands in the file."""
    return {field.alias or name: field.annotation for name, field in model.model_fields.items()}


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _plain(kind: Any) -> Any:
    """Without `Annotated` and without `| None`; of several models the first."""
    origin = get_origin(kind)
    if origin is Annotated:
        return _plain(get_args(kind)[0])
    if origin in (Union, types.UnionType):
        return next((_plain(arg) for arg in get_args(kind) if arg is not types.NoneType), None)
    return kind


def _step(kind: Any, part: str | int) -> Any:
    if _is_model(kind):
        return _fields(kind).get(str(part))
    args = get_args(kind)
    if not args:
        return None
    return args[0] if isinstance(part, int) else args[-1]
