"""The OpenAPI 3.1 document, drawn from the route table and the models. What is not in the table is not promised."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from gateway.api import idempotency
from gateway.api.keys import Scope
from gateway.api.problems import PROBLEMS, Code
from gateway.api.query import QueryParam
from gateway.api.replies import Problem
from gateway.api.responses import PROBLEM
from gateway.api.routes import PATH_PARAMS, Answer, Route, path_variables
from gateway.domain.reasons import STATUS_REASONS, StatusCode

Json = dict[str, object]

ALWAYS = frozenset(
    {
        Code.BAD_REQUEST,
        Code.DUPLICATE_HEADER,
        Code.METHOD_NOT_ALLOWED,
        Code.UNSUPPORTED_MEDIA_TYPE,
        Code.INTERNAL_ERROR,
    }
)
"""What any route may answer."""

SIGNED = frozenset(
    {
        Code.UNAUTHORIZED,
        Code.SCOPE_MISSING,
        Code.FORBIDDEN,
        Code.REQUEST_TIMEOUT,
        Code.BODY_TOO_LARGE,
        Code.RATE_LIMITED,
        Code.QUOTA_EXCEEDED,
        Code.UNAVAILABLE,
        Code.OVERLOADED,
    }
)
"""What any route that needs a key may answer, beyond."""

_REF = "#/components/schemas/{model}"
_INTRO = (
    "Money is an integer of minor units. A `reference` is unique per app for ever: after a lost answer repeat the "
    "same POST; never take a new reference for the same money. Errors are RFC 9457 problem documents, and the `type` "
    "of each is a page of this server. Unknown fields and parameters are refused."
)
_SIGNATURE = (
    'PAYMUX-ED25519 or PAYMUX-HMAC-SHA256, then key_id="...",timestamp="...",nonce="...",signature="..." over '
    "METHOD, raw path and query, timestamp (s), nonce and raw body, each followed by a line feed. A nonce has 16 to "
    "64 characters of A-Z, a-z, 0-9, - and _, and is accepted once."
)


def build(routes: Sequence[Route], version: str, *, sandbox: bool, preferences: Sequence[str] = ()) -> Json:
    """The document for these routes. `preferences` are those that an order may name."""
    paths: dict[str, Json] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, sandbox)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "paymux",
            "version": version,
            "description": _INTRO,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {"schemas": _schemas(routes, preferences), "securitySchemes": _security(sandbox)},
    }


def problems_of(route: Route) -> frozenset[Code]:
    """Every problem the route may answer with."""
    signed = SIGNED if isinstance(route.access, Scope) else frozenset()
    return ALWAYS | signed | route.problems


def _operation(route: Route, sandbox: bool) -> Json:
    made: Json = {
        "operationId": route.name,
        "summary": route.summary,
        "parameters": _parameters(route),
        "responses": {**_answers(route.answers), **_problems(problems_of(route))},
        "security": [],
    }
    if isinstance(route.access, Scope):
        made["description"] = f"Needs a key with the scope `{route.access}`."
        made["security"] = [{"signature": []}, *([{"testKey": []}] if sandbox else [])]
    if route.body is not None:
        schema = _reference(route.body)
        made["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}, **_csv(route)}}
    return made


def _csv(route: Route) -> Json:
    text = {"type": "string", "description": "A header that names columns, and a row for each item: docs/batches.md"}
    return {} if route.csv_bytes_max is None else {"text/csv": {"schema": text}}


def _parameters(route: Route) -> list[Json]:
    key = [_IDEMPOTENCY_KEY] if route.idempotent else []
    return [*map(_path_param, path_variables(route.path)), *map(_query_param, route.query or ()), *key]


_IDEMPOTENCY_KEY: Json = {
    "name": idempotency.HEADER,
    "in": "header",
    "required": False,
    "description": idempotency.DESCRIPTION,
    "schema": {"type": "string", "pattern": idempotency.PATTERN},
}


def _path_param(name: str) -> Json:
    param = PATH_PARAMS[name]
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": param.description,
        "schema": {"type": "string", "pattern": param.pattern},
    }


def _query_param(param: QueryParam) -> Json:
    made: Json = {
        "name": param.name,
        "in": "query",
        "required": False,
        "description": param.description,
        "schema": param.schema,
    }
    if param.key is not None:
        made |= {"style": "deepObject", "explode": True}
    if param.schema.get("type") == "array":
        made |= {"style": "form", "explode": param.repeatable}
    return made


def _answers(answers: Iterable[Answer]) -> Json:
    return {str(answer.status): _answer(answer) for answer in answers}


def _answer(answer: Answer) -> Json:
    made: Json = {"description": answer.description}
    if answer.model is not None:
        made["content"] = {answer.media_type: {"schema": _reference(answer.model)}}
    elif answer.media_type != "application/json":
        made["content"] = {answer.media_type: {"schema": {"type": "string"}}}
    headers = {name: {"description": text, "schema": {"type": "string"}} for name, text in answer.headers.items()}
    return {**made, "headers": headers} if headers else made


def _problems(codes: Iterable[Code]) -> Json:
    """One answer for each status; its description names the codes."""
    by_status: dict[int, list[Code]] = {}
    for code in sorted(codes):
        by_status.setdefault(PROBLEMS[code].status, []).append(code)
    return {str(status): _problem(by_status[status]) for status in sorted(by_status)}


def _problem(codes: Sequence[Code]) -> Json:
    return {
        "description": "; ".join(f"`{code}`: {PROBLEMS[code].title}" for code in codes),
        "content": {PROBLEM: {"schema": _reference(Problem)}},
    }


def _reference(model: type[BaseModel]) -> Json:
    return {"$ref": _REF.format(model=model.__name__)}


def _schemas(routes: Sequence[Route], preferences: Sequence[str]) -> Mapping[str, object]:
    """Every model the routes name, with what these name."""
    bodies: set[type[BaseModel]] = {route.body for route in routes if route.body is not None}
    replies: set[type[BaseModel]] = {a.model for route in routes for a in route.answers if a.model is not None}
    ordered = sorted(bodies | replies | {Problem}, key=lambda model: model.__name__)
    _, made = models_json_schema([(model, "validation") for model in ordered], ref_template=_REF)
    definitions: dict[str, Any] = made["$defs"]
    if StatusCode.__name__ in definitions:
        definitions[StatusCode.__name__]["x-reasons"] = {str(code): asdict(STATUS_REASONS[code]) for code in StatusCode}
    for body in bodies if preferences else ():
        named = definitions[body.__name__]["properties"].get("preference")
        if named is not None:
            named["anyOf"] = [{"type": "string", "enum": [*preferences]}, {"type": "null"}]
    return definitions


def _security(sandbox: bool) -> Json:
    schemes: Json = {
        "signature": {"type": "apiKey", "in": "header", "name": "Authorization", "description": _SIGNATURE}
    }
    if sandbox:
        schemes["testKey"] = {"type": "http", "scheme": "bearer", "description": "A test key. Sandbox only."}
    return schemes
