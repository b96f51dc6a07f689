"""Every published ISO 20022 document: read as it means, refused where it must be, and written byte for byte."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.bank import camt053, camt054, pain002, profile
from adapters.bank.codes import read_status
from adapters.bank.identifiers import identifiers, references
from adapters.bank.pain001 import Party, Terms, Transfer, document, is_iban
from adapters.bank.reasons import RETURN_REASONS, first_reason
from adapters.bank.xml import DEPTH_MAX, MESSAGE_MAX_BYTES, Document, XmlRefused, parse
from gateway.domain.money import Money, MoneyError, parse_decimal
from gateway.domain.outcome import OutcomeKind
from tests.support.bank import VECTORS, vector_files

FILES = vector_files("iso20022_samples*.json")
SAMPLES: dict[str, dict[str, Any]] = {one["name"]: one for file in FILES for one in file["samples"]}
NEGATIVES: dict[str, dict[str, Any]] = {one["name"]: one for file in FILES for one in file["negative_samples"]}
SUCCESS = frozenset({"ACSC", "ACCC"})


def _of(message: str) -> Any:
    found = {name: one for name, one in SAMPLES.items() if one["message"] == message}
    assert found
    return pytest.mark.parametrize("sample", found.values(), ids=found)


def _document(sample: dict[str, Any]) -> Document:
    return parse(sample["xml"].encode())


@pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES)
def test_a_published_document_keeps_to_the_profile(sample: dict[str, Any]) -> None:
    """The walker accepts what the published schemas accept."""
    found = _document(sample)
    assert found.message == sample["message"]
    profile.check(found)


@pytest.mark.parametrize("sample", NEGATIVES.values(), ids=NEGATIVES)
def test_a_published_refusal_is_ours_too(sample: dict[str, Any]) -> None:
    """Each negative is refused by just the check it was made for."""
    with pytest.raises((XmlRefused, profile.ProfileRefused)) as refused:
        profile.check(_document(sample))
    assert refused.value.code == sample["expect"]


def test_the_shipped_facts_are_the_published_ones() -> None:
    """The profile the package carries is the vector file, whatever is added to it."""
    shipped = profile.facts()
    for facts in vector_files("iso20022_profile_schema*.json"):
        assert {name: shipped["messages"].get(name) for name in facts["messages"]} == facts["messages"]
        assert {name: shipped["simple_types"].get(name) for name in facts["simple_types"]} == facts["simple_types"]


_TERMS = {
    "CNY": Terms("NURG", "SHAR", "NORM", None, "SUPP"),
    "EUR": Terms("SEPA", "SLEV", "NORM", None, "SUPP"),
}


@_of("pain.001.001.09")
def test_an_order_is_written_byte_for_byte(sample: dict[str, Any]) -> None:
    """From the inputs a sample states, our writer makes exactly the sample's bytes."""
    assert document(_transfer(sample)) == sample["xml"].encode()


def _transfer(sample: dict[str, Any]) -> Transfer:
    """The sample's stated inputs; what it does not state (names, remittance) is read from the document."""
    body, said = _document(sample).body, sample["expect"]
    ids = identifiers(said["msg_id"].removeprefix("M"))
    assert (ids.pmt_inf_id, ids.instr_id, ids.end_to_end_id) == (
        said["pmt_inf_id"],
        said["instr_id"],
        said["end_to_end_id"],
    )
    payer_name = body.text("PmtInf/Dbtr/Nm") or ""
    agent = "PmtInf/CdtTrfTxInf/CdtrAgt/FinInstnId"
    return Transfer(
        ids,
        said["uetr"],
        datetime.fromisoformat(body.text("GrpHdr/CreDtTm") or ""),
        date.fromisoformat(said["execution_date"]),
        Money(said["minor_units"], said["currency"]),
        payer_name,
        "MCH0000001",
        Party(
            payer_name,
            said.get("payer_iban") or said["payer_account"],
            said.get("payer_bic") or said["payer_bank_id"],
        ),
        said["currency"],
        Party(
            said["payee_name"],
            said.get("payee_iban") or said["payee_account"],
            said.get("payee_bic") or said["payee_bank_id"],
            body.text(f"{agent}/Nm"),
        ),
        _TERMS[said["currency"]],
        "COMM",
        body.text("PmtInf/CdtTrfTxInf/RmtInf/Ustrd"),
    )


_OUTCOMES = {"failed": OutcomeKind.REJECTED, "query_original": OutcomeKind.UNCLEAR}


