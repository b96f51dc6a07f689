"""docs/reliability.md 4, rows 24-49 as far as they are the API's: each on a real socket, each a 400."""

from __future__ import annotations

import json

import pytest

from gateway.store.port import Tx
from tests.support.api_server import ApiServer

pytestmark = pytest.mark.asyncio(loop_scope="module")

GOOD = (
    b'{"reference":"r-1","amount":{"value":1,"currency":"CNY"},"beneficiary":{"type":"wechat","openid":"o1"},'
    b'"description":"d"}'
)


def with_amount(token: str) -> bytes:
    return GOOD.replace(b'"value":1', b'"value":' + token.encode())


def with_description(text: str) -> bytes:
    """`text` stands inside the JSON string as it is."""
    return GOOD.replace(b'"description":"d"', b'"description":"' + text.encode("utf-8", "surrogatepass") + b'"')


NO_READING = {
    "24 duplicate key": (GOOD.replace(b'"value":1', b'"value":1,"value":999'), "duplicate_key"),
    "24 duplicate key, escaped": (GOOD.replace(b'"value":1', b'"value":1,"\\u0076alue":999'), "duplicate_key"),
    "24 duplicate top-level key": (GOOD.replace(b'{"ref', b'{"reference":"x","ref', 1), "duplicate_key"),
    "25 NaN": (with_amount("NaN"), "not_a_number"),
    "25 Infinity": (with_amount("Infinity"), "not_a_number"),
    "25 -Infinity": (with_amount("-Infinity"), "not_a_number"),
    "25 1e400": (with_amount("1e400"), "number_out_of_range"),
    "25 1e-400": (with_amount("1e-400"), "number_out_of_range"),
    "25 exponent beyond Decimal": (with_amount("1e" + "9" * 30), "number_out_of_range"),
    "26 5,000 digits": (with_amount("1" + "0" * 5000), "number_out_of_range"),
    "26 5,000 digits of fraction": (with_amount("1." + "0" * 5000), "number_out_of_range"),
    "26 leading zero": (with_amount("01"), "syntax"),
    "26 plus": (with_amount("+1"), "syntax"),
    "26 hex": (with_amount("0x1"), "syntax"),
    "26 full-width digit": (with_amount("１"), "syntax"),
    "28 nine levels": (with_amount("[" * 8 + "]" * 8), "too_deep"),
    "28 60,000 brackets": (b"[" * 60_000, "too_deep"),
    "28 60,000 braces": (b'{"a":' * 12_000, "too_deep"),
    "28 deep after an open string": (b'"' + b'\\"' * 20_000 + b'"' + b"[" * 20_000, "too_deep"),
    "34 raw lone surrogate": (with_description("\ud800"), "not_utf8"),
    "35 raw NUL": (with_description("\x00"), "syntax"),
    "35 raw line feed": (with_description("\n"), "syntax"),
    "36 UTF-8 BOM": (b"\xef\xbb\xbf" + GOOD, "byte_order_mark"),
    "36 UTF-16 with BOM": (GOOD.decode().encode("utf-16"), "byte_order_mark"),
    "36 UTF-16LE": (GOOD.decode().encode("utf-16-le"), "syntax"),
    "36 UTF-32BE": (GOOD.decode().encode("utf-32-be"), "syntax"),
    "36 overlong UTF-8": (GOOD.replace(b'"d"', b'"\xc0\xaf"'), "not_utf8"),
    "36 GBK": (GOOD.replace(b'"d"', '"张三"'.encode("gbk")), "not_utf8"),
    "38 empty": (b" ", "syntax"),
    "trailing data": (GOOD + b"{}", "syntax"),
    "trailing comma": (GOOD.replace(b'"d"}', b'"d",}'), "syntax"),
    "comment": (GOOD.replace(b"{", b"{/*x*/", 1), "syntax"),
    "single quotes": (GOOD.replace(b'"', b"'"), "syntax"),
}


@pytest.mark.parametrize("name", NO_READING)
async def test_no_reading(shared_api: ApiServer, name: str) -> None:
    """A body with no single reading is refused as JSON, before any field is looked at."""
    body, code = NO_READING[name]
    answer = await shared_api.signed("POST", "/v1/payouts", body)
    assert (answer.status, answer.json()["code"]) == (400, "invalid_json"), answer.body
    assert answer.codes() == {"": code}


