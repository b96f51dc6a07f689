"""The fund-flow bill: published files, and files that are not to be used."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import asdict
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.wechat.bill import BillRefused, BillRow, Direction, pack, read_bill, write_bill
from tests.support.wechat import vector_files

FILES = vector_files("wechat_fundflow_bill*.json")
CASES = {case["name"]: case for file in FILES for case in file["cases"]}
NEGATIVES = [case for file in FILES for case in file.get("negative_cases", [])]
CRLF = CASES["three_rows_crlf"]


def plain(case: dict[str, Any]) -> bytes:
    return (b"\xef\xbb\xbf" if case["bom"] else b"") + case["text"].encode()


def sha1(file: bytes) -> str:
    return hashlib.sha1(file, usedforsecurity=False).hexdigest()


def shown(row: BillRow) -> dict[str, object]:
    """A row with the names of the vectors."""
    yuan = {"amount_yuan": _yuan(row.amount_fen), "balance_yuan": _yuan(row.balance_fen)}
    kept = {name: value for name, value in asdict(row).items() if name != "balance_fen"}
    return kept | yuan | {"signed_fen": row.signed_fen}


def _yuan(fen: int) -> str:
    return f"{fen // 100}.{fen % 100:02}"


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
def test_a_published_bill_reads_to_its_rows_and_totals(case: dict[str, Any], packed: bool) -> None:
    """CRLF and LF, with and without a byte-order mark, plain and gzip."""
    file = plain(case)
    assert (len(file), sha1(file)) == (case["plain_bytes"], case["sha1_of_plain_file"])
    bill = read_bill(
        base64.b64decode(case["gzip_base64"]) if packed else file, case["bill_response"]["body"]["hash_value"]
    )
    assert [shown(row) for row in bill.rows] == case["parsed_rows"]
    assert asdict(bill.totals) == case["summary"]


def spoilt(case: dict[str, Any]) -> tuple[bytes, str]:
    """The file and the hash that a negative vector describes."""
    source = CASES[case["from"]]
    lines = source["text"].encode().splitlines(keepends=True)
    match case.get("change"):
        case None:
            return plain(source), case["hash_value"]
        case "drop the last data row":
            file = b"".join(lines[:-3] + lines[-2:])
            return file, sha1(file)
        case other:
            raise AssertionError(f"a change this test does not know: {other}")


@pytest.mark.parametrize("case", NEGATIVES, ids=lambda case: case["name"])
def test_a_published_forgery_is_refused(case: dict[str, Any]) -> None:
    """With the refusal that the vector expects."""
    file, named = spoilt(case)
    with pytest.raises(BillRefused) as refused:
        read_bill(file, named)
    assert refused.value.code == case["expect"]


TEXT = CRLF["text"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\r\n",
        "a,b\r\n" + TEXT.partition("\r\n")[2],
        TEXT.replace("资金流水总笔数", "总笔数"),
        TEXT.replace("`支出", "`出"),
        TEXT.replace("`123.45", "`1,23.45", 1),
        TEXT.replace("`123.45", "`123.456", 1),
        TEXT.replace("`123.45", "`1e3", 1),
        TEXT.replace("`123.45", "`-1.00", 1),
        TEXT.replace("`3,`1,", "`x,`1,"),
        TEXT.replace("`2026-01-01 08:00:03", "2026-01-01 08:00:03"),
        TEXT.replace(",`PO20260101000000000001", "", 1),
    ],
)
def test_a_file_of_another_form_is_refused(text: str) -> None:
    """With its right hash, but not a bill: no row of it is used."""
    file = text.encode()
    with pytest.raises(BillRefused) as refused:
        read_bill(file, sha1(file))
    assert refused.value.code == "reject_form"


def test_what_is_not_text_or_not_gzip_is_refused() -> None:
    """Bytes that are not UTF-8, a torn gzip file."""
    with pytest.raises(BillRefused, match="UTF-8"):
        read_bill(b"\xff", sha1(b"\xff"))
    packed = pack(TEXT.encode())
    for torn in (packed[:-4], packed[:40], b"\x1f\x8bnonsense"):
        with pytest.raises(BillRefused, match="reject_form"):
            read_bill(torn, sha1(TEXT.encode()))


def test_a_comma_in_a_remark_does_not_split_it() -> None:
    """Fields are not quoted; the backtick is what separates them."""
    file = TEXT.replace("商家转账备注 one", "备注,一,二").encode()
    assert read_bill(file, sha1(file)).rows[0].remark == "备注,一,二"


_words = st.text(st.characters(exclude_characters="`\r\n", exclude_categories=("Cs",)), max_size=12)


@given(
    st.lists(
        st.builds(
            BillRow,
            booked_at=st.just("2026-01-01 08:00:03"),
            wechat_order_no=_words,
            flow_no=_words,
            business_name=_words,
            business_type=_words,
            direction=st.sampled_from(Direction),
            amount_fen=st.integers(0, 10**12),
            balance_fen=st.integers(-(10**12), 10**12),
            applicant=_words,
            remark=_words,
            voucher_no=_words,
        ),
        max_size=5,
    ),
    st.sampled_from(["\r\n", "\n"]),
)
def test_a_written_bill_reads_back(rows: list[BillRow], line_end: str) -> None:
    """Writer and reader agree on every row, plain and packed."""
    file = write_bill(tuple(rows), line_end=line_end)
    assert read_bill(file, sha1(file)).rows == tuple(rows)
    assert read_bill(pack(file), sha1(file)).rows == tuple(rows)
