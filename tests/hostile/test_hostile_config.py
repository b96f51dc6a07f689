"""Rows 102 to 110 for the keys that say who and how much may come in; the rest stands in tests/unit/gateway/config."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from gateway.channels import check_grounds
from gateway.config.errors import ConfigError
from gateway.store.records import LiveGround
from tests.support.config_files import CHANNEL, line_of, load_text, shown
from tests.support.scripted import scripted_gateway


def limits(line: str) -> str:
    return f"version = 1\n[limits]\n{line}  # here\n{CHANNEL}"


def app(line: str) -> str:
    return f"version = 1\n{CHANNEL}[apps.demo]\n{line}  # here\n"


def key(rest: str) -> str:
    return app(f'keys = [{{ id = "k", algorithm = "hmac-sha256", secret = "env:K", {rest} }}]')


CASES = {
    "row_102_unknown_key": (limits("conections = 1"), "limits.conections: unknown key, did you mean 'connections'?"),
    "row_103_false_in_quotes": (app('enabled = "false"'), "apps.demo.enabled: must be true or false"),
    "row_103_one_for_true": (app("enabled = 1"), "apps.demo.enabled: must be true or false"),
    "row_104_float_money": (app("max_amount = { CNY = 0.1 }"), "apps.demo.max_amount.CNY: must be a whole number"),
    "row_104_infinite_money": (app("max_amount = { CNY = inf }"), "apps.demo.max_amount.CNY: must be a whole number"),
    "row_105_no_connections": (limits("connections = 0"), "limits.connections: must be at least 1"),
    "row_105_below_zero": (limits("notifications = -1"), "limits.notifications: must be at least 1"),
    "row_105_no_amount": (app("max_amount = { CNY = 0 }"), "apps.demo.max_amount.CNY: must be at least 1"),
    "row_110_crossed": (
        limits("connections = 10\nconnections_per_address = 11"),
        "limits: connections_per_address is more than connections",
    ),
    "row_71_no_network": (key('allow_from = ["everywhere"]'), "apps.demo.keys.0.allow_from.0: must be an address"),
    "row_71_host_bits": (key('allow_from = ["10.0.0.1/8"]'), "apps.demo.keys.0.allow_from.0: must be an address"),
    "row_32_no_currency": (app("max_amount = { XYZ = 1 }"), "apps.demo.max_amount"),
}


@pytest.mark.parametrize("name", CASES)
def test_fault(tmp_path: Path, name: str) -> None:
    """One fault, at its line, with its key; nothing starts."""
    text, said = CASES[name]
    [fault] = shown(tmp_path, text)
    assert said in fault
    assert fault.startswith("config.toml:")


def test_row_102_the_line_is_named(tmp_path: Path) -> None:
    """Where it is, not only what."""
    text, _ = CASES["row_103_false_in_quotes"]
    assert shown(tmp_path, text)[0].startswith(f"config.toml:{line_of(text, '# here')}: ")


def test_what_is_right_is_taken(tmp_path: Path) -> None:
    """The keys above, used as they should be."""
    text = (
        "version = 1\n[limits]\nconnections = 20\nconnections_per_address = 10\nnotifications = 5\n"
        f"{CHANNEL}[apps.demo]\nenabled = false\nmax_amount = {{ CNY = 5000000, EUR = 1 }}\n"
        'keys = [{ id = "k", algorithm = "hmac-sha256", secret = "env:K", allow_from = ["10.0.0.0/8", "::1"] }]\n'
    )
    config = load_text(tmp_path, text)
    assert (config.limits.connections, config.limits.connections_per_address, config.limits.notifications) == (
        20,
        10,
        5,
    )
    assert (config.apps["demo"].enabled, dict(config.apps["demo"].max_amount)) == (False, {"CNY": 5_000_000, "EUR": 1})
    assert [str(each) for each in config.apps["demo"].keys[0].allow_from] == ["10.0.0.0/8", "::1/128"]


MOVED: dict[str, tuple[dict[str, object], str]] = {
    "row_111_removed": ({"channel": "gone"}, "was removed with 3 live attempts"),
    "row_112_another_account": ({"account_id": "another merchant"}, "another merchant"),
    "row_112_another_address": ({"base_address": "memory:elsewhere"}, "memory:elsewhere"),
    "row_112_another_duplicate_mode": ({"duplicate_mode": "refuse"}, "refuse"),
}


@pytest.mark.parametrize("name", MOVED)
def test_live_attempts_keep_their_ground(tmp_path: Path, name: str) -> None:
    """A start that would move or orphan attempts under way is refused, with their number; an unmoved one is not."""
    changes, said = MOVED[name]
    handles = scripted_gateway().services.channels
    now = handles["alpha"].channel.ground
    pinned = LiveGround("alpha", now.adapter, now.base_address, now.account_id, str(now.duplicate_mode), now.key_ids, 3)
    config = load_text(tmp_path, f"version = 1\n{CHANNEL}")
    check_grounds(config, handles, [pinned])
    with pytest.raises(ConfigError, match="3 live attempts") as refused:
        check_grounds(config, handles, [replace(pinned, **changes)])  # type: ignore[arg-type]  # field names above
    assert said in str(refused.value)
