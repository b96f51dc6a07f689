"""Logs tell what happened, and never an account number, a name or a secret (S16, I48)."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from gateway import log
from gateway.domain.beneficiary import BankBeneficiary
from gateway.domain.reasons import RejectReason
from gateway.redact import ID_KEYS, MASK, private
from gateway.secret import Secret


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    """Leave structlog and `logging` as they were found."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()
    logging.captureWarnings(False)
    root.handlers[:], root.level = handlers, level


def written(act: Callable[[Any], object], **settings: Any) -> str:
    """What `act`, given a logger, writes."""
    stream = io.StringIO()
    log.configure(stream=stream, **settings)
    act(structlog.get_logger())
    return stream.getvalue()


def event(act: Callable[[Any], object]) -> dict[str, Any]:
    """The one event that `act` logs."""
    [line] = written(act).splitlines()
    found: dict[str, Any] = json.loads(line)
    return found


# what it says


def test_an_event_is_one_json_object_a_line() -> None:
    """Event, level, instant in UTC, and the fields as given."""
    found = event(lambda logger: logger.info("attempt.sent", channel="bank", elapsed_ms=12, ok=True, note=None))
    assert datetime.fromisoformat(found.pop("timestamp")).utcoffset() == UTC.utcoffset(None)
    assert found == {
        "event": "attempt.sent",
        "level": "info",
        "channel": "bank",
        "elapsed_ms": 12,
        "ok": True,
        "note": None,
    }


def test_bound_ids_stand_on_every_line_inside() -> None:
    """Also in tasks started inside, and no longer outside."""

    async def task(logger: Any) -> None:
        logger.info("inner.step")

    async def journey(logger: Any) -> None:
        with log.bound(payout="po_1", app="demo"):
            await asyncio.gather(task(logger), task(logger))
        logger.info("outer.step")

    lines = [json.loads(line) for line in written(lambda logger: asyncio.run(journey(logger))).splitlines()]
    assert [line.get("payout") for line in lines] == ["po_1", "po_1", None]


def test_levels_below_are_not_written() -> None:
    """And an unknown level is refused."""
    text = written(lambda logger: (logger.info("a.b"), logger.warning("c.d")), level="WARNING")
    assert [json.loads(line)["event"] for line in text.splitlines()] == ["c.d"]
    with pytest.raises(KeyError):
        log.configure(level="loud")


def test_a_line_is_there_as_soon_as_it_was_said() -> None:
    """Also on a stream that buffers: what was said before a crash is there after it."""
    raw = io.BytesIO()
    log.configure(stream=io.TextIOWrapper(io.BufferedWriter(raw, 65536), write_through=False))  # type: ignore[arg-type]  # BytesIO is raw enough
    structlog.get_logger().info("before.crash")
    assert b"before.crash" in raw.getvalue()


def test_a_stream_that_is_gone_stops_nothing() -> None:
    """Closed stderr or a broken pipe must not fail a payout."""

    class Broken(io.StringIO):
        def write(self, _text: str) -> int:
            raise BrokenPipeError

    for stream in (Broken(), io.StringIO()):
        log.configure(stream=stream)
        stream.close()
        structlog.get_logger().error("still.here")


def test_an_exception_shows_types_texts_and_places() -> None:
    """The chain, the newest first; no source lines and no local variables."""

    def act(logger: Any) -> None:
        local = "lOcalValue"
        try:
            try:
                raise ValueError("first")
            except ValueError as error:
                raise KeyError("second") from error
        except KeyError:
            logger.exception("it.broke", size=len(local))

    found = event(act)
    assert [(each["type"], each["text"]) for each in found["exception"]] == [
        ("KeyError", "'second'"),
        ("ValueError", "first"),
    ]
    assert found["exception"][0]["at"][0].startswith("test_log.py:")
    assert "lOcalValue" not in json.dumps(found)


