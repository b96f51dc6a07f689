"""Every field of an order, walked out of the schema, and for each another value: none can be forgotten, for a field
without one here fails the test."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

from gateway.api.schemas import CreatePayout

Json = dict[str, Any]

WECHAT: Json = {"type": "wechat", "openid": "oIDEMPOTENT0199", "name": "张三"}
BANK: Json = {
    "type": "bank_account",
    "account_number": "6222000000000199",
    "name": "张三",
    "bank_code": "000200000002",
    "country": "CN",
}
KINDS = ("wechat", "bank_account", "saved")

IDENTITY, UNSAID = "/reference", "/metadata"
"""What an order is known under; and what it is not known by."""
BY_THE_SERVER = frozenset({"/quote_id", "/beneficiary:saved/id"})
"""Whose values only the server gives out."""

OTHERWISE: Mapping[str, object] = {
    "/amount/value": 12_346,
    "/amount/currency": "USD",
    "/beneficiary:wechat/type": BANK,
    "/beneficiary:wechat/openid": "oIDEMPOTENT0200",
    "/beneficiary:wechat/name": "李四",
    "/beneficiary:bank_account/type": WECHAT,
    "/beneficiary:bank_account/account_number": "6222000000000200",
    "/beneficiary:bank_account/name": "李四",
    "/beneficiary:bank_account/bank_code": "000200000003",
    "/beneficiary:bank_account/country": "HK",
    "/beneficiary:saved/type": BANK,
    "/purpose": "BONU",
    "/description": "another withdrawal",
    "/preference": "fastest",
    "/send_at": "2099-01-01T00:00:01Z",
    "/send_by": "2099-02-01T00:00:01Z",
    "/on_expiry": "fail",
    "/channels/allow": [],
    "/channels/deny": [],
    "/payer/account_id": "user-4712",
    "/payer/tier": "silver",
    "/payer/device_id": "device-0816",
    "/payer/ip": "203.0.113.78",
}
"""What stands in the place of what `whole` says. A type's is another beneficiary."""


def leaves() -> frozenset[str]:
    """The place of every value that an order can hold. The kinds of beneficiaries are told apart by `:kind`."""
    schema = CreatePayout.model_json_schema()
    return frozenset(_leaves(schema, schema["$defs"], ""))


def _leaves(node: Json, defs: Json, at: str) -> Iterator[str]:
    if "$ref" in node:
        node = defs[node["$ref"].rpartition("/")[2]]
    kinds = [each for each in node.get("anyOf", ()) if each.get("type") != "null"]
    if "oneOf" in node:
        for kind, reference in node["discriminator"]["mapping"].items():
            yield from _leaves({"$ref": reference}, defs, f"{at}:{kind}")
    elif len(kinds) == 1:
        yield from _leaves(kinds[0], defs, at)
    elif "properties" in node:
        for name, each in node["properties"].items():
            yield from _leaves(each, defs, f"{at}/{name}")
    else:
        yield at


def whole(reference: str, beneficiary: Json) -> Json:
    """An order that says everything but a quote."""
    return {
        "reference": reference,
        "amount": {"value": 12_345, "currency": "CNY"},
        "beneficiary": beneficiary,
        "purpose": "SALA",
        "description": "withdrawal",
        "preference": "cheapest",
        "send_at": "2020-01-01T00:00:00Z",
        "send_by": "2099-02-01T00:00:00Z",
        "on_expiry": "any_channel",
        "channels": {"allow": ["alpha"], "deny": ["beta"]},
        "payer": {"account_id": "user-4711", "tier": "gold", "device_id": "device-0815", "ip": "203.0.113.77"},
        "metadata": {"k": "v"},
    }


def altered(order: Json, leaf: str, value: object) -> Json:
    """The same order with another value in that place; a type brings its whole beneficiary."""
    made = deepcopy(order)
    *way, last = leaf.removeprefix("/").split("/")
    inside = made
    for step in way:
        inside = inside[step.partition(":")[0]]
    if last == "type":
        made["beneficiary"] = value
    else:
        inside[last] = value
    return made


def left_out(order: Json) -> Iterator[tuple[str, Json]]:
    """The same order without each field that may be left out."""
    schema = CreatePayout.model_json_schema()
    for name in schema["properties"]:
        if name not in schema["required"] and name in order and f"/{name}" != UNSAID:
            yield f"/{name}", {each: order[each] for each in order if each != name}
