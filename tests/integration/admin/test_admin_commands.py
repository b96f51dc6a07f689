"""The commands of people, against a running admin listener: what they print, write and end with."""

from __future__ import annotations

import asyncio
import json
import socket
import stat
import threading
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from structlog.testing import capture_logs

from gateway.__main__ import build
from gateway.cli.client import TOKEN_VARIABLE, Me, Misused, Reach, ask, read_token, token_of
from gateway.cli.exit import Exit
from gateway.cli.payout import read_evidence
from gateway.domain.status import Status, status
from gateway.secret import Secret
from gateway.store.records import Delivery
from tests.support.admin_api import AdminServer
from tests.support.scripted import ScriptedGateway, scripted_gateway


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str

    def json(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self.out)
        return told


class Shell:
    """Runs commands in a thread, so that the listener in this loop can answer them."""

    def __init__(self, admin: AdminServer, folder: Path, capture: pytest.CaptureFixture[str]) -> None:
        self.admin = admin
        self.folder = folder
        self._capture = capture
        self._app = build()

    async def run(self, *words: str, url: str | None = None) -> Ended:
        self._capture.readouterr()
        where = url or f"http://127.0.0.1:{self.admin.port}"
        code = await asyncio.to_thread(self._exit_of, [*words, "--url", where])
        captured = self._capture.readouterr()
        return Ended(code, captured.out, captured.err)

    def _exit_of(self, words: list[str]) -> int:
        try:
            self._app(words)
        except SystemExit as end:
            return int(end.code or 0)
        return 0

    def file(self, name: str) -> str:
        return str(self.folder / name)

    def read(self, name: str) -> str:
        return (self.folder / name).read_text()

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)

    def open_up(self, name: str) -> None:
        (self.folder / name).chmod(0o644)

    def names(self) -> set[str]:
        return {path.name for path in self.folder.iterdir()}

    def mode(self, name: str) -> int:
        return stat.S_IMODE((self.folder / name).stat().st_mode)

    async def two(self) -> None:
        """Ada and Bob, their tokens in `ada` and `bob`."""
        await self.admin.mint_first()
        first, ada = str(self.admin.first_token), self.file("ada")
        assert (await self.run("admin", "add", "ada", "--using", first, "--token-file", ada)).code == Exit.OK
        added = await self.run(
            "admin", "add", "bob", "--role", "admin", "--using", ada, "--token-file", self.file("bob")
        )
        assert added.code == Exit.OK


@pytest.fixture(autouse=True)
def _nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(TOKEN_VARIABLE, raising=False)


@pytest_asyncio.fixture
async def gateway() -> AsyncIterator[ScriptedGateway]:
    made = scripted_gateway()
    yield made
    await made.store.close()


@pytest_asyncio.fixture
async def shell(tmp_path: Path, gateway: ScriptedGateway, capsys: pytest.CaptureFixture[str]) -> AsyncIterator[Shell]:
    admin = AdminServer(tmp_path, gateway.services)
    await admin.start()
    with capture_logs():  # structlog's default writes to the commands' stdout
        yield Shell(admin, tmp_path, capsys)
    await admin.stop()


async def test_people(shell: Shell) -> None:
    """Added by the first token, the second by the first; a third waits for another person's word; then revoked."""
    await shell.two()
    ada, bob = shell.file("ada"), shell.file("bob")
    await shell.run("admin", "add", "carol", "--using", ada, "--token-file", shell.file("carol"))
    listed = await shell.run("admin", "list", "--token-file", ada)
    assert [line.partition(";")[0] for line in listed.out.splitlines()] == [
        "ada, admin: may act",
        "bob, admin: may act",
        "carol, viewer: to be confirmed by another person",
    ]
    own = await shell.run("admin", "confirm", "carol", "--token-file", ada)
    assert (own.code, "same_person" in own.err) == (Exit.FAILED, True)
    assert (await shell.run("admin", "confirm", "carol", "--token-file", bob)).out == "carol, viewer: may act\n"
    revoked = await shell.run("admin", "revoke", "carol", "--token-file", bob, "--json")
    assert (revoked.json()["active"], revoked.json()["revoked_by"]) == (False, "bob")
    gone = await shell.run("admin", "list", "--token-file", shell.file("carol"))
    assert (gone.code, gone.out) == (Exit.FAILED, "")


async def test_a_token_goes_into_its_file_or_is_printed_once(shell: Shell) -> None:
    """The file is 0600 and the token is not printed; without a file it is, and works."""
    await shell.two()
    ada = shell.file("ada")
    assert shell.mode("ada") == 0o600
    printed = await shell.run("admin", "renew", "--token-file", ada, "--json")
    assert printed.json()["token"].startswith("pmx_")
    assert (await shell.run("admin", "list", "--token-file", ada)).code == Exit.FAILED
    shell.write("ada", printed.json()["token"])
    kept = await shell.run("admin", "renew", "--token-file", ada, "--new-token-file", shell.file("new"), "--json")
    token = shell.read("new").strip()
    assert (kept.json()["token"], kept.json()["token_file"]) == (None, shell.file("new"))
    assert token not in kept.out + kept.err
    assert (await shell.run("admin", "list", "--token-file", shell.file("new"))).code == Exit.OK


