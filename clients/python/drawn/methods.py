"""calls.py: a function for every operation, which makes the call. methods.py: the same as methods of both clients."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from drawn.names import (
    BODY_NAMES,
    LEFT_OUT,
    REPEATABLE,
    Document,
    docstring,
    formatted,
    model_of,
    snake,
    snake_header,
)
from drawn.types import Types

CSV = "text/csv"
_DRAWN = "drawn from its OpenAPI document by draw_api.py. Do not edit."


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation, ready to be written down in three ways."""

    name: str
    method: str
    path: str
    doc: str
    parameters: tuple[str, ...]
    """As a signature has them."""
    arguments: tuple[str, ...]
    """As a call passes them on."""
    variables: tuple[str, ...]
    pairs: tuple[str, ...]
    headers: tuple[str, ...]
    joined: tuple[str, ...]
    body: str | None
    csv: bool
    """The body is handed in as it is sent."""
    answer: str
    """The type of what comes back."""
    read: str
    accept: str
    repeatable: bool


def operations(document: Document) -> Iterator[Operation]:
    """Every operation that an app may call, in the document's order."""
    types = Types(document, "models.")
    for path, methods in document["paths"].items():
        for method, told in methods.items():
            if told["operationId"] in LEFT_OUT:
                continue
            yield _operation(method.upper(), path, told, types)
            if CSV in told.get("requestBody", {}).get("content", {}):
                yield _operation(method.upper(), path, told, types, csv=True)


def _operation(method: str, path: str, told: Any, types: Types, *, csv: bool = False) -> Operation:
    """`csv`: the same with a body that is CSV already."""
    given = told["parameters"]
    unknown = {each["in"] for each in given} - {"path", "query", "header"}
    if unknown:
        raise ValueError(f"{told['operationId']}: draw_api.py does not know parameters in {unknown}")
    variables = tuple(each["name"] for each in given if each["in"] == "path")
    query = [each for each in given if each["in"] == "query"]
    headers = [(snake_header(each["name"]), each["name"]) for each in given if each["in"] == "header"]
    body = None if csv else _body(told)
    named = "csv" if csv else BODY_NAMES.get(body or "", "body")
    answer, read, accept = _answer(told)
    sent = [f"{named}: bytes"] if csv else [f"{named}: models.{body}"] if body else []
    positional = [f"{name}: str" for name in variables] + sent
    optional = [f"{each['name']}: {types.of(each['schema'], sent=True)} | None = None" for each in query]
    optional += [f"{name}: str | None = None" for name, _ in headers]
    return Operation(
        name=snake(told["operationId"]) + ("_csv" if csv else ""),
        method=method,
        path=path,
        doc=_sentence(told),
        parameters=(*positional, *(["*"] if optional else []), *optional),
        arguments=(
            *variables,
            *([named] if sent else []),
            *(f"{each['name']}={each['name']}" for each in query),
            *(f"{name}={name}" for name, _ in headers),
        ),
        variables=variables,
        pairs=tuple(f'("{each["name"]}", {each["name"]})' for each in query),
        headers=tuple(f'("{header}", {name})' for name, header in headers),
        joined=tuple(each["name"] for each in query if each.get("explode") is False),
        body=named if sent else None,
        csv=csv,
        answer=answer,
        read=read,
        accept=accept,
        repeatable=method == "GET" or told["operationId"] in REPEATABLE,
    )


def _body(told: Any) -> str | None:
    if "requestBody" not in told:
        return None
    return model_of(told["requestBody"]["content"]["application/json"]["schema"]["$ref"])


def _answer(told: Any) -> tuple[str, str, str]:
    """The type of a success, the function that reads it, and what to ask for."""
    contents = [answer.get("content", {}) for status, answer in told["responses"].items() if status.startswith("2")]
    kinds = {(media, shape["schema"].get("$ref", "")) for content in contents for media, shape in content.items()}
    if not kinds:
        return ("None", "nothing", "*/*") if "204" in told["responses"] else ("object", "as_json", "application/json")
    if len(kinds) > 1:
        raise ValueError(f"{told['operationId']} answers in more than one form: {sorted(kinds)}")
    media, reference = kinds.pop()
    if media == "text/event-stream":
        raise ValueError(f"{told['operationId']} is a stream, which no drawn method can read: name it in LEFT_OUT")
    if not reference:
        return "str", "as_text", media
    model = f"models.{model_of(reference)}"
    return model, f"reads({model})", media