def test_members_of_a_group_are_shown() -> None:
    """A task group's failure is its members'."""
    group = ExceptionGroup("both", [ValueError("one"), OSError("two")])
    found = event(lambda logger: logger.error("it.broke", exc_info=group))
    assert [each["type"] for each in found["exception"]] == ["ExceptionGroup", "ValueError", "OSError"]


def test_libraries_pass_the_same_rules() -> None:
    """What comes through `logging` or `warnings` is JSON, bound and redacted too."""

    def act(_: Any) -> None:
        with log.bound(payout="po_1"):
            logging.getLogger("aiohttp.access").warning("from %s", "6222000000000123")
            with warnings.catch_warnings():
                warnings.simplefilter("always")
                warnings.warn("card 6222000000000123", stacklevel=1)

    first, second = map(json.loads, written(act).splitlines())
    assert (first["event"], first["logger"], first["level"], first["payout"]) == (
        f"from {MASK}",
        "aiohttp.access",
        "warning",
        "po_1",
    )
    assert second["logger"] == "py.warnings"
    assert "6222000000000123" not in json.dumps(second)


def test_a_line_for_people() -> None:
    """The same redaction, one line, ASCII."""
    text = written(lambda logger: logger.info("a.b", note="two words\n", secret="x", channel="bank"), json=False)
    instant, rest = text.split(" ", 1)
    assert datetime.fromisoformat(instant)
    assert rest == f"info a.b note='two words\\n' secret={MASK} channel=bank\n"


# what it does not say


@dataclass
class Opaque:
    """An object whose repr tells too much."""

    account: str


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("authorization", "PAYMUX-ED25519 abc"),
        ("Authorization", "x"),
        ("X-Signature", "x"),
        ("app_secret", "x"),
        ("secret", "x"),
        ("key", "x"),
        ("api_key", "x"),
        ("apiKey", "x"),
        ("token", "x"),
        ("openid", "x"),
        ("account_number", "x"),
        ("beneficiary.account_number", "x"),
        ("name", "张三"),
        ("payee_name", "x"),
        ("creditorName", "x"),
        ("beneficiary", {"name": "x"}),
        ("body", b"x"),
        ("signature", ["x"]),
        ("password", 12345),
    ],
)
def test_a_field_named_like_a_secret_is_masked_whole(key: str, value: object) -> None:
    """Whatever its type, and at any depth."""
    assert event(lambda logger: logger.info("a.b", **{key: value}))[key] == MASK
    assert event(lambda logger: logger.info("a.b", outer={"inner": [{key: value}]}))["outer"] == {
        "inner": [{key: MASK}]
    }


@pytest.mark.parametrize("key", ["key_id", "signature_ok", "hostname", "keyboard", "tokens_left", "event"])
def test_a_field_that_only_sounds_like_one_is_shown(key: str) -> None:
    """Or nobody could read the log."""
    assert event(lambda logger: logger.info(**{"event": "a.b", key: "shown"}))[key] == "shown"


PLAIN_ACCOUNTS = st.from_regex(r"[0-9]{8,30}", fullmatch=True)
GROUPED = PLAIN_ACCOUNTS.flatmap(
    lambda digits: st.sampled_from([" ", "-", ".", "\u00a0"]).map(
        lambda gap: gap.join(digits[at : at + 4] for at in range(0, len(digits), 4))
    )
)
FULL_WIDTH = PLAIN_ACCOUNTS.map(lambda digits: digits.translate({48 + n: 0xFF10 + n for n in range(10)}))
IBANS = st.sampled_from(["DE89370400440532013000", "GB29NWBK60161331926819", "FR1420041010050500013M02606"])
ACCOUNTS = st.one_of(PLAIN_ACCOUNTS, GROUPED, FULL_WIDTH, IBANS)
WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["Nd", "L", "Cs"]), max_size=10)
FIELDS = st.from_regex(r"[a-z]{1,8}(_[a-z]{1,8})?", fullmatch=True).filter(
    lambda key: key not in ID_KEYS | {"event", "level", "exception"} and not key.startswith("exc")
)


