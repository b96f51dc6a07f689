"""Blocks of the documents that say how something is: it is so."""

from __future__ import annotations

import re
import secrets
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psycopg
import pytest
import tomlkit
from psycopg import sql

from adapters.registry import GROUP
from adapters.skeleton import write
from gateway.api.signed_request import Algorithm, authorization, parse_authorization, sign, signing_string
from gateway.config.errors import ConfigError
from gateway.config.load import load
from gateway.config.mint import mint_sandbox_secrets
from gateway.config.resolve import resolve_secrets
from tests.acceptance.document_blocks import ROOT, Block, Place, blocks_at
from tests.acceptance.document_table import Merged, cases
from tests.support.postgres import connect, server


def at(page: str, heading: str, language: str = "") -> list[Block]:
    found = blocks_at(Place(page, heading, language))
    assert found
    return found


def test_the_layers_are_those_that_are_held() -> None:
    """The diagram is import-linter's own list, under the command line's entry."""
    (block,) = at("docs/architecture.md", "Who may import whom")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    held = next(each for each in project["tool"]["importlinter"]["contracts"] if each["type"] == "layers")
    assert [re.split(r"\s{2,}", line)[0] for line in block.text.splitlines()] == held["layers"]


def test_the_entry_point_is_the_skeletons(tmp_path: Path) -> None:
    """What the page shows is what `adapter new acme` writes, in the group that is looked through."""
    (block,) = at("docs/adding-a-channel.md", "Joining", "toml")
    write("acme", tmp_path)
    (project,) = tmp_path.glob("*/pyproject.toml")
    shown = tomllib.loads(block.text)["project"]["entry-points"]
    assert shown == tomllib.loads(project.read_text(encoding="utf-8"))["project"]["entry-points"]
    assert list(shown) == [GROUP]


FAULTY = {
    '\nlisten = "127.0.0.1:8080"': '\nlisten_on = "127.0.0.1:8080"',
    "\n[channels.mock]": '\n[channels.mock]\nstate = "enabeld"\n#',
}


def test_faults_are_told_as_the_page_tells_them(tmp_path: Path) -> None:
    """Both mistakes, made in the shipped file, are told in these words; lines move as the file grows."""
    (block,) = at("docs/operations.md", "Configuration")
    text = (ROOT / "config.toml").read_text(encoding="utf-8")
    for right, wrong in FAULTY.items():
        assert text.count(right) == 1
        text = text.replace(right, wrong)
    path = tmp_path / "config.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as refused:
        load(path, {})
    told = [re.sub(r"^.*config\.toml:\d+", "config.toml", str(fault)) for fault in str(refused.value).splitlines()]
    assert told == [re.sub(r":\d+", "", line) for line in block.text.splitlines()]


ASKED: dict[str, Any] = {"method": "POST", "target": "/v1/payouts?x=1", "timestamp": 1767225600, "body": b'{"a":1}'}
NONCE = "Zm9vYmFyYmF6cXV4MDE"


def test_what_is_signed_and_the_headers_form() -> None:
    """Both forms, filled in, are what is signed and what is sent, for each algorithm."""
    form, headers, *_ = at("docs/api.md", "Who is calling")
    parts = {
        "METHOD": ASKED["method"],
        "path and query as sent": ASKED["target"],
        "timestamp in seconds": str(ASKED["timestamp"]),
        "nonce": NONCE,
        "raw body": ASKED["body"].decode(),
    }
    named = form.text.strip().removesuffix("\\n").split("\\n")
    message = "".join(f"{parts[name.strip()]}\n" for name in named).encode()
    body = ASKED["body"]
    assert message == signing_string(ASKED["method"], ASKED["target"].encode(), ASKED["timestamp"], NONCE, body)
    shown = headers.text.splitlines()
    assert len(shown) == 2
    for line, algorithm in zip(shown, (Algorithm.HMAC_SHA256, Algorithm.ED25519), strict=True):
        sent = authorization(algorithm, "key-1", bytes(32), nonce=NONCE, **ASKED)
        credentials = parse_authorization(sent)
        assert credentials is not None
        assert credentials.signature == sign(algorithm, bytes(32), message)
        filled = re.sub(r'"[^"]*"', '""', f"Authorization: {sent}")
        assert filled == re.sub(r'"[^"]*"', '""', line)


def test_the_database_is_made() -> None:
    """Both statements, under names of our own, on a real server; who logs in then owns the database."""
    (block,) = at("docs/stores.md", "PostgreSQL", "sql")
    name, password = f"paymux_page_{secrets.token_hex(6)}", secrets.token_hex(12)
    text = re.sub(r"\bpaymux\b", name, block.text).replace("…", password)
    own = server().set(database=name, username=name, password=password)
    with connect(server()) as admin:
        try:
            for statement in filter(str.strip, text.split(";")):
                admin.execute(statement.encode())
            assert owner(own) == (name, "UTF8", "C")
        finally:
            admin.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(name)))
            admin.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(name)))


def owner(url: Any) -> tuple[str, ...]:
    """Of the database that one is in, with its encoding and its locale."""
    asked = """
        SELECT pg_get_userbyid(datdba), pg_encoding_to_char(encoding), datcollate
        FROM pg_database WHERE datname = current_database()
    """
    session: psycopg.Connection[tuple[str, ...]] = connect(url)
    with session:
        found = session.execute(asked).fetchone()
    assert found is not None
    return found


def merged(into: Any, part: Mapping[str, Any]) -> None:
    """What the part says, it says in the place of the other."""
    for name, value in part.items():
        if isinstance(value, Mapping) and name in into and name != "tls":
            merged(into[name], value)
        else:
            into[name] = value


@cases(Merged)
def test_a_configuration_is_accepted(block: Block, how: Merged, tmp_path: Path) -> None:
    """The shipped file with it is read without a fault, has what it says, and its secrets are found."""
    part = tomllib.loads(block.text)
    document: Any = tomlkit.parse((ROOT / "config.toml").read_text(encoding="utf-8"))
    before = document.as_string()
    merged(document, part)
    assert document.as_string() != before
    path = tmp_path / "config.toml"
    path.write_text(tomlkit.dumps(document), encoding="utf-8")
    for name in re.findall(r'"file:(state/sandbox/[^"]+)"', before + document.as_string()):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("minted by the sandbox when it starts", encoding="utf-8")
        (tmp_path / name).chmod(0o600)
    config = load(path, how.environ)
    mint_sandbox_secrets(config)
    resolve_secrets(config)