@_of("pain.002.001.10")
def test_a_report_means_what_the_sample_says(sample: dict[str, Any]) -> None:
    """Level, status, reasons, outcome and normalized reason of each report."""
    said = sample["expect"]
    (found,) = pain002.read(_document(sample)).statuses
    assert (found.level, found.status, list(found.reasons)) == (said["level"], said["status"], said["reasons"])
    assert (found.msg_id, found.end_to_end_id, found.uetr, found.instr_id) == (
        said["msg_id"],
        said.get("end_to_end_id"),
        said.get("uetr"),
        said.get("instr_id"),
    )
    assert found.references == {said["msg_id"].removeprefix("M")}
    verdict = read_status(found.status, found.reasons, SUCCESS, {})
    assert verdict.kind == _OUTCOMES.get(said["outcome"], said["outcome"])
    assert verdict.reason == said["normalized_reason"]
    assert verdict.is_duplicate == (said["outcome"] == "query_original")


@_of("camt.054.001.08")
def test_a_movement_means_what_the_sample_says(sample: dict[str, Any]) -> None:
    """Entries as given; a debit is success, a credit with return information a return with its reason."""
    said = sample["expect"]
    entries = camt054.read(_document(sample)).entries
    _check_entries(entries, said["entries"])
    meanings = {"succeeded": camt054.Meaning.PAID, "returned": camt054.Meaning.RETURNED}
    assert [entry.meaning for entry in entries] == [meanings[said["outcome"]]]
    if "normalized_reason" in said:
        codes = [entry.return_reason for entry in entries if entry.return_reason]
        assert first_reason(codes, RETURN_REASONS)[1] == said["normalized_reason"]


def _check_entries(entries: tuple[camt054.Entry, ...], wanted: list[dict[str, Any]]) -> None:
    assert len(entries) == len(wanted)
    for entry, one in zip(entries, wanted, strict=True):
        assert entry.amount == parse_decimal(one["amount"], one["currency"], 2)
        assert (entry.direction, entry.status) == (one["credit_debit"], one["entry_status"])
        assert (entry.end_to_end_id, entry.return_reason) == (one["end_to_end_id"], one.get("return_reason"))


@_of("camt.053.001.08")
def test_a_statement_adds_up_as_the_sample_says(sample: dict[str, Any]) -> None:
    """Balances, entries, and whether they agree."""
    said = sample["expect"]
    (found,) = camt053.read(_document(sample))
    _check_entries(found.entries, said["entries"])
    assert (found.opening.decimal(2), found.closing.decimal(2)) == (said["opening"], said["closing"])
    assert (found.faults() == []) is said["balance_equation_holds"]


def test_a_statement_that_does_not_add_up_says_so() -> None:
    """One unit off, an entry dropped, a page missing: each is found."""
    (good,) = camt053.read(_document(SAMPLES["camt053_statement"]))
    assert good.faults() == []
    assert replace(good, closing=Money(good.closing.minor + 1, "CNY")).faults()
    assert replace(good, entries=good.entries[:1]).faults()
    assert replace(good, last_page=False).faults() == ["pages are missing"]


def test_an_unbooked_entry_counts_for_nothing() -> None:
    """Pending and informative entries are not money."""
    text = SAMPLES["camt054_debit"]["xml"]
    assert text.count("<Cd>BOOK</Cd>") == 1
    (entry,) = camt054.read(parse(text.replace("<Cd>BOOK</Cd>", "<Cd>PDNG</Cd>").encode())).entries
    assert not entry.booked


def test_a_reversal_is_a_return_and_a_bare_credit_is_nothing_we_know() -> None:
    """A credit marked as a reversal brings the debit back; a credit without any mark is for a person."""
    text = SAMPLES["camt054_debit"]["xml"].replace("DBIT", "CRDT")
    marked = text.replace("</CdtDbtInd><Sts>", "</CdtDbtInd><RvslInd>true</RvslInd><Sts>")
    assert marked != text
    assert [one.meaning for one in camt054.read(parse(text.encode())).entries] == [camt054.Meaning.UNKNOWN]
    assert [one.meaning for one in camt054.read(parse(marked.encode())).entries] == [camt054.Meaning.RETURNED]


def test_levels_that_contradict_each_other_are_seen() -> None:
    """A group refused with its one transaction accepted is a contradiction; a refused transaction in it is not."""
    text = SAMPLES["pain002_tx_acsp"]["xml"]
    group = "</OrgnlMsgNmId><GrpSts>RJCT</GrpSts><StsRsnInf><Rsn><Cd>DU01</Cd></Rsn></StsRsnInf></OrgnlGrpInfAndSts>"
    mixed = text.replace("</OrgnlMsgNmId></OrgnlGrpInfAndSts>", group)
    assert mixed != text
    (found,) = pain002.read(parse(mixed.encode())).statuses
    assert found.contradicts
    (refused,) = pain002.read(parse(mixed.replace("ACSP", "RJCT").encode())).statuses
    assert not refused.contradicts
    assert refused.reasons == ("DU01",), "a duplicate code at the group counts for its transaction"


