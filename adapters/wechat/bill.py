"""The fund-flow bill: a day of movements of the account the money leaves. Pure (sheet section 14).

The download is not signed. What protects it is the hash in the signed answer that named it, so that is checked first,
over the uncompressed file. Labels (business name and type) are kept and never matched on: their wording is not settled.
"""

from __future__ import annotations

import gzip
import hashlib
import hmac
import zlib
from dataclasses import dataclass
from enum import StrEnum

from gateway.domain.money import MoneyError, parse_decimal

_HEADER = (
    "记账时间,微信支付业务单号,资金流水单号,业务名称,业务类型,收支类型,收支金额(元),账户结余(元),"
    "资金变更提交申请人,备注,业务凭证号"
)
_TOTALS_HEADER = "资金流水总笔数,收入笔数,收入金额,支出笔数,支出金额"
_FIELDS = 11
_TOTALS = 5
BILL_MAX_BYTES = 64 * 1024 * 1024


class BillRefusal(StrEnum):
    """Why a bill is not used."""

    HASH = "reject_hash"
    FORM = "reject_form"
    SUMMARY = "reject_summary"


class BillRefused(Exception):
    """The bill is not the one that was named, or not one at all."""

    def __init__(self, code: BillRefusal, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


class Direction(StrEnum):
    """Which way the money went."""

    INCOME = "收入"
    EXPENSE = "支出"


@dataclass(frozen=True, slots=True)
class BillRow:
    """One movement. An expense is a payment; an income under the same number is money that came back."""

    booked_at: str
    """Beijing time, as written: `2026-01-01 08:00:03`."""
    wechat_order_no: str
    """Our `transfer_bill_no`, the second way to match."""
    flow_no: str
    business_name: str
    business_type: str
    direction: Direction
    amount_fen: int
    balance_fen: int
    applicant: str
    remark: str
    voucher_no: str
    """Our `out_bill_no`, the first way to match."""

    @property
    def signed_fen(self) -> int:
        """What it did to the account."""
        return self.amount_fen if self.direction is Direction.INCOME else -self.amount_fen


@dataclass(frozen=True, slots=True)
class Totals:
    """The last line: it must equal the rows."""

    count: int
    income_count: int
    income_fen: int
    expense_count: int
    expense_fen: int


@dataclass(frozen=True, slots=True)
class Bill:
    """One day's movements, in booking order."""

    rows: tuple[BillRow, ...]
    totals: Totals


def read_bill(file: bytes, sha1: str) -> Bill:
    """Read a downloaded bill, gzip or plain; `sha1` is the hex `hash_value` of the signed answer that named it.

    Raises:
        BillRefused: another hash, another form, or totals that do not equal the rows.
    """
    plain = _plain(file)
    digest = hashlib.sha1(plain, usedforsecurity=False).hexdigest()
    if not hmac.compare_digest(digest, sha1.lower()):
        raise BillRefused(BillRefusal.HASH, "the file is not the one that was named")
    bill = _parse(plain)
    if bill.totals != totals(bill.rows):
        raise BillRefused(BillRefusal.SUMMARY, "the totals do not equal the rows")
    return bill


def totals(rows: tuple[BillRow, ...]) -> Totals:
    """What the last line has to say of `rows`."""
    income = [row.amount_fen for row in rows if row.direction is Direction.INCOME]
    expense = [row.amount_fen for row in rows if row.direction is Direction.EXPENSE]
    return Totals(len(rows), len(income), sum(income), len(expense), sum(expense))


def _plain(file: bytes) -> bytes:
    if not file.startswith(b"\x1f\x8b"):
        return file
    unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        plain = unpacker.decompress(file, BILL_MAX_BYTES + 1)
    except zlib.error as error:
        raise BillRefused(BillRefusal.FORM, "not a gzip file") from error
    if len(plain) > BILL_MAX_BYTES or not unpacker.eof:
        raise BillRefused(BillRefusal.FORM, "cut short, or too long")
    return plain


def _parse(plain: bytes) -> Bill:
    try:
        lines = plain.decode("utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise BillRefused(BillRefusal.FORM, "not UTF-8") from error
    lines = [line.removesuffix("\r") for line in lines]
    if lines and not lines[-1]:
        lines.pop()
    if len(lines) < 3 or lines[0] != _HEADER or lines[-2] != _TOTALS_HEADER:
        raise BillRefused(BillRefusal.FORM, "not a fund-flow bill")
    return Bill(tuple(_row(line) for line in lines[1:-2]), _totals(lines[-1]))


def _fields(line: str, count: int) -> list[str]:
    """Fields are not quoted; each begins with a backtick, so a comma alone inside a remark does not split."""
    fields = line[1:].split(",`")
    if not line.startswith("`") or len(fields) != count:
        raise BillRefused(BillRefusal.FORM, f"a line has not its {count} fields")
    return fields


def _row(line: str) -> BillRow:
    booked_at, order_no, flow_no, name, kind, direction, amount, balance, applicant, remark, voucher_no = _fields(
        line, _FIELDS
    )
    if direction not in tuple(Direction):
        raise BillRefused(BillRefusal.FORM, "a movement is neither income nor expense")
    return BillRow(
        booked_at,
        order_no,
        flow_no,
        name,
        kind,
        Direction(direction),
        _fen(amount),
        _balance_fen(balance),
        applicant,
        remark,
        voucher_no,
    )


def _totals(line: str) -> Totals:
    count, income_count, income, expense_count, expense = _fields(line, _TOTALS)
    return Totals(_count(count), _count(income_count), _fen(income), _count(expense_count), _fen(expense))


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 12):
        raise BillRefused(BillRefusal.FORM, "a count is not a number")
    return int(text)


def _fen(yuan: str) -> int:
    try:
        return parse_decimal(yuan, "CNY", 2).minor
    except MoneyError as error:
        raise BillRefused(BillRefusal.FORM, "an amount is not yuan with two decimals") from error


def _balance_fen(yuan: str) -> int:
    """A balance may be below zero."""
    return -_fen(yuan[1:]) if yuan.startswith("-") else _fen(yuan)


def write_bill(rows: tuple[BillRow, ...], *, line_end: str = "\r\n") -> bytes:
    """The service's side of `read_bill`, for the sandbox."""
    total = totals(rows)
    lines = [_HEADER, *map(_written, rows), _TOTALS_HEADER]
    figures = (total.count, total.income_count, _yuan(total.income_fen), total.expense_count, _yuan(total.expense_fen))
    lines.append(",".join(f"`{figure}" for figure in figures))
    return "".join(line + line_end for line in lines).encode()


def _written(row: BillRow) -> str:
    fields = (
        row.booked_at,
        row.wechat_order_no,
        row.flow_no,
        row.business_name,
        row.business_type,
        row.direction,
        _yuan(row.amount_fen),
        _yuan(row.balance_fen),
        row.applicant,
        row.remark.replace("\r", "\\r").replace("\n", "\\n"),
        row.voucher_no,
    )
    return ",".join(f"`{field}" for field in fields)


def _yuan(fen: int) -> str:
    return f"{'-' if fen < 0 else ''}{abs(fen) // 100}.{abs(fen) % 100:02}"


def pack(plain: bytes) -> bytes:
    """gzip, the same bytes for the same file."""
    return gzip.compress(plain, mtime=0)
