"""The commands of the configuration: before a change, while it runs, and what they end with."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gateway.__main__ import build
from gateway.cli.client import TOKEN_VARIABLE
from gateway.cli.exit import Exit
from gateway.config.schema import schema_text
from tests.support.admin_api import AdminServer
from tests.support.config_files import line_of, write
from tests.support.live_gateway import FILE, LiveGateway, live_gateway

_LOGGED = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \[.*\n", re.MULTILINE)
"""The gateway's own lines: it runs in this process."""


class Shell:
    """Runs commands in a thread, so that a listener in this loop can answer them."""

    def __init__(self, live: LiveGateway, capture: pytest.CaptureFixture[str]) -> None:
        self.live = live
        self._capture = capture
        self._app = build()

    async def run(self, *words: str) -> tuple[int, str, str]:
        self._capture.readouterr()
        code = await asyncio.to_thread(self._exit_of, [*words])
        captured = self._capture.readouterr()
        return code, _LOGGED.sub("", captured.out), captured.err

    async def json(self, *words: str) -> Any:
        _, out, _ = await self.run(*words, "--json")
        return json.loads(out)

    def _exit_of(self, words: list[str]) -> int:
        try:
            self._app(words)
        except SystemExit as end:
            return int(end.code or 0)
        return 0


@pytest.fixture
async def shell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> AsyncIterator[Shell]:
    async with live_gateway(tmp_path) as live:
        yield Shell(live, capsys)


