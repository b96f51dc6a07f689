"""What differs between two files, each key by its name, and what of it a running gateway cannot take."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.config.config import Config
from gateway.config.diff import LIVE, Kind, changes, refused
from gateway.config.flat import MASK, flat, masked, plain
from gateway.config.load import load
from tests.support.config_files import CHANNEL, SPECS, line_of, load_text, write

SHIPPED = Path(__file__).parents[4] / "config.toml"
OLD = f"version = 1\n[gateway]\n{CHANNEL}"


def two(folder: Path, new: str) -> tuple[Config, Config]:
    return load_text(folder, OLD), load(write(folder, new, "new.toml"), {}, SPECS)


def told(folder: Path, new: str) -> list[str]:
    return [str(change) for change in changes(*two(folder, new))]


def test_a_file_does_not_differ_from_itself(tmp_path: Path) -> None:
    """Comments and the order of keys are no difference, nor is a default that is written out."""
    same = OLD.replace("[gateway]", '# hello\n[gateway]\nshutdown_grace = "30s"')
    assert told(tmp_path, same) == []


CASES = {
    "a state": ('adapter = "bank"', 'adapter = "bank"\nstate = "draining"',
                ['channels.alpha.state: "enabled" -> "draining"']),
    "a duration": ('adapter = "bank"', 'adapter = "bank"\ntimeouts = { total = "25s" }',
                   ['channels.alpha.timeouts.total: "20s" -> "25s"']),
    "a price": ("amount = 200", "amount = 201", ["channels.alpha.fees.0.amount: 200 -> 201"]),
    "another price": ("amount = 200 }", 'amount = 200 }, { kind = "flat", currency = "CNY", amount = 9 }', 3),
    "an adapter's own key": ('adapter = "bank"', 'adapter = "bank"\nsettings = { merchant_id = "m2" }',
                             ['channels.alpha.settings.merchant_id: not set -> "m2"']),
    "an app": (CHANNEL, f"{CHANNEL}[apps.shop]\n", ["apps.shop: added"]),
    "no channel": (CHANNEL, "", ["channels.alpha: removed"]),
    "a rule": (CHANNEL, f'{CHANNEL}[[routes]]\nname = "r"\nnever = ["alpha"]\n', 5),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_each_difference_by_its_name(tmp_path: Path, name: str) -> None:
    """As one would write it in the file; a channel or an app that comes or goes is one difference."""
    old, new, expected = CASES[name]
    found = told(tmp_path, OLD.replace(old, new))
    if isinstance(expected, list):
        assert found == expected
    else:
        assert len(found) >= expected


def test_what_needs_a_restart_is_a_fault_at_its_line(tmp_path: Path) -> None:
    """By name, with what it was and would be; the live part of the same file is none."""
    text = OLD.replace("[gateway]\n", '[gateway]\nlisten = "127.0.0.1:81"\nshutdown_grace = "9s"\n')
    old, new = two(tmp_path, text)
    (fault,) = refused(new, changes(old, new))
    assert (fault.key, fault.line) == ("gateway.listen", line_of(text, "listen = "))
    assert '"127.0.0.1:8080" -> "127.0.0.1:81"' in fault.what


def test_every_live_key_is_one(tmp_path: Path) -> None:
    """The table names no key that there is not; what it does not name needs a restart."""
    config = load(write(tmp_path, SHIPPED.read_text(encoding="utf-8")), {})
    places = flat(config)
    known = {loc[:1] for loc in places} | {loc[:2] for loc in places} | {("routes",), ("calendars",)}
    assert known >= LIVE
    assert ("gateway", "mode") not in LIVE
    assert ("gateway",) not in LIVE


def test_kinds_are_told_apart(tmp_path: Path) -> None:
    """Added, removed, changed."""
    found = changes(*two(tmp_path, OLD.replace("alpha", "beta") + "[gateway]\n".replace("[gateway]\n", "")))
    assert [(change.key, change.kind) for change in found] == [
        ("channels.alpha", Kind.REMOVED),
        ("channels.beta", Kind.ADDED),
    ]


def test_secrets_are_shown_by_reference_only() -> None:
    """What bears a secret's name and is no reference is not shown."""
    assert masked(("apps", "a", "secret"), "env:NAME") == "env:NAME"
    assert masked(("channels", "a", "settings", "api_secret"), "hunter2") == MASK
    assert masked(("channels", "a", "settings", "private_key"), "-----BEGIN") == MASK
    assert masked(("channels", "a", "adapter"), "mock") == "mock"


def test_values_are_shown_as_they_are_written() -> None:
    """Durations with their unit, sets sorted."""
    assert plain(5400.0, duration=True) == "90m"
    assert plain((30.0, 60.0), duration=True) == ["30s", "1m"]
    assert plain(frozenset({"b", "a"})) == ["a", "b"]
    assert plain(True) is True