def _sentence(told: Any) -> str:
    first = f"{told['summary']}."
    return f"{first} {told['description']}" if "description" in told else first


def calls_module(document: Document) -> str:
    """The text of calls.py."""
    text = "\n\n".join(_function(one) for one in operations(document))
    used = [name for name in _OF_CALL if f", {name}" in text or f"{name}(" in text]
    own = ["from paymux_client import models", f"from paymux_client.call import Call, {', '.join(used)}"]
    if "body_of(" in text:
        own.append("from paymux_client.reading import body_of")
    return formatted(_module("Every call of the API as a value", text, own))


_OF_CALL = ("as_json", "as_text", "nothing", "pairs", "path", "reads")
_STANDARD = {
    "ABC": "from abc import ABC, abstractmethod",
    "Mapping": "from collections.abc import Mapping",
    "Sequence": "from collections.abc import Sequence",
    "datetime": "from datetime import datetime",
    "Literal": "from typing import Literal",
    "TypeVar": "from typing import TypeVar",
}


def _module(doc: str, text: str, own: list[str]) -> str:
    standard = [line for word, line in _STANDARD.items() if re.search(rf"\b{word}\b", text)]
    abstract = [_STANDARD["Mapping"], _STANDARD["Sequence"]]
    if all(line in standard for line in abstract):
        at = standard.index(abstract[0])
        standard[at : at + 2] = ["from collections.abc import Mapping, Sequence"]
    typing = "from typing import Literal, TypeVar"
    if standard[-2:] == [_STANDARD["Literal"], _STANDARD["TypeVar"]]:
        standard[-2:] = [typing]
    blocks = ["from __future__ import annotations", "\n".join(standard), "\n".join(own), text]
    return f'"""{doc}, {_DRAWN}"""\n\n' + "\n\n".join(blocks)


def _function(one: Operation) -> str:
    filled = ", ".join(f"{name}={name}" for name in one.variables)
    arguments = [f'"{one.method}"', f'path("{one.path}", {filled})' if filled else f'"{one.path}"', one.read]
    if one.pairs:
        joined = ", ".join(f'"{name}"' for name in one.joined)
        arguments.append(f"query=pairs({', '.join(one.pairs)}{f', joined=frozenset({{{joined}}})' if joined else ''})")
    if one.headers:
        arguments.append(f"headers=pairs({', '.join(one.headers)})")
    if one.csv:
        arguments += [f"body={one.body}", f'content_type="{CSV}"']
    elif one.body:
        arguments.append(f"body=body_of({one.body})")
    if one.accept != "application/json":
        arguments.append(f'accept="{one.accept}"')
    if one.repeatable:
        arguments.append("repeatable=True")
    head = f"def {one.name}({', '.join(one.parameters)}) -> Call[{one.answer}]:\n"
    return head + docstring(one.doc) + f"    return Call({', '.join(arguments)})\n"


def methods_module(document: Document) -> str:
    """The text of methods.py."""
    known = list(operations(document))
    parts = [
        'T = TypeVar("T")\n',
        _shell("Methods", "What the blocking client can do.", "def"),
        *(_method(one, "def", "self.do") for one in known),
        "",
        _shell("AsyncMethods", "What the awaiting client can do.", "async def"),
        *(_method(one, "async def", "await self.do") for one in known),
    ]
    own = ["from paymux_client import calls, models", "from paymux_client.call import Call"]
    return formatted(_module("Every call of the API as a method", "\n".join(parts), own))


def _shell(name: str, doc: str, define: str) -> str:
    return (
        f'\nclass {name}(ABC):\n    """{doc}"""\n\n    @abstractmethod\n'
        f'    {define} do(self, call: Call[T]) -> T:\n        """Carry out a call."""\n'
    )


def _method(one: Operation, define: str, do: str) -> str:
    parameters = ", ".join(("self", *one.parameters))
    return (
        f"    {define} {one.name}({parameters}) -> {one.answer}:\n{docstring(one.doc, '        ')}"
        f"        return {do}(calls.{one.name}({', '.join(one.arguments)}))\n"
    )