@pytest.mark.parametrize(
    ("xml", "code"),
    [
        (b"<a>" + b"x" * MESSAGE_MAX_BYTES + b"</a>", "reject_size"),
        (b"<Document>" + b"<a>" * DEPTH_MAX + b"</a>" * DEPTH_MAX + b"</Document>", "reject_size"),
        (b"<a", "reject_xml"),
        (b"", "reject_xml"),
        (b"<a/>", "reject_xml"),
        ("<a/>".encode("utf-16"), "reject_xml"),
        (b'<?xml version="1.0" encoding="UTF-16"?>\n<!DOCTYPE a><a/>', "reject_doctype"),
        (b'<Document xmlns="urn:example:other"><a/></Document>', "reject_xml"),
        (b'<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.002.001.10"><a/><b/></Document>', "reject_xml"),
    ],
    ids=["long", "deep", "cut", "empty", "other root", "utf-16", "declared utf-16", "namespace", "two messages"],
)
def test_hostile_xml_is_refused(xml: bytes, code: str) -> None:
    """Too long, too deep, broken or not ours: refused before anything is read from it."""
    with pytest.raises(XmlRefused) as refused:
        parse(xml)
    assert refused.value.code == code


@given(data=st.binary(max_size=300))
def test_no_bytes_make_the_reader_fall_over(data: bytes) -> None:
    """Anything at all is a document or `XmlRefused`."""
    with pytest.raises(XmlRefused):
        parse(data)


def test_other_versions_and_messages_are_not_read() -> None:
    """Another version is another reader (section 6)."""
    text = SAMPLES["pain002_tx_acsc"]["xml"].replace("pain.002.001.10", "pain.002.001.03")
    with pytest.raises(pain002.Unreadable):
        pain002.read(parse(text.encode()))
    with pytest.raises(profile.ProfileRefused):
        profile.check(parse(text.encode()))
    with pytest.raises(pain002.Unreadable):
        camt054.read(_document(SAMPLES["pain002_tx_acsc"]))
    with pytest.raises(pain002.Unreadable):
        camt053.read(_document(SAMPLES["camt054_debit"]))


@given(minor=st.integers(1, 10**15), currency=st.sampled_from(["CNY", "EUR", "JPY", "KWD"]))
def test_an_amount_survives_the_way_to_the_wire_and_back(minor: int, currency: str) -> None:
    """Minor units to exact decimal digits in the document and back, for 0, 2 and 3 digits, without a float."""
    sample = _transfer(SAMPLES["pain001_cny_single"])
    body = parse(document(replace(sample, amount=Money(minor, currency)))).body
    amount = body.one("PmtInf/CdtTrfTxInf/Amt/InstdAmt")
    assert amount is not None
    assert pain002.read_amount(amount) == Money(minor, currency)
    assert body.text("GrpHdr/CtrlSum") == body.text("PmtInf/CtrlSum") == amount.text()


@pytest.mark.parametrize("text", ["1E+2", "-1.00", "+1.00", "1,00", "", " 1.00", "1.000", "NaN", "１.00"])
def test_an_amount_that_is_not_plain_is_refused(text: str) -> None:
    """No sign, no exponent, no digits beyond the currency's."""
    with pytest.raises(MoneyError):
        parse_decimal(text, "CNY", 2)


def test_identifiers_point_back_to_one_reference() -> None:
    """The four ids lead back to the reference they were made of; ids of two orders are seen to be two."""
    one, other = identifiers("ABC23456789DEFGHJKMNPQRSTU"), identifiers("OBC23456789DEFGHJKMNPQRSTU")
    assert max(map(len, (one.msg_id, one.pmt_inf_id, one.instr_id, one.end_to_end_id))) <= 35
    assert references(msg_id=one.msg_id, end_to_end_id=one.end_to_end_id) == {"ABC23456789DEFGHJKMNPQRSTU"}
    assert references(pmt_inf_id=other.pmt_inf_id) == {"OBC23456789DEFGHJKMNPQRSTU"}
    assert len(references(msg_id=one.msg_id, end_to_end_id=other.end_to_end_id)) == 2
    assert references(msg_id="X1", end_to_end_id="NOTPROVIDED", instr_id=None) == frozenset()


def test_an_iban_is_checked_by_its_digits() -> None:
    """Form and modulus 97."""
    assert is_iban("FR1420041010050500013M02606")
    assert not is_iban("FR1420041010050500013M02607")
    assert not is_iban("110000000000000001")


def test_the_vector_folder_is_the_one_in_the_repository() -> None:
    """A file added there later is picked up by its name."""
    assert (VECTORS / "README.md").is_file()