async def test_a_file_that_is_there_costs_no_token(shell: Shell) -> None:
    """It is neither replaced nor does the gateway hear of it."""
    first = await shell.admin.mint_first()
    shell.write("kept", "precious")
    words = ("admin", "add", "ada", "--using", str(shell.admin.first_token), "--token-file", shell.file("kept"))
    refused = await shell.run(*words)
    assert (refused.code, shell.read("kept")) == (Exit.FAILED, "precious")
    await shell.admin.add("ada", first)


async def test_a_refusal_leaves_no_empty_file(shell: Shell) -> None:
    """What the gateway did not give is not there."""
    await shell.two()
    again = await shell.run("admin", "add", "bob", "--using", shell.file("ada"), "--token-file", shell.file("x"))
    assert (again.code, "name_taken" in again.err) == (Exit.FAILED, True)
    assert "x" not in shell.names()


async def test_two_people_resolve(shell: Shell, gateway: ScriptedGateway) -> None:
    """Held, asked for, listed, refused to the same person, approved by the other, done."""
    await shell.two()
    payout = await gateway.accept()
    await gateway.pass_time(hours=24)
    ada, bob = ("--token-file", shell.file("ada")), ("--token-file", shell.file("bob"))
    assert payout.id in (await shell.run("hold", "ls", *ada)).out
    shell.write("letter", "the bank says no")
    asked = await shell.run(
        "payout", "resolve", payout.id, "--not-paid", "--evidence", shell.file("letter"), "--reason", "a letter", *ada
    )
    assert asked.code == Exit.OK
    request_id = asked.out.partition(":")[0]
    listed = (await shell.run("payout", "requests", *bob, "--json")).json()["data"]
    assert [(each["id"], each["kind"]) for each in listed] == [(request_id, "resolve_not_paid")]
    assert (await shell.run("payout", "approve", request_id, *ada)).code == Exit.FAILED
    approved = await shell.run("payout", "approve", request_id, *bob)
    assert (approved.code, "approved and done, by person:bob" in approved.out) == (Exit.OK, True)
    assert status(await gateway.payout(payout.id)) is Status.FAILED
    assert (await shell.run("hold", "ls", *ada)).out == "nothing is held or frozen\n"
    assert (await shell.run("payout", "requests", *ada)).out == "nothing waits for approval\n"


async def test_the_other_requests(shell: Shell, gateway: ScriptedGateway) -> None:
    """Release and withdraw; reject, lift and leave are refused by their rules, with the rule's name."""
    await shell.two()
    payout = await gateway.accept()
    await gateway.pass_time(hours=24)
    ada = ("--reason", "because", "--token-file", shell.file("ada"))
    released = await shell.run("hold", "release", payout.id, *ada)
    request_id = released.out.partition(":")[0]
    withdrawn = await shell.run("payout", "withdraw", request_id, "--token-file", shell.file("bob"))
    assert (withdrawn.code, "withdrawn at" in withdrawn.out) == (Exit.OK, True)
    rejected = await shell.run("hold", "reject", payout.id, *ada)
    assert (rejected.code, "attempt_open" in rejected.err) == (Exit.FAILED, True)
    lifted = await shell.run("freeze", "lift", payout.id, *ada)
    assert (lifted.code, "not_frozen" in lifted.err) == (Exit.FAILED, True)
    left = await shell.run("quarantine", "leave", *ada, "--json")
    assert (left.code, left.json()["errors"][0]["code"]) == (Exit.FAILED, "not_quarantined")
    paid = await shell.run("payout", "resolve", payout.id, "--paid", "--evidence", shell.file("ada"), *ada, "--json")
    assert paid.json()["kind"] == "resolve_paid"


# Reaching it -----------------------------------------------------------------------------------------------------


async def test_what_was_given_up(shell: Shell, gateway: ScriptedGateway) -> None:
    """Listed and told once more, over all payouts; a window without --parked is a mistake."""
    await shell.two()
    ada = ("--token-file", shell.file("ada"))
    payout = await gateway.accept()
    (callback, *_) = await gateway.store.read(lambda tx: tx.callbacks(payout.id))
    at = gateway.clock.now()
    given_up = replace(callback, due_at=None, parked_at=at)
    await gateway.store.run(lambda tx: tx.record_delivery(given_up, Delivery(at, 500, "HTTP 500", 3)))
    gateway.clock.move(60)
    listed = await shell.run("callback", "ls", "--parked", *ada)
    assert (listed.code, payout.id in listed.out, callback.id in listed.out) == (0, True, True)
    again = await shell.run("callback", "redeliver", "--parked", "--app", "acme", "--json", *ada)
    assert (again.code, again.json()) == (0, {"due": 1})
    assert (await shell.run("callback", "ls", "--parked", *ada)).out == "nothing was given up\n"
    assert (await shell.run("callback", "ls", "--app", "acme", *ada)).code == Exit.USAGE
    assert (await shell.run("callback", "ls", *ada)).code == Exit.USAGE
    assert (await shell.run("callback", "redeliver", payout.id, "--parked", *ada)).code == Exit.USAGE


