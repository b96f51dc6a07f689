"""Whether an app written for one OpenAPI document gets on with another.

What could be asked before can be asked still, and what was told before is told still. Pure; both documents as parsed
JSON. What is added is no breach: new paths, optional fields, new fields in answers, new values where answers have a
list of them (docs/api.md tells apps to expect that).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Json = Mapping[str, Any]
METHODS = ("get", "post", "put", "patch", "delete")
AT_MOST = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
AT_LEAST = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
MEDIA = "application/json"


def breaches(old: Json, new: Json) -> list[str]:
    """What would break an app of the old document, a line each."""
    return list(Comparison(old, new).found())


class Comparison:
    """Two documents beside each other."""

    def __init__(self, old: Json, new: Json) -> None:
        self._old = old
        self._new = new

    def found(self) -> Iterator[str]:
        for path, operations in self._old["paths"].items():
            for method in METHODS:
                if method not in operations:
                    continue
                where = f"{method.upper()} {path}"
                now = self._new["paths"].get(path, {}).get(method)
                if now is None:
                    yield f"{where}: is gone"
                else:
                    yield from self._operation(where, operations[method], now)

    def _operation(self, where: str, was: Json, now: Json) -> Iterator[str]:
        yield from self._parameters(where, was.get("parameters", ()), now.get("parameters", ()))
        asked, asks = _body(was.get("requestBody")), _body(now.get("requestBody"))
        if asked is not None and asks is None:
            yield f"{where}: takes no body any more"
        elif asks is not None:
            yield from self._asked(f"{where} body", asked or {}, asks)
        for status, answer in was["responses"].items():
            if not status.startswith("2"):
                continue
            if status not in now["responses"]:
                yield f"{where}: answers no {status} any more"
            elif (told := _body(answer)) is not None:
                yield from self._told(f"{where} {status}", told, _body(now["responses"][status]) or {})

    def _parameters(self, where: str, was: Any, now: Any) -> Iterator[str]:
        before = {(each["in"], each["name"]): each for each in (self._whole(self._old, p) for p in was)}
        after = {(each["in"], each["name"]): each for each in (self._whole(self._new, p) for p in now)}
        for place, name in before.keys() - after.keys():
            yield f"{where}: parameter {name} in {place} is gone"
        for key, each in after.items():
            if each.get("required") and not before.get(key, {}).get("required"):
                yield f"{where}: parameter {key[1]} has to be there now"
            if key in before:
                yield from self._asked(f"{where} {key[1]}", before[key].get("schema", {}), each.get("schema", {}))

    # What may be asked: everything that was allowed is allowed ---------------------------------------------------

    def _asked(self, where: str, was: Json, now: Json) -> Iterator[str]:
        was, now = self._whole(self._old, was), self._whole(self._new, now)
        kinds, alternatives = _alternatives(was), _alternatives(now)
        if kinds or alternatives:
            for each in kinds or (was,):
                reasons = [list(self._asked(where, each, one)) for one in alternatives or (now,)]
                if all(reasons):
                    yield min(reasons, key=len)[0]
            return
        yield from self._limits(where, was, now)
        fields, known = was.get("properties", {}), now.get("properties", {})
        closed = now.get("additionalProperties") is False
        yield from (f"{where}.{name}: is refused now" for name in fields if closed and name not in known)
        needed = set(now.get("required", ())) - set(was.get("required", ()))
        yield from (f"{where}.{name}: has to be there now" for name in sorted(needed))
        for name in fields.keys() & known.keys():
            yield from self._asked(f"{where}.{name}", fields[name], known[name])
        if "items" in was and "items" in now:
            yield from self._asked(f"{where}[]", was["items"], now["items"])

    @staticmethod
    def _limits(where: str, was: Json, now: Json) -> Iterator[str]:
        if gone := _types(was) - _types(now):
            yield f"{where}: no {', '.join(sorted(gone))} any more"
        if "enum" in now and (gone := set(was.get("enum", ("anything",))) - set(now["enum"])):
            yield f"{where}: {', '.join(sorted(map(str, gone)))} is refused now"
        if now.get("const", was.get("const")) != was.get("const"):
            yield f"{where}: is {now['const']} now"
        if now.get("pattern", was.get("pattern")) != was.get("pattern"):
            yield f"{where}: has another pattern"
        for limit in (*AT_MOST, *AT_LEAST):
            sign = 1 if limit in AT_MOST else -1
            if limit in now and (limit not in was or sign * now[limit] < sign * was[limit]):
                yield f"{where}: {limit} is {now[limit]} now"

    # What is told: everything that was there is there ---------------------------------------------------------------

    def _told(self, where: str, was: Json, now: Json) -> Iterator[str]:
        was, now = self._whole(self._old, was), self._whole(self._new, now)
        if was.get("properties") and not now.get("properties") and not _alternatives(now):
            yield f"{where}: has no fields any more"
            return
        if (told := _types(was)) and not _types(now) & told:
            yield f"{where}: is no {', '.join(sorted(told))} any more"
        optional = set(was.get("required", ())) - set(now.get("required", ()))
        yield from (f"{where}.{name}: may be missing now" for name in sorted(optional))
        known = now.get("properties", {})
        for name, each in was.get("properties", {}).items():
            if name not in known:
                yield f"{where}.{name}: is told no more"
            else:
                yield from self._told(f"{where}.{name}", each, known[name])
        if "items" in was:
            yield from self._told(f"{where}[]", was["items"], now.get("items", {}))

    @staticmethod
    def _whole(document: Json, schema: Json) -> Json:
        while "$ref" in schema:
            found: Any = document
            for part in schema["$ref"].removeprefix("#/").split("/"):
                found = found[part]
            schema = {**found, **{key: value for key, value in schema.items() if key != "$ref"}}
        return schema


def _body(said: Json | None) -> Json | None:
    content: Json = (said or {}).get("content", {})
    schema: Json | None = content.get(MEDIA, {}).get("schema")
    return schema


def _alternatives(schema: Json) -> list[Json]:
    return list(schema.get("oneOf") or schema.get("anyOf") or ())


def _types(schema: Json) -> set[str]:
    kind = schema.get("type", ())
    return {kind} if isinstance(kind, str) else set(kind)
