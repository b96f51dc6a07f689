"""The message profile: a small walker over facts about element order, occurrence and value limits.

The facts are data (`iso20022_profile.json`); the rules no schema can say stand below as a list. What we send is
checked here before anything is stored (sheet "bank-direct" section 6): an order the bank would refuse for its form is
refused by us, while refusing still costs nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import date, datetime
from functools import cache
from importlib import resources
from typing import Any

from adapters.bank.xml import Document, Node
from gateway.currencies import exponent
from gateway.domain.money import MoneyError, parse_decimal

Facts = Mapping[str, Any]

_DECIMAL = re.compile(r"[+-]?(?P<whole>[0-9]*)(?:\.(?P<fraction>[0-9]*))?", re.ASCII)


class ProfileRefused(Exception):
    """The document breaks the schema (`reject_schema`), or a rule of ours (`reject_profile`), at `path`."""

    def __init__(self, code: str, path: str, detail: str) -> None:
        super().__init__(f"{code} at {path}: {detail}")
        self.code = code
        self.path = path
        self.detail = detail


@cache
def facts() -> Facts:
    """The profile's data, as shipped."""
    text = resources.files(__package__).joinpath("iso20022_profile.json").read_text("utf-8")
    loaded: Facts = json.loads(text)
    return loaded


def check(document: Document, *, writing: bool = False) -> None:
    """Check a whole document; `writing` also refuses elements that are legal but that we never send.

    Raises:
        ProfileRefused: at the first place that is wrong.
    """
    known = facts()["messages"].get(document.message)
    if known is None:
        raise ProfileRefused("reject_schema", "Document", f"a message we do not know: {document.message}")
    fact = known["message"]
    if document.body.name != fact["name"]:
        raise ProfileRefused("reject_schema", "Document", f"{document.body.name} is not {fact['name']}")
    _check_node(document.body, fact, fact["name"], writing)
    if document.message.startswith("pain.001."):
        _check_transfers(document.body)


def _check_node(node: Node, fact: Facts, path: str, writing: bool) -> None:
    if fact.get("use") == "other":
        if writing:
            raise ProfileRefused("reject_profile", path, "an element we never send")
        return
    _check_attributes(node, fact.get("attributes", {}), path)
    if "type" in fact:
        if next(node.children(), None) is not None:
            raise ProfileRefused("reject_schema", path, "elements where a value belongs")
        _check_value(node.element.text or "", fact["type"], path)
        return
    if (node.element.text or "").strip():
        raise ProfileRefused("reject_schema", path, "text between elements")
    _check_children(node, fact, path, writing)


def _check_attributes(node: Node, wanted: Facts, path: str) -> None:
    for name in node.element.attrib:
        if str(name) not in wanted:
            raise ProfileRefused("reject_schema", f"{path}/@{name!s}", "an attribute that does not belong")
    for name, fact in wanted.items():
        value = node.attribute(name)
        if value is not None:
            _check_value(value, fact["type"], f"{path}/@{name}")
        elif fact["required"]:
            raise ProfileRefused("reject_schema", f"{path}/@{name}", "missing")


def _check_children(node: Node, fact: Facts, path: str, writing: bool) -> None:
    """Walk the children along the facts: in order for a sequence, exactly one of them for a choice."""
    found = list(node.children())
    if fact["content"] == "choice":
        _check_choice(found, fact, path)
    at = 0
    for wanted in fact["children"]:
        count = 0
        while at < len(found) and _is(found[at], wanted["name"], node.namespace):
            _check_node(found[at], wanted, f"{path}/{wanted['name']}", writing)
            at, count = at + 1, count + 1
        if fact["content"] == "sequence":
            _check_count(count, wanted, path)
    if at < len(found):
        raise ProfileRefused("reject_schema", f"{path}/{found[at].name}", "not allowed at this place")


def _check_choice(found: list[Node], fact: Facts, path: str) -> None:
    names = {wanted["name"] for wanted in fact["children"]}
    if len({child.name for child in found}) != 1 or found[0].name not in names:
        raise ProfileRefused("reject_schema", path, f"exactly one of {sorted(names)} belongs here")
    wanted = next(wanted for wanted in fact["children"] if wanted["name"] == found[0].name)
    _check_count(len(found), wanted, path)