async def test_nobody_there(shell: Shell) -> None:
    """Exit code 4: what was asked may or may not have been done."""
    await shell.two()
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    ended = await shell.run("admin", "list", "--token-file", shell.file("ada"), url=f"http://127.0.0.1:{port}")
    assert (ended.code, ended.out) == (Exit.UNREACHABLE, "")


async def test_who_are_you(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a token the command says how to give one; the environment is one way."""
    await shell.two()
    nobody = await shell.run("hold", "ls")
    assert (nobody.code, TOKEN_VARIABLE in nobody.err) == (Exit.USAGE, True)
    monkeypatch.setenv(TOKEN_VARIABLE, shell.read("ada"))
    assert (await shell.run("hold", "ls")).code == Exit.OK


async def test_a_token_file_that_others_can_read_is_refused(shell: Shell) -> None:
    """As every secret of ours is."""
    await shell.two()
    shell.open_up("ada")
    refused = await shell.run("hold", "ls", "--token-file", shell.file("ada"))
    assert (refused.code, "0600" in refused.err) == (Exit.FAILED, True)


@pytest.mark.parametrize("url", ["http://10.0.0.7:9090", "http://gateway.internal", "ftp://127.0.0.1", "127.0.0.1:9"])
async def test_a_token_leaves_this_machine_by_https_only(shell: Shell, url: str) -> None:
    """Refused as a wrong command, before anything is sent."""
    await shell.two()
    ended = await shell.run("hold", "ls", "--token-file", shell.file("ada"), url=url)
    assert (ended.code, "--url" in ended.err) == (Exit.USAGE, True)


class Elsewhere(BaseHTTPRequestHandler):
    """Answers as it is told, and notes the tokens it sees."""

    answer: Callable[[BaseHTTPRequestHandler], None]
    seen: list[str]

    def do_GET(self) -> None:
        self.seen.append(str(self.headers.get("Authorization")))
        type(self).answer(self)

    def log_message(self, *_: object) -> None:
        return None


def redirects(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(302)
    handler.send_header("Location", "/elsewhere")
    handler.send_header("Content-Length", "0")
    handler.end_headers()


def lists(handler: BaseHTTPRequestHandler) -> None:
    body = b"[1, 2]"
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


@pytest.mark.parametrize("answer", [redirects, lists])
def test_what_is_no_gateway_is_unreachable(
    answer: Callable[[BaseHTTPRequestHandler], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A redirect is not followed, so the token is seen once; no proxy of the environment is asked."""
    handler = type("Here", (Elsewhere,), {"answer": staticmethod(answer), "seen": []})
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            with pytest.raises(Exception, match="gateway"):
                ask(Reach(url=f"http://127.0.0.1:{server.server_port}"), Secret(b"pmx_x"), "GET", "/")
        finally:
            server.shutdown()
            thread.join()
        assert handler.seen == ["Bearer pmx_x"]


def test_the_token_a_command_uses(tmp_path: Path) -> None:
    """The file goes before the environment; a trailing line end is not part of it."""
    path = tmp_path / "token"
    path.write_text("pmx_file\n")
    path.chmod(0o600)
    assert token_of(Me(path), {TOKEN_VARIABLE: "pmx_env"}).text() == "pmx_file"
    assert token_of(Me(), {TOKEN_VARIABLE: " pmx_env\n"}).text() == "pmx_env"
    assert read_token(path).text() == "pmx_file"
    with pytest.raises(Misused):
        token_of(Me(), {})


@pytest.mark.parametrize("size", [0, 1024 * 1024 + 1])
def test_evidence_of_a_wrong_size(tmp_path: Path, size: int) -> None:
    """Said by the command, before a token is used."""
    path = tmp_path / "evidence"
    path.write_bytes(bytes(size))
    with pytest.raises(Misused):
        read_evidence(path)


@pytest.mark.parametrize("words", [("admin", "revoke", "a/b"), ("payout", "approve", "../x"), ("admin", "revoke", "ä")])
async def test_what_cannot_be_a_part_of_a_path(shell: Shell, words: tuple[str, ...]) -> None:
    """Refused as a wrong command."""
    await shell.two()
    assert (await shell.run(*words, "--token-file", shell.file("ada"))).code == Exit.USAGE
