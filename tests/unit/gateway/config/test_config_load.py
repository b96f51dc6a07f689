"""A configuration that holds: what the composition root gets."""

from __future__ import annotations

import dataclasses
import hashlib
import ipaddress
from pathlib import Path

import pytest
from pydantic import ValidationError

from adapters.channel import Timeouts
from gateway.config.app_part import AppPart, Scope
from gateway.config.channel_part import ChannelPart
from gateway.config.load import load
from gateway.config.model import CallbacksPart, GatewayPart, RoutingPart, WorkerPart
from gateway.config.urls import Address
from gateway.domain.beneficiary import BeneficiaryKind
from gateway.domain.money import MINOR_MAX
from gateway.domain.reasons import RejectReason
from routing.fees import FeeKind
from routing.policy import ChannelState
from tests.support.config_files import CHANNEL, SPECS, load_text, write

FULL = """version = 1

[gateway]
listen = "127.0.0.1:8081"
admin_listen = "[::1]:9091"
public_url = "http://localhost:8081/"
state_dir = "var"
database = "sqlite:db/books.db"
shutdown_grace = "5s"
trusted_proxies = ["127.0.0.0/8", "::1"]

[routing]
max_attempts = 2
give_up_after = "1h"
retry_every = "500ms"
failover_also_on = ["unknown"]

[worker]
concurrency = 8
rescue_every = "1s"
lease = "11s"

[callbacks]
concurrency = 4
timeout = "3s"

[channels.alpha]
adapter = "bank"
state = "draining"
currencies = ["CNY", "EUR"]
methods = ["bank_account", "wechat"]
limits = { min = 100, max = 5000000, rps = 7, in_flight = 3 }
timeouts = { connect = "1s", read = "2s", total = "5s" }
poll = ["1s", "2m"]
usual = "3s"
breaker = { failures = 2, open = "9s" }
settings = { merchant_id = "m7", nested = { level = 2 } }

[[channels.alpha.fees]]
kind = "percent"
currency = "CNY"
bps = 25
min = 100
max = 900
amount_gte = 1
amount_lte = 1000000

[[channels.alpha.fees]]
kind = "flat"
currency = "EUR"
amount = 7

[apps.acme]
keys = [{ id = "acme-2026", algorithm = "hmac-sha256", secret = "env:ACME", scopes = ["query"] }]
callbacks = [{ url = "http://127.0.0.1:8090/", secret = "env:CB", events = ["payout.paid"] }]
"""


def test_every_key_arrives_where_it_is_used(tmp_path: Path) -> None:
    """Durations are seconds, money is minor units, words are enums, lists are tuples or sets."""
    config = load_text(tmp_path, FULL)
    assert config.gateway.listen == Address("127.0.0.1", 8081)
    assert config.gateway.admin_listen == Address("::1", 9091)
    assert config.gateway.shutdown_grace_s == 5.0
    assert config.gateway.trusted_proxies == (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))
    assert config.routing.model_dump() == {
        "max_attempts": 2,
        "give_up_after_s": 3600.0,
        "retry_every_s": 0.5,
        "quote_for_s": 300.0,
        "failover_also_on": frozenset({RejectReason.UNKNOWN}),
        "preference": "balanced",
        "preferences": {},
        "explore": True,
    }
    assert config.worker.model_dump() == {"concurrency": 8, "rescue_every_s": 1.0, "lease_s": 11.0, "waiting": 2000}
    assert config.callbacks.model_dump() == {"concurrency": 4, "per_endpoint": 4, "timeout_s": 3.0}
    alpha = config.channels["alpha"]
    assert (alpha.adapter, alpha.state) == ("bank", ChannelState.DRAINING)
    assert alpha.currencies == {"CNY", "EUR"}
    assert alpha.methods == {BeneficiaryKind.BANK_ACCOUNT, BeneficiaryKind.WECHAT}
    assert alpha.limits.model_dump(exclude_none=True) == {
        "min_minor": 100,
        "max_minor": 5000000,
        "rps": 7,
        "in_flight": 3,
    }
    assert alpha.call_timeouts() == Timeouts(connect_s=1.0, read_s=2.0, total_s=5.0)
    assert (alpha.poll_s, alpha.usual_s) == ((1.0, 120.0), 3.0)
    assert (alpha.breaker.failures, alpha.breaker.open_s) == (2, 9.0)
    assert alpha.settings == {"merchant_id": "m7", "nested": {"level": 2}}
    assert type(alpha.settings) is dict  # or an adapter's strict model would not take it
    percent, flat = alpha.fees
    assert (percent.kind, percent.bps, percent.min_minor, percent.max_minor) == (FeeKind.PERCENT, 25, 100, 900)
    assert (percent.amount_gte_minor, percent.amount_lte_minor) == (1, 1000000)
    assert (flat.kind, flat.currency, flat.amount_minor) == (FeeKind.FLAT, "EUR", 7)
    acme = config.apps["acme"]
    assert acme.keys[0].scopes == {Scope.QUERY}
    assert acme.callbacks[0].events == {"payout.paid"}