@pytest.fixture
async def reach(shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[list[str]]:
    """Options that reach the gateway's admin listener, as Ada."""
    admin = AdminServer(tmp_path / "people", shell.live.gateway.services, shell.live.gateway.panel)
    await admin.start()
    ada, _ = await admin.two()
    monkeypatch.setenv(TOKEN_VARIABLE, ada)
    yield ["--url", f"http://127.0.0.1:{admin.port}"]
    await admin.listener.stop()


# Before a change -----------------------------------------------------------------------------------------------------


async def test_check(shell: Shell) -> None:
    """In order: 0. Not: every fault with its line, and 3."""
    path = str(shell.live.path)
    code, out, _ = await shell.run("check", path)
    assert (code, out) == (Exit.OK, f"{path}: in order, sha256 {shell.live.gateway.config.sha256[:12]}\n")
    broken = FILE.replace("amount = 100", "amount = -1").replace("[apps.demo]", "[apps.Demo]")
    shell.live.write(broken)
    code, out, _ = await shell.run("check", path)
    assert code == Exit.FOUND_PROBLEMS
    assert f"{path}:{line_of(broken, 'amount = -1')}: channels.alpha.fees.0.amount: must be at least 0" in out
    told = await shell.json("check", path)
    assert (told["ok"], len(told["faults"])) == (False, 2)


async def test_check_looks_secrets_up_when_asked(shell: Shell) -> None:
    """A sandbox mints what is missing; live mode has to have it."""
    text = FILE.replace("[gateway]", '[gateway]\nidentity_key = "env:NOWHERE_TO_BE_FOUND"')
    other = str(write(shell.live.folder, text, "other.toml"))
    assert (await shell.run("check", other))[0] == Exit.OK
    code, out, _ = await shell.run("check", other, "--secrets")
    assert code == Exit.FOUND_PROBLEMS
    assert "gateway.identity_key: env:NOWHERE_TO_BE_FOUND: empty or not set" in out


async def test_plan_tells_what_moves_and_what_is_refused(shell: Shell) -> None:
    """Waiting payouts are decided anew under both files; a key that needs a restart ends it with 3."""
    await shell.live.accept_waiting(*(f"order-{number}" for number in range(5)))
    present = ["--config", str(shell.live.path)]
    dearer = str(write(shell.live.folder, FILE.replace("amount = 100", "amount = 300"), "new.toml"))
    code, out, _ = await shell.run("plan", dearer, *present)
    assert code == Exit.OK
    assert "channels.alpha.fees.0.amount: 100 -> 300" in out
    assert "waiting payouts: 5, 5 looked at, 5 would go elsewhere\n  alpha -> beta: 5" in out
    assert "no order in the log can be weighed" in out
    told = await shell.json("plan", dearer, *present)
    assert told["waiting"] == {"payouts": 5, "looked_at": 5, "moves": [{"from": "alpha", "to": "beta", "payouts": 5}]}
    elsewhere = FILE.replace('listen = "127.0.0.1:0"', 'listen = "127.0.0.1:18099"', 1)
    code, out, _ = await shell.run("plan", str(write(shell.live.folder, elsewhere, "new.toml")), *present)
    assert code == Exit.FOUND_PROBLEMS
    assert "gateway.listen: takes effect at a restart only" in out
    same = await shell.run("plan", str(shell.live.path), *present)
    assert same[:2] == (Exit.OK, "nothing changes\n")


async def test_plan_lists_overrides_and_refuses_to_leave_nobody(shell: Shell, reach: list[str]) -> None:
    """What holds channels back beside the file is part of what will be."""
    await shell.run("channel", "weigh", "alpha", "10", "--reason", "it limps", *reach)
    off = FILE.replace('adapter = "mock"', 'adapter = "mock"\nstate = "disabled"')
    new = str(write(shell.live.folder, off, "new.toml"))
    code, out, _ = await shell.run("plan", new, "--config", str(shell.live.path))
    assert code == Exit.FOUND_PROBLEMS
    assert "override: alpha 10 by person:ada: it limps" in out
    assert "nobody is left who pays CNY to bank_account" in out


async def test_config_show_and_schema(shell: Shell) -> None:
    """What the file sets; with --effective every key; the schema as it is shipped."""
    path = str(shell.live.path)
    _, out, _ = await shell.run("config", "show", path)
    assert "channels.alpha.fees.0.amount = 100\n" in out
    assert "worker.lease" not in out
    told = await shell.json("config", "show", path, "--effective")
    assert (told["worker.lease"], told["channels.beta.weight"]) == ("1m", 100)
    assert (await shell.run("config", "schema"))[1] == schema_text()


# While it runs -------------------------------------------------------------------------------------------------------


async def test_hold_back_and_let_go(shell: Shell, reach: list[str]) -> None:
    """Drain, disable, weigh, list, enable; each in words and in JSON."""
    code, out, _ = await shell.run("channel", "drain", "alpha", "--for", "2h", "--reason", "it limps", *reach)
    assert code == Exit.OK
    assert out.startswith("alpha: draining until 2")
    assert "by person:ada" in out
    await shell.run("channel", "weigh", "beta", "40", "--reason", "see how it does", *reach)
    _, out, _ = await shell.run("channel", "ls", *reach)
    assert "alpha: draining, weight 100 (file: enabled, weight 100); breaker closed, 0 in flight" in out
    assert "  weight 40 until lifted, by person:ada" in out
    listed = await shell.json("channel", "ls", *reach)
    assert [each["state"] for each in listed["data"]] == ["draining", "enabled"]
    _, out, _ = await shell.run("channel", "enable", "alpha", *reach)
    assert out.startswith("lifted: draining")
    code, out, _ = await shell.run("channel", "enable", "alpha", *reach)
    assert (code, out) == (Exit.OK, "nothing held it back beside the file\n")


async def test_the_last_one_takes_force(shell: Shell, reach: list[str]) -> None:
    """Refused with 1 and what nobody would pay; with --force done."""
    await shell.run("channel", "disable", "alpha", "--reason", "gone", *reach)
    code, _, err = await shell.run("channel", "disable", "beta", "--reason", "gone", *reach)
    assert code == Exit.FAILED
    assert "last_channel: no channel would be left that pays CNY to bank_account" in err
    assert (await shell.run("channel", "disable", "beta", "--reason", "gone", "--force", *reach))[0] == Exit.OK


async def test_reload(shell: Shell, reach: list[str]) -> None:
    """What was different; nothing; every fault with its line, and 1."""
    shell.live.write(FILE.replace("amount = 100", "amount = 101"))
    code, out, _ = await shell.run("reload", *reach)
    assert code == Exit.OK
    assert out.startswith("reloaded: sha256 ")
    assert "  channels.alpha.fees.0.amount: 100 -> 101" in out
    assert (await shell.json("reload", *reach))["outcome"] == "unchanged"
    shell.live.write("version = 1\nnonsense = 2\n")
    code, _, err = await shell.run("reload", *reach)
    assert code == Exit.FAILED
    assert f"{shell.live.path}:2: nonsense: unknown key" in err


async def test_usage_and_unreachable(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """A duration that is none is 2; nobody there is 4."""
    monkeypatch.setenv(TOKEN_VARIABLE, "pmx_" + "x" * 43)
    there = ["--url", "http://127.0.0.1:9"]
    code, _, err = await shell.run("channel", "drain", "alpha", "--for", "soon", "--reason", "x", *there)
    assert (code, "--for: must be a duration" in err) == (Exit.USAGE, True)
    assert (await shell.run("channel", "ls", *there))[0] == Exit.UNREACHABLE
    assert (await shell.run("reload", *there))[0] == Exit.UNREACHABLE
