"""The documentation this server serves: the OpenAPI document, a page drawn from it, and a page for each problem."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from html import escape
from typing import Any

from aiohttp import web

from gateway.api.page import element, page, table
from gateway.api.problems import PROBLEMS, Code, Refused
from gateway.api.responses import as_json
from gateway.api.routes import Call

# The document is JSON; reading it back is untyped by nature.
Document = Mapping[str, Any]


class Docs:
    """Handlers of /openapi.json, /docs and /problems."""

    def __init__(self) -> None:
        self.draw: Callable[[], Document] = dict
        """Set once the route table that it is drawn from is complete; asked at each look, for a reload changes it."""

    async def openapi(self, call: Call) -> web.StreamResponse:
        return as_json(self.draw())

    async def docs(self, call: Call) -> web.StreamResponse:
        document = self.draw()
        return page(f"{document['info']['title']} API", render(document))

    async def problem(self, call: Call) -> web.StreamResponse:
        """Cause and fix: a page for people, JSON for who asks for JSON."""
        try:
            code = Code(call.path["code"])
        except ValueError:
            raise Refused(Code.NOT_FOUND) from None
        accept = call.request.headers.get("Accept", "")
        return _problem_json(code) if "json" in accept and "html" not in accept else _problem_page(code)


def _problem_json(code: Code) -> web.StreamResponse:
    kind = PROBLEMS[code]
    return as_json({"code": code, "status": kind.status, "title": kind.title, "cause": kind.cause, "fix": kind.fix})


def _problem_page(code: Code) -> web.StreamResponse:
    kind = PROBLEMS[code]
    body = (
        element("h1", kind.title)
        + f"<p><code>{code}</code>, HTTP {kind.status}</p>"
        + element("h2", "Cause")
        + element("p", kind.cause)
        + element("h2", "Fix")
        + element("p", kind.fix)
        + '<p><a href="/docs">All of the API</a></p>'
    )
    return page(kind.title, body)


def render(document: Document) -> str:
    """The OpenAPI document as HTML."""
    info = document["info"]
    operations = [
        _operation(method, path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    schemas = [_schema(name, schema) for name, schema in document["components"]["schemas"].items()]
    schemes = [
        element("p", f"{name}: {scheme['description']}")
        for name, scheme in document["components"]["securitySchemes"].items()
    ]
    return "".join(
        [
            element("h1", f"{info['title']} {info['version']}"),
            element("p", info["description"]),
            '<p><a href="/openapi.json">openapi.json</a></p>',
            element("h2", "Who is calling"),
            *schemes,
            *operations,
            element("h1", "Objects"),
            *schemas,
        ]
    )


def _operation(method: str, path: str, operation: Document) -> str:
    heading = f"<h2>{element('span', method.upper(), 'method')}{element('code', path)}</h2>"
    body = operation.get("requestBody")
    sent = _shape(body["content"]["application/json"]["schema"]) if body else ""
    parameters = [
        (element("code", each["name"]), escape(each["in"]), escape(each["description"]))
        for each in operation["parameters"]
    ]
    answers = [(element("code", status), _text(told)) for status, told in operation["responses"].items()]
    return "".join(
        [
            heading,
            element("p", operation["summary"]),
            element("p", operation["description"]) if "description" in operation else "",
            f"<p>Body: {sent}</p>" if sent else "",
            table(("parameter", "in", "meaning"), parameters),
            table(("status", "meaning"), answers),
        ]
    )


def _text(told: Document) -> str:
    shapes = [_shape(each["schema"]) for each in told.get("content", {}).values()]
    return " ".join([escape(told["description"]), *shapes])


def _schema(name: str, schema: Document) -> str:
    required = set(schema.get("required", ()))
    rows = [
        (element("code", field), _shape(shape), "yes" if field in required else "", _bounds(shape))
        for field, shape in schema.get("properties", {}).items()
    ]
    words = ", ".join(str(value) for value in schema.get("enum", ()))
    return "".join(
        [
            f'<h2 id="{escape(name)}">{escape(name)}</h2>',
            element("p", schema.get("description", "")),
            element("p", words) if words else "",
            table(("field", "type", "required", "bounds"), rows),
        ]
    )


def _shape(schema: Document) -> str:
    """A schema in a few words; names of others are links."""
    if "$ref" in schema:
        name = escape(str(schema["$ref"]).rpartition("/")[2])
        return f'<a href="#{name}">{name}</a>'
    for union in ("anyOf", "oneOf"):
        if union in schema:
            return " or ".join(_shape(each) for each in schema[union])
    if schema.get("type") == "array":
        return f"list of {_shape(schema['items'])}"
    if "const" in schema:
        return element("code", schema["const"])
    return escape(str(schema.get("type", "any")))


_BOUNDS = ("minimum", "maximum", "minLength", "maxLength", "maxProperties", "pattern", "format", "description")


def _bounds(schema: Document) -> str:
    inner = [schema, *schema.get("anyOf", ())]
    return "<br>".join(
        f"{escape(word)} {element('code', each[word])}" if word != "description" else escape(str(each[word]))
        for each in inner
        for word in _BOUNDS
        if word in each
    )