FAULTY = {
    "26 fraction": (with_amount("1.5"), "/amount/value", "not_an_integer"),
    "26 tiny fraction": (with_amount("1.000000000000000000001"), "/amount/value", "not_an_integer"),
    "26 true": (with_amount("true"), "/amount/value", "not_an_integer"),
    "26 string": (with_amount('"1"'), "/amount/value", "not_an_integer"),
    "26 full-width string": (with_amount('"１"'), "/amount/value", "not_an_integer"),
    "26 null": (with_amount("null"), "/amount/value", "not_an_integer"),
    "26 zero": (with_amount("0"), "/amount/value", "out_of_range"),
    "26 zero as float": (with_amount("0.0"), "/amount/value", "out_of_range"),
    "26 -0": (with_amount("-0"), "/amount/value", "out_of_range"),
    "26 -0.0": (with_amount("-0.0"), "/amount/value", "out_of_range"),
    "26 -1": (with_amount("-1"), "/amount/value", "out_of_range"),
    "26 10^15+1": (with_amount("1000000000000001"), "/amount/value", "out_of_range"),
    "26 1e16": (with_amount("1e16"), "/amount/value", "out_of_range"),
    "26 unknown currency": (GOOD.replace(b"CNY", b"ZZZ"), "/amount/currency", "unknown_currency"),
    "34 escaped lone surrogate": (with_description(r"\ud800"), "/description", "forbidden_character"),
    "34 surrogates the wrong way round": (with_description(r"\udc00\ud800"), "/description", "forbidden_character"),
    "35 escaped NUL": (with_description(r"\u0000"), "/description", "forbidden_character"),
    "35 escaped tab": (with_description(r"\t"), "/description", "forbidden_character"),
    "35 C1": (with_description("\x85"), "/description", "forbidden_character"),
    "35 DEL": (with_description("\x7f"), "/description", "forbidden_character"),
    "35 U+2028": (with_description("\u2028"), "/description", "forbidden_character"),
    "35 U+2029": (with_description(r"\u2029"), "/description", "forbidden_character"),
    "35 noncharacter": (with_description("\uffff"), "/description", "forbidden_character"),
    "37 unknown field": (GOOD.replace(b"{", b'{"desciption":"x",', 1), "/desciption", "unknown_field"),
    "37 status": (GOOD.replace(b"{", b'{"status":"paid",', 1), "/status", "unknown_field"),
    "37 id": (GOOD.replace(b"{", b'{"id":"po_1",', 1), "/id", "unknown_field"),
    "37 app": (GOOD.replace(b"{", b'{"app":"rival",', 1), "/app", "unknown_field"),
    "unknown preference": (GOOD.replace(b"{", b'{"preference":"hasty",', 1), "/preference", "unknown_value"),
    "unknown end": (GOOD.replace(b"{", b'{"on_expiry":"hold",', 1), "/on_expiry", "unknown_value"),
    "a time without its offset": (
        GOOD.replace(b"{", b'{"send_by":"2026-01-01T00:00:00",', 1),
        "/send_by",
        "bad_format",
    ),
    "a time so far ahead": (
        GOOD.replace(b"{", b'{"send_at":"9999-12-31T23:59:59Z",', 1),
        "/send_at",
        "out_of_range",
    ),
    "a time that is a number": (GOOD.replace(b"{", b'{"send_at":1767225600,', 1), "/send_at", "not_a_string"),
    "a forged quote": (
        GOOD.replace(b"{", b'{"quote_id":"qt_' + b"A" * 40 + b'",', 1),
        "/quote_id",
        "bad_quote",
    ),
    "37 unknown field of a part": (GOOD.replace(b'"openid"', b'"x":1,"openid"'), "/beneficiary/x", "unknown_field"),
    "37 field of the other kind": (
        GOOD.replace(b'"openid"', b'"country":"CN","openid"'),
        "/beneficiary/country",
        "unknown_field",
    ),
    "38 null for a required field": (GOOD.replace(b'"r-1"', b"null"), "/reference", "not_a_string"),
    "38 array for object": (GOOD.replace(b'{"value":1,"currency":"CNY"}', b"[]"), "/amount", "not_an_object"),
    "38 []": (b"[]", "", "not_an_object"),
    '38 ""': (b'""', "", "not_an_object"),
    "38 null": (b"null", "", "not_an_object"),
    "38 a number": (b"1", "", "not_an_object"),
    "39 long text": (with_description("x" * 141), "/description", "too_long"),
    "44 empty reference": (GOOD.replace(b"r-1", b""), "/reference", "bad_format"),
    "44 65 characters": (GOOD.replace(b"r-1", b"r" * 65), "/reference", "bad_format"),
    "44 path": (GOOD.replace(b"r-1", b"../"), "/reference", "bad_format"),
    "44 quote": (GOOD.replace(b"r-1", b"r'"), "/reference", "bad_format"),
    "44 percent": (GOOD.replace(b"r-1", b"r%00"), "/reference", "bad_format"),
    "44 newline": (GOOD.replace(b"r-1", rb"r\n"), "/reference", "forbidden_character"),
    "44 emoji": (GOOD.replace(b"r-1", "r😀".encode()), "/reference", "bad_format"),
    "45 trailing space": (GOOD.replace(b"r-1", b"r-1 "), "/reference", "bad_format"),
    "49 lower-case currency": (GOOD.replace(b"CNY", b"cny"), "/amount/currency", "bad_format"),
    "49 XXX": (GOOD.replace(b"CNY", b"XXX"), "/amount/currency", "unknown_currency"),
    "49 full-width letter": (GOOD.replace(b"CNY", "CNＹ".encode()), "/amount/currency", "bad_format"),
    "unknown kind": (GOOD.replace(b'"wechat"', b'"alipay"'), "/beneficiary/type", "unknown_type"),
    "no kind": (GOOD.replace(b'"type":"wechat",', b""), "/beneficiary/type", "missing"),
    "21 metadata keys": (
        GOOD.replace(b"{", b'{"metadata":%b,' % json.dumps({f"k{n}": "" for n in range(21)}).encode(), 1),
        "/metadata",
        "too_many",
    ),
    "501 characters": (
        GOOD.replace(b"{", b'{"metadata":{"k":"%b"},' % (b"x" * 501), 1),
        "/metadata/k",
        "too_long",
    ),
    "metadata of a number": (GOOD.replace(b"{", b'{"metadata":{"k":1},', 1), "/metadata/k", "not_a_string"),
    "metadata of an object": (GOOD.replace(b"{", b'{"metadata":{"k":{}},', 1), "/metadata/k", "not_a_string"),
    "metadata key": (GOOD.replace(b"{", b'{"metadata":{"a b":"x"},', 1), "/metadata/a b", "bad_format"),
    "metadata null": (GOOD.replace(b"{", b'{"metadata":null,', 1), "/metadata", "not_an_object"),
}


