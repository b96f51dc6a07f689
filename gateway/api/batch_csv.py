"""A batch as CSV: a header that names columns, and a row for each item. Read twice: once to see that it is CSV, and
what it is known by; once more, page by page, for its items.

A cell is a field of an order, under the field's own name; an empty one is a field that is not there. What is wrong with
the file refuses it as a whole. What is wrong with a row is that row's.
"""

from __future__ import annotations

import csv
import hashlib
import hmac
import io
import json
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from gateway.api.problems import Code, Fault, Refused
from gateway.api.reading import validated
from gateway.api.schemas import BatchOrder
from gateway.api.strict_json import cleaned
from gateway.api.words import METADATA_KEYS_MAX, REFERENCE_PATTERN
from gateway.domain.batch import BatchForm
from gateway.domain.fingerprint import VERSION

ROWS_MAX = 15_000
BYTES_MAX = 8 * 1024 * 1024
_METADATA = "metadata."
_PLACES: dict[str, tuple[str, ...]] = {
    "reference": ("reference",),
    "amount": ("amount", "value"),
    "currency": ("amount", "currency"),
    "type": ("beneficiary", "type"),
    "openid": ("beneficiary", "openid"),
    "account_number": ("beneficiary", "account_number"),
    "name": ("beneficiary", "name"),
    "bank_code": ("beneficiary", "bank_code"),
    "country": ("beneficiary", "country"),
    "beneficiary_id": ("beneficiary", "id"),
    "purpose": ("purpose",),
    "description": ("description",),
    "preference": ("preference",),
    "send_at": ("send_at",),
    "send_by": ("send_by",),
    "on_expiry": ("on_expiry",),
    "channels_allow": ("channels", "allow"),
    "channels_deny": ("channels", "deny"),
    "payer_account_id": ("payer", "account_id"),
    "payer_tier": ("payer", "tier"),
    "payer_device_id": ("payer", "device_id"),
    "payer_ip": ("payer", "ip"),
}
"""Column -> where it stands in an order."""
COLUMNS = tuple(_PLACES)
LISTS = ("channels_allow", "channels_deny")
"""Columns of names with a space between."""
REQUIRED = ("reference", "amount", "currency", "type")
_REFERENCE = re.compile(REFERENCE_PATTERN, re.ASCII)
_WHOLE = re.compile(r"[0-9]{1,20}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Row:
    """One item as it was read: an order, or its faults."""

    number: int | None
    """Of a CSV: as a spreadsheet counts, the header being row 1."""
    reference: str | None
    """Also of a row with faults, where it is one."""
    item: BatchOrder | None
    faults: tuple[Fault, ...]


@dataclass(frozen=True, slots=True)
class CsvFile:
    """A file that is CSV, of at most so many rows, under a header that is understood."""

    body: bytes = field(repr=False)
    columns: tuple[str, ...]
    count: int
    fingerprint: bytes
    form = BatchForm.CSV

    def read(self) -> Iterator[Row]:
        """Its items, one after the other."""
        for number, cells in islice(_rows(self.body), 1, None):
            yield _row(self.columns, number, cells)


def scan(body: bytes, key: bytes, app: str, reference: str) -> CsvFile:
    """What the file is. `key` makes the fingerprint that it is known by: over every cell but metadata, in whatever
    order the columns stand.

    Raises:
        Refused: it is not CSV in UTF-8, its header is not understood, or it has no rows or too many.
    """
    mac = hmac.new(key, json.dumps(["paymux batch csv", app, reference]).encode(), hashlib.sha256)
    count = 0
    try:
        rows = _rows(body)
        columns = _header(next(rows, (1, []))[1])
        for _, cells in rows:
            count += 1
            if count > ROWS_MAX:
                raise _refused("too_many", f"at most {ROWS_MAX} rows")
            mac.update(_canonical(columns, cells))
    except UnicodeDecodeError:
        raise _refused("not_utf8", "the file must be UTF-8") from None
    except csv.Error:
        raise _refused("syntax", f"not CSV after row {count + 1}") from None
    if not count:
        raise _refused("too_few", "at least one row under the header")
    return CsvFile(body, columns, count, VERSION + mac.digest())


def _rows(body: bytes) -> Iterator[tuple[int, list[str]]]:
    """Rows with their numbers; empty lines are none, but count."""
    text = io.TextIOWrapper(io.BytesIO(body), encoding="utf-8-sig", newline="")
    for number, cells in enumerate(csv.reader(text, strict=True), start=1):
        if cells:
            yield number, cells


def _header(cells: Sequence[str]) -> tuple[str, ...]:
    faults = [Fault("#header", "missing", f"there is no column {name}") for name in REQUIRED if name not in cells]
    known = [name in _PLACES or name.startswith(_METADATA) for name in cells]
    if not all(known):
        faults.append(Fault("#header", "unknown_field", f"column {known.index(False) + 1} is none of an order's"))
    if len(set(cells)) != len(cells):
        faults.append(Fault("#header", "duplicate_key", "a column stands there twice"))
    if sum(name.startswith(_METADATA) for name in cells) > METADATA_KEYS_MAX:
        faults.append(Fault("#header", "too_many", f"at most {METADATA_KEYS_MAX} columns of metadata"))
    if faults:
        raise Refused(Code.INVALID_REQUEST, faults=faults)
    return tuple(cells)


def _canonical(columns: Sequence[str], cells: Sequence[str]) -> bytes:
    named = zip(columns, cells, strict=False)
    said = {name: unicodedata.normalize("NFC", cell) for name, cell in named if cell and not name.startswith(_METADATA)}
    return json.dumps([said, len(cells) == len(columns)], sort_keys=True).encode() + b"\n"


def _row(columns: Sequence[str], number: int, cells: Sequence[str]) -> Row:
    if len(cells) != len(columns):
        fault = Fault("", "wrong_columns", f"{len(columns)} cells, as the header has")
        return Row(number, None, None, (fault,))
    value, faults = cleaned(_nested(columns, cells))
    item, found = validated(BatchOrder, value, faults)
    said = str(value.get("reference", ""))
    return Row(number, said if _REFERENCE.fullmatch(said) else None, item, tuple(found))


def _nested(columns: Sequence[str], cells: Sequence[str]) -> dict[str, object]:
    """The row as an order has it."""
    order: dict[str, object] = {}
    for name, cell in zip(columns, cells, strict=True):
        if not cell:
            continue
        *above, last = ("metadata", name.removeprefix(_METADATA)) if name.startswith(_METADATA) else _PLACES[name]
        inside = order
        for step in above:
            inside = inside.setdefault(step, {})  # type: ignore[assignment]  # what stands above is a dictionary
        inside[last] = _value(name, cell)
    return order


def _value(name: str, cell: str) -> object:
    if name in LISTS:
        return cell.split()
    return int(cell) if name == "amount" and _WHOLE.fullmatch(cell) else cell


def _refused(code: str, detail: str) -> Refused:
    return Refused(Code.INVALID_REQUEST, faults=[Fault("", code, detail)])