def test_paths_are_relative_to_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the process was started from does not matter."""
    write(tmp_path, FULL)
    monkeypatch.chdir(tmp_path)
    config = load("config.toml", {}, SPECS)
    assert config.base == tmp_path
    assert config.state_dir == tmp_path / "var"
    assert config.keys_dir == tmp_path / "var" / "keys"
    assert config.database_path == tmp_path / "db" / "books.db"
    assert config.public_url == "http://localhost:8081"
    assert config.resolver().base == tmp_path


def test_an_absolute_path_stays_one(tmp_path: Path) -> None:
    """A service keeps its state where its unit file says."""
    config = load_text(tmp_path, 'version = 1\n[gateway]\nstate_dir = "/var/lib/paymux"\n')
    assert config.database_path == Path("/var/lib/paymux/paymux.db")


def test_the_least_file_has_the_defaults(tmp_path: Path) -> None:
    """No channel and no app is a configuration too."""
    config = load_text(tmp_path, "version = 1\n")
    assert (config.gateway, config.routing) == (GatewayPart(), RoutingPart())
    assert (config.worker, config.callbacks) == (WorkerPart(), CallbacksPart())
    assert (dict(config.channels), dict(config.apps)) == ({}, {})
    assert config.public_url == "http://127.0.0.1:8080"
    assert config.database_path == tmp_path / "state" / "paymux.db"
    lease_enough = config.worker.lease_s > 2 * Timeouts().total_s
    assert lease_enough


def test_the_defaults_of_a_channel(tmp_path: Path) -> None:
    """As config.toml documents them."""
    alpha = load_text(tmp_path, f"version = 1\n{CHANNEL}").channels["alpha"]
    assert alpha.state is ChannelState.ENABLED
    assert alpha.poll_s == (30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0)
    assert (alpha.limits.min_minor, alpha.limits.max_minor) == (1, MINOR_MAX)
    assert alpha.call_timeouts() == Timeouts()
    assert (alpha.usual_s, dict(alpha.settings)) == (1.0, {})


def test_a_configuration_cannot_be_changed(tmp_path: Path) -> None:
    """A snapshot is swapped whole, never edited."""
    config = load_text(tmp_path, FULL)
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.sha256 = ""  # type: ignore[misc]  # that is the point
    with pytest.raises(ValidationError, match="frozen"):
        config.channels["alpha"].state = ChannelState.ENABLED  # type: ignore[misc]  # that is the point
    for mapping in (config.channels, config.apps):
        with pytest.raises(TypeError):
            mapping["x"] = 1  # type: ignore[index]  # that is the point


def test_a_configuration_knows_which_file_it_is(tmp_path: Path) -> None:
    """The fingerprint is that of the bytes, so a reload can skip an identical file."""
    assert load_text(tmp_path, FULL).sha256 == hashlib.sha256(FULL.encode()).hexdigest()


def test_a_later_fault_has_its_line_too(tmp_path: Path) -> None:
    """What is found after loading, a channel that does not build, is shown in the same form."""
    fault = load_text(tmp_path, FULL).fault(("channels", "alpha", "settings", "merchant_id"), "no such merchant")
    assert str(fault) == f"{tmp_path}/config.toml:37: channels.alpha.settings.merchant_id: no such merchant"


def test_a_lease_just_over_twice_the_longest_timeout_is_enough(tmp_path: Path) -> None:
    """The bound is exclusive, and the longest of all channels counts."""
    assert FULL.count('lease = "11s"') == 1
    assert load_text(tmp_path, FULL.replace('lease = "11s"', 'lease = "10001ms"')).worker.lease_s == 10.001


def test_parts_have_no_key_that_nothing_reads() -> None:
    """The keys of this version, spelled out: a new one is added here together with what it does."""
    assert {part.__name__: set(part.model_fields) for part in (ChannelPart, AppPart)} == {
        "ChannelPart": { "transport", "settles", "cut_off", "calendar", "failure_domain", "maintenance",
            "adapter", "state", "weight", "currencies", "methods", "limits", "timeouts", "poll_s", "usual_s",
            "breaker", "fees", "settings",
        },
        "AppPart": {"enabled", "max_amount", "limits", "keys", "callbacks", "sees_funding"},
    }  # fmt: skip