@pytest.mark.parametrize("name", FAULTY)
async def test_fault(shared_api: ApiServer, name: str) -> None:
    """A faulty field is named by its pointer and a stable code, and it is the only fault of the body."""
    body, pointer, code = FAULTY[name]
    answer = await shared_api.signed("POST", "/v1/payouts", body)
    assert (answer.status, answer.json()["code"]) == (400, "invalid_request"), answer.body
    assert answer.codes() == {pointer: code}


HIDDEN = {
    "bidi override": "a\u202eb",
    "zero-width space": "a\u200bb",
    "zero-width joiner": "a\u200db",
    "BOM inside": "a\ufeffb",
    "variation selector": "a\ufe0fb",
    "ideographic variation": "张\U000e0100",
    "tag character": "a\U000e0041",
    "private use": "a\ue000",
    "soft hyphen": "a\u00adb",
}
ACCOUNTS = {
    "full-width digits": "６２２２００００００００",
    "Arabic digits": "٦٢٢٢٠٠٠٠",
    "two spaces": "6222  0000 0000",
    "leading space": " 62220000",
    "trailing hyphen": "62220000-",
    "non-breaking space": "6222\u00a00000",
    "three characters": "6 2 2",
    "35 characters": "1" * 35,
    "quote": "6222'0000",
    "dot": "6222.0000",
}


def bank(**fields: str) -> dict[str, str]:
    usual = {"account_number": "62220000", "name": "A B", "bank_code": "DEUTDEFF", "country": "DE"}
    return {"type": "bank_account", **usual, **fields}


@pytest.mark.parametrize("name", HIDDEN)
async def test_hidden_characters_in_a_name(shared_api: ApiServer, name: str) -> None:
    """Row 40: what the eye cannot see in a name is refused."""
    answer = await shared_api.create(shared_api.order(beneficiary=bank(name=HIDDEN[name])))
    assert (answer.status, answer.codes()) == (400, {"/beneficiary/name": "forbidden_character"})


@pytest.mark.parametrize("name", [" A", "A ", "\u3000A"])
async def test_space_around_a_name(shared_api: ApiServer, name: str) -> None:
    """A name has no space at either end."""
    answer = await shared_api.create(shared_api.order(beneficiary=bank(name=name)))
    assert (answer.status, answer.codes()) == (400, {"/beneficiary/name": "surrounding_space"})