def _check_count(count: int, wanted: Facts, path: str) -> None:
    most = wanted["max"]
    if count < wanted["min"] or (most is not None and count > most):
        allowed = f"{wanted['min']} to {'any' if most is None else most}"
        raise ProfileRefused("reject_schema", f"{path}/{wanted['name']}", f"{count} times, allowed {allowed}")


def _is(node: Node, name: str, namespace: str) -> bool:
    return node.element.tag == f"{{{namespace}}}{name}"


def _check_value(text: str, type_name: str, path: str) -> None:
    fact = facts()["simple_types"][type_name]
    if not _VALUES[fact["base"]](text, fact):
        raise ProfileRefused("reject_schema", path, f"not a {type_name}")


def _is_string(text: str, fact: Facts) -> bool:
    fits = fact.get("minLength", 0) <= len(text) <= fact.get("maxLength", len(text))
    listed = text in fact.get("enumeration", (text,))
    matched = "pattern" not in fact or any(re.fullmatch(pattern, text) for pattern in fact["pattern"])
    return fits and listed and matched


def _is_decimal(text: str, fact: Facts) -> bool:
    match = _DECIMAL.fullmatch(text)
    if match is None:
        return False
    whole, fraction = (match.group("whole") or "").lstrip("0"), (match.group("fraction") or "").rstrip("0")
    digits = bool(match.group("whole") or match.group("fraction"))
    fits = len(fraction) <= fact["fractionDigits"] and len(whole) + len(fraction) <= fact["totalDigits"]
    negative = text.startswith("-") and bool(whole or fraction)
    return digits and fits and not (negative and fact.get("minInclusive") == 0)


def _is_date(text: str, _fact: Facts) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return len(text) == len("2026-01-01")


def _is_date_time(text: str, _fact: Facts) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return len(text) >= len("2026-01-01T00:00:00") and text[10] == "T"


def _is_boolean(text: str, _fact: Facts) -> bool:
    return text in ("true", "false", "1", "0")


_VALUES = {
    "string": _is_string,
    "decimal": _is_decimal,
    "date": _is_date,
    "dateTime": _is_date_time,
    "boolean": _is_boolean,
}


def _check_transfers(body: Node) -> None:
    """Rules of ours for pain.001 that a schema cannot say: counts and sums agree, each amount is payable."""
    transfers = body.all("PmtInf/CdtTrfTxInf")
    total = 0
    for transfer in transfers:
        total += _minor(transfer)
        if transfer.text("PmtId/EndToEndId") == "NOTPROVIDED":
            raise ProfileRefused("reject_profile", "PmtId/EndToEndId", "an order needs an id of its own")
    for path in ("GrpHdr", "PmtInf"):
        _check_totals(body, path, len(transfers), total, transfers[0])


def _minor(transfer: Node) -> int:
    amount = transfer.one("Amt/InstdAmt")
    if amount is None:
        raise ProfileRefused("reject_profile", "Amt/InstdAmt", "missing")
    currency = amount.attribute("Ccy") or ""
    try:
        money = parse_decimal(amount.text() or "", currency, exponent(currency) or 0)
    except MoneyError as error:
        raise ProfileRefused("reject_profile", "Amt/InstdAmt", str(error)) from error
    if money.minor <= 0:
        raise ProfileRefused("reject_profile", "Amt/InstdAmt", "nothing to pay")
    return money.minor


def _check_totals(body: Node, path: str, count: int, total: int, sample: Node) -> None:
    header = body.one(path)
    currency = (sample.one("Amt/InstdAmt") or sample).attribute("Ccy") or ""
    if header is None or int(header.text("NbOfTxs") or count) != count:
        raise ProfileRefused("reject_profile", f"{path}/NbOfTxs", f"not the number of transfers, {count}")
    written = header.text("CtrlSum")
    try:
        agrees = written is None or parse_decimal(written, currency, exponent(currency) or 0).minor == total
    except MoneyError:
        agrees = False
    if not agrees:
        raise ProfileRefused("reject_profile", f"{path}/CtrlSum", "not the sum of the transfers")