def planted(value: Any) -> list[Callable[[Any], object]]:
    """Every way in which something ends up in a log line."""
    error = ValueError(value)
    return [
        lambda logger: logger.info(f"text.with {value}"),
        lambda logger: logger.info("a.b", reference_of=value),
        lambda logger: logger.info("a.b", deep={"x": [(value,), {value}]}),
        lambda logger: logger.info("a.b", as_key={str(value): 1}),
        lambda logger: logger.info("a.b", error=error),
        lambda logger: logger.error("a.b", exc_info=error),
        lambda logger: logger.info("a.b", path=Path("/tmp") / str(value).replace("/", "")),
        lambda logger: logger.info("a.b", opaque=Opaque(str(value))),
        lambda logger: logger.info("a.b", raw=str(value).encode()),
        lambda logger: logging.getLogger("lib").error("said %s", value),
        lambda logger: logging.getLogger("lib").error("said", exc_info=error),
    ]


@given(ACCOUNTS, WORDS, FIELDS)
def test_an_account_number_is_never_written(account: str, around: str, key: str) -> None:
    """In no field, however it is grouped, whatever stands around it, in JSON and for people."""
    value = f"{around} {account} {around}"
    for act in [*planted(value), lambda logger: logger.info("a.b", **{key: value})]:
        for as_json in (True, False):
            text = written(act, json=as_json)
            assert text
            assert account not in _unescaped(text)


def _unescaped(text: str) -> str:
    return text.encode("ascii").decode("unicode_escape")


MEASURES = ("amount", "minor", "bytes", "count", "total", "line", "port", "size", "pid", "seed", "s", "ms", "us", "ns")


@given(st.integers(10**7, 10**30), FIELDS.filter(lambda key: key.rpartition("_")[2] not in MEASURES))
def test_an_account_number_that_is_an_int_is_never_written(account: int, key: str) -> None:
    """Only a key that says it is a measure keeps a long number."""
    assert event(lambda logger: logger.info("a.b", **{key: account}))[key] == MASK


@given(st.text(st.characters(codec="utf-8", categories=["L"]), min_size=2, max_size=12))
def test_a_name_that_was_declared_private_is_never_written(name: str) -> None:
    """No pattern knows a name, so the work on a payout says which strings must not appear."""
    hidden = f"<{name}>"
    for act in planted(f"pay {hidden} now"):
        with private(hidden, "6222000000000123"):
            text = written(act)
        assert text
        assert hidden not in _unescaped(text)


def test_private_ends_with_its_block() -> None:
    """And nests; a single character is too common to hide."""

    def act(logger: Any) -> None:
        with private("Alice", None, "x"):
            with private("Bob"):
                logger.info("a.b", note="Alice Bob x")
            logger.info("a.b", note="Alice Bob x")
        logger.info("a.b", note="Alice Bob x")

    notes = [json.loads(line)["note"] for line in written(act).splitlines()]
    assert notes == [f"{MASK} {MASK} x", f"{MASK} Bob x", "Alice Bob x"]


SECRETS = [
    "whsec_c2VjcmV0c2VjcmV0c2VjcmV0",
    "test_abcdefghijklmnopqrstuvwxyz-_ABCDEFGHIJKL",
    "Bearer eyJhbGciOi.xyz",
    'PAYMUX-ED25519 key_id="a",signature="c2lnbmF0dXJl"',
    "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIHNp\n-----END PRIVATE KEY-----",
    "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIHNp",
    "signature=c2lnbmF0dXJl",
    "{'openid': 'oUpF8uMuAJO'}",
]