@pytest.mark.parametrize("name", ACCOUNTS)
async def test_account_numbers_that_are_refused(shared_api: ApiServer, name: str) -> None:
    """Row 43: anything but ASCII letters and digits with single spaces or hyphens between them is refused."""
    answer = await shared_api.create(shared_api.order(beneficiary=bank(account_number=ACCOUNTS[name])))
    assert (answer.status, answer.codes()) == (400, {"/beneficiary/account_number": "bad_format"})


@pytest.mark.parametrize("token", ["1.0", "1e0", "10e-1", "1.00E+0"])
async def test_whole_numbers(shared_api: ApiServer, token: str) -> None:
    """Row 26: a whole number is one, however it is written."""
    reference = f"whole-{'0123'[['1.0', '1e0', '10e-1', '1.00E+0'].index(token)]}"
    answer = await shared_api.signed("POST", "/v1/payouts", with_amount(token).replace(b"r-1", reference.encode()))
    assert answer.status == 201, answer.body
    assert answer.json()["amount"]["value"] == 1


async def test_largest_amount(shared_api: ApiServer) -> None:
    """10^15 minor units are accepted, exactly."""
    answer = await shared_api.create(shared_api.order(amount={"value": 10**15, "currency": "CNY"}))
    assert (answer.status, answer.json()["amount"]["value"]) == (201, 10**15)


async def test_normal_form(shared_api: ApiServer) -> None:
    """Rows 42 and 43: NFC and NFD, spaces and hyphens, are the same content: a replay, not a conflict."""
    composed = shared_api.order("nfc-1", beneficiary=bank(name="Jos\u00e9", account_number="DE89370400440532013000"))
    decomposed = shared_api.order(
        "nfc-1", beneficiary=bank(name="Jose\u0301", account_number="de89 3704 0044 0532-0130 00")
    )
    assert (await shared_api.create(composed)).status == 201
    assert (await shared_api.create(decomposed)).status == 200


async def test_homoglyphs_are_accepted(shared_api: ApiServer) -> None:
    """Row 41: a Cyrillic letter in a name is somebody's name, and not equal to the Latin one."""
    assert (await shared_api.create(shared_api.order("homo", beneficiary=bank(name="Anna")))).status == 201
    assert (await shared_api.create(shared_api.order("homo", beneficiary=bank(name="А" + "nna")))).status == 409


async def test_all_faults_at_once(shared_api: ApiServer) -> None:
    """One answer lists every fault, and repeats no value."""
    order = {
        "reference": "sp ace-SECRET",
        "amount": {"value": "1-SECRET", "currency": "SEC"},
        "beneficiary": {"type": "bank_account", "account_number": "SECRET!", "name": "\u202eSECRET", "country": "CN"},
        "description": "\u0000SECRET",
        "metadata": {"k": 7},
        "extra": "SECRET",
    }
    answer = await shared_api.create(order)
    assert answer.status == 400
    assert answer.codes() == {
        "/reference": "bad_format",
        "/amount/value": "not_an_integer",
        "/amount/currency": "unknown_currency",
        "/beneficiary/account_number": "bad_format",
        "/beneficiary/name": "forbidden_character",
        "/beneficiary/bank_code": "missing",
        "/description": "forbidden_character",
        "/metadata/k": "not_a_string",
        "/extra": "unknown_field",
    }
    assert b"SECRET" not in answer.body


async def test_faults_are_bounded(shared_api: ApiServer) -> None:
    """Ten thousand unknown fields with long names do not make a long answer."""
    body = json.dumps({f"{number}-{'x' * 200}": 0 for number in range(280)}).encode()
    answer = await shared_api.signed("POST", "/v1/payouts", body)
    assert answer.status == 400
    assert len(answer.json()["errors"]) == 100
    assert len(answer.body) < 20_000


async def test_keys_with_forbidden_characters(shared_api: ApiServer) -> None:
    """A lone surrogate in a key is a fault of its object, not a crash of our answer."""
    answer = await shared_api.signed("POST", "/v1/payouts", GOOD.replace(b"{", rb'{"\ud800":1,', 1))
    assert (answer.status, answer.codes()) == (400, {"": "forbidden_character"})


async def test_refused_orders_leave_nothing(shared_api: ApiServer) -> None:
    """After all of the above no payout has the reference that they tried."""

    def known(tx: Tx) -> object:
        return tx.reference("shop", "r-1")

    assert await shared_api.store.run(known) is None
    assert (await shared_api.signed("POST", "/v1/payouts", GOOD)).status == 201
    assert await shared_api.store.run(known) is not None