@pytest.mark.parametrize("secret", SECRETS)
def test_what_looks_like_a_secret_is_masked_in_free_text(secret: str) -> None:
    """Bearer keys, callback secrets, PEM, authorization headers, `signature=...`."""
    kernel = max(secret.replace("\n", " ").replace('"', " ").replace("'", " ").replace("=", " ").split(), key=len)
    assert len(kernel) >= 8
    for act in planted(f"got {secret}"):
        text = written(act)
        assert text
        assert kernel not in text


def test_user_info_in_a_url_is_masked() -> None:
    """The host stays."""
    note = event(lambda logger: logger.info("a.b", note="to https://user:pw@acme.example/x"))["note"]
    assert note == f"to https://{MASK}acme.example/x"


@given(st.binary(min_size=8, max_size=40))
def test_a_wrapped_secret_is_never_written(value: bytes) -> None:
    """Under any key, at any depth."""
    secret = Secret(value, "env:X")
    found = event(lambda logger: logger.info("a.b", plain=secret, deep=[{"x": secret}]))
    assert found["plain"] == MASK
    assert found["deep"] == [{"x": MASK}]


def test_an_object_shows_its_type_only() -> None:
    """A domain object's repr holds the beneficiary."""
    person = BankBeneficiary("6222000000000123", "张三", "102100099996", "CN")
    found = event(lambda logger: logger.info("a.b", thing=person, raw=b"abc"))
    assert (found["thing"], found["raw"]) == ("<BankBeneficiary>", "<3 bytes>")


IDS: Mapping[str, object] = {
    "payout": "po_01890000000070008000000000000001",
    "reference": "20260115000123",
    "channel_reference": "ABC22345672345672345672345",
    "uetr": "01234567-89ab-4cde-8f01-23456789abcd",
    "key_id": "acme-20260115",
    "sha256": "0" * 64,
    "due_at": "2026-01-15T00:00:00.123456789Z",
    "elapsed_ms": 123456789,
    "elapsed_s": 0.0123456789,
    "share": 0.123456789,
    "amount_minor": 1000000000,
    "fence": 12345678901,
}


def test_our_own_ids_and_numbers_stay_readable() -> None:
    """A log in which no payout can be found again is none."""
    found = event(lambda logger: logger.info("a.b", **IDS))
    assert {key: found[key] for key in IDS} == IDS


def test_an_id_of_another_form_is_treated_as_text() -> None:
    """What an attacker sends as an id is not trusted to be one."""
    found = event(lambda logger: logger.info("a.b", key_id="x 6222000000000123", payout="6222 0000 0000 0123"))
    assert (found["key_id"], found["payout"]) == (f"x {MASK}", MASK)


def test_plain_values_are_shown_as_they_are_written() -> None:
    """Words, instants and UUIDs."""
    uuid = UUID("01234567-89ab-4cde-8f01-23456789abcd")
    found = event(
        lambda logger: logger.info("a.b", why=RejectReason.UNKNOWN, at=datetime(2026, 1, 1, tzinfo=UTC), u=uuid)
    )
    assert (found["why"], found["at"], found["u"]) == ("unknown", "2026-01-01 00:00:00+00:00", str(uuid))


@given(st.text(max_size=60))
def test_nothing_makes_a_second_line(value: str) -> None:
    """Newlines of every kind, control characters, lone surrogates: one line, in ASCII (ASVS 16.4.1)."""
    for as_json in (True, False):
        text = written(lambda logger: logger.info(f"a {value}", **{"note": value, f"k{value}": 1}), json=as_json)
        assert text.count("\n") == 1
        assert text.isascii()
        assert len(text.splitlines()) == 1


def test_a_line_has_a_length() -> None:
    """A hostile answer does not fill the disk: long texts, long lists and deep nests are cut."""
    nest: Any = "x"
    for _ in range(100):
        nest = [nest]
    text = written(lambda logger: logger.info("a.b", long="y" * 10**6, many=list(range(10**5)), nest=nest))
    assert len(text) < 5000
