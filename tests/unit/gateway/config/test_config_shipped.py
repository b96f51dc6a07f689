"""The shipped config.toml loads as it is, is the manual, and shares the work among its three channels."""

from __future__ import annotations

import re
import shutil
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import BaseModel

from adapters.bank.sandbox.keys import mint as mint_bank
from adapters.channel import ChannelContext, RawNotification
from adapters.http import HttpxFactory
from adapters.wechat.sandbox.minting import mint as mint_wechat
from gateway.clock import SystemClock
from gateway.config.app_part import AppKeyPart, AppPart, CallbackPart
from gateway.config.channel_part import Breaker, ChannelPart, Fee, Limits, TimeoutsPart
from gateway.config.config import Config
from gateway.config.load import load
from gateway.config.mint import mint_sandbox_secrets
from gateway.config.model import CallbacksPart, GatewayPart, LimitsPart, Mode, RoutingPart, WorkerPart
from gateway.config.resolve import resolve_secrets
from gateway.config.routes import CalendarPart, MaintenancePart, Part, PreferencePart, RoutePart
from gateway.domain.beneficiary import BeneficiaryKind
from routing.fees import FeeKind

SHIPPED = Path(__file__).parents[4] / "config.toml"
TEXT = SHIPPED.read_text(encoding="utf-8")


@pytest.fixture
def shipped(tmp_path: Path) -> Config:
    """The shipped file in a folder of its own."""
    path = tmp_path / "config.toml"
    shutil.copyfile(SHIPPED, path)
    path.chmod(0o644)
    return load(path, {})


@pytest.fixture
def context() -> Callable[[Config, str], ChannelContext]:
    """What a channel is built with; no network is behind it."""

    async def deliver(_notification: RawNotification) -> int:
        return 200

    def make(config: Config, name: str) -> ChannelContext:
        timeouts = config.channels[name].call_timeouts()
        transport = httpx.MockTransport(lambda _request: httpx.Response(500))
        return ChannelContext(
            clock=SystemClock(),
            random_bytes=bytes,
            http=HttpxFactory(timeouts.connect_s, timeouts.read_s, timeouts.total_s, transport=transport),
            secret=config.resolver(),
            notify_url=f"{config.public_url}/notify/{name}/token",
            timeouts=timeouts,
            deliver=deliver,
        )

    return make


def mint(config: Config) -> None:
    """What a first start of gateway and sandboxes leaves in the state folder."""
    mint_sandbox_secrets(config)
    mint_bank(config.state_dir / "sandbox" / "bank")
    mint_wechat(config.state_dir / "sandbox" / "wechat")


def test_it_loads_without_a_fault_and_resolves_after_minting(shipped: Config) -> None:
    """A checkout, the sandboxes' keys and nothing else: every secret is found."""
    mint(shipped)
    found = resolve_secrets(shipped)
    assert set(found.test_keys) == {"demo"}
    [endpoint] = found.endpoints["demo"]
    assert endpoint.url == "http://127.0.0.1:8090/callbacks"


async def test_its_channels_are_built_from_it(
    shipped: Config, context: Callable[[Config, str], ChannelContext]
) -> None:
    """Each adapter takes its table, finds its keys, and can do what the file says it does."""
    mint(shipped)
    for name, configured in shipped.channels.items():
        channel = shipped.adapters[configured.adapter].build(name, configured.settings, context(shipped, name))
        assert channel.capabilities.kinds >= configured.methods
        assert channel.capabilities.currencies >= configured.currencies
        assert channel.ground.base_address in (configured.settings.get("base_url"), "mock:state/mock.book")
        await channel.close()


def test_it_is_a_sandbox_of_three_channels_and_one_app(shipped: Config) -> None:
    """Names, adapters, addresses: what the demo and the quickstart rely on."""
    assert shipped.gateway.mode is Mode.SANDBOX
    assert str(shipped.gateway.listen) == "127.0.0.1:8080"
    assert {name: channel.adapter for name, channel in shipped.channels.items()} == {
        "wechat": "wechat",
        "bank": "bank",
        "mock": "mock",
    }
    assert shipped.channels["wechat"].settings["base_url"] == "http://127.0.0.1:9101"
    assert shipped.channels["bank"].settings["base_url"] == "http://127.0.0.1:9102"
    assert str(shipped.channels["mock"].settings["book"]).startswith("state/")
    assert set(shipped.apps) == {"demo"}
    assert shipped.database_path == shipped.base / "state" / "paymux.db"


def test_its_secrets_stay_out_of_the_repository() -> None:
    """Everything it names lies in the state folder, which is ignored."""
    references = re.findall(r'^[^#\n]*"(file:[^"]+)"', TEXT, re.MULTILINE)
    assert len(references) >= 3
    assert all(reference.startswith("file:state/sandbox/") for reference in references)


def price(fee: Fee, amount: int) -> int:
    """What one fee comes to, rounded up; enough for the shipped ones."""
    if fee.kind is FeeKind.FLAT:
        return fee.amount_minor or 0
    return max(-(-amount * (fee.bps or 0) // 10_000), fee.min_minor or 0)


@pytest.mark.parametrize(
    ("kind", "amount", "cheapest"),
    [
        (BeneficiaryKind.BANK_ACCOUNT, 100, "mock"),
        (BeneficiaryKind.BANK_ACCOUNT, 99_000, "mock"),
        (BeneficiaryKind.BANK_ACCOUNT, 101_000, "bank"),
        (BeneficiaryKind.BANK_ACCOUNT, 10_000_000, "bank"),
        (BeneficiaryKind.WECHAT, 20_000, "wechat"),
        (BeneficiaryKind.WECHAT, 1_000_000, "wechat"),
    ],
)
def test_its_fees_share_the_work(shipped: Config, kind: BeneficiaryKind, amount: int, cheapest: str) -> None:
    """Small bank payouts ride on mock, large ones on the bank line, WeChat payees on wechat."""
    prices = {
        name: price(channel.fees[0], amount)
        for name, channel in shipped.channels.items()
        if kind in channel.methods and channel.limits.min_minor <= amount <= channel.limits.max_minor
    }
    assert len(prices) >= 2
    assert min(prices, key=lambda name: prices[name]) == cheapest


DOCUMENTED = [
    GatewayPart, LimitsPart, RoutingPart, WorkerPart, CallbacksPart, ChannelPart, Limits, TimeoutsPart, Breaker, Fee,
    AppPart, AppKeyPart, CallbackPart, RoutePart, CalendarPart, MaintenancePart, PreferencePart,
]  # fmt: skip


def keys_of(model: type[BaseModel]) -> set[str]:
    return {field.alias or name for name, field in model.model_fields.items()} - {"fees", "settings"}


@pytest.mark.parametrize("model", DOCUMENTED)
def test_every_key_stands_in_it(model: type[Part]) -> None:
    """The shipped file is the manual: a key that is not in it does not exist for an operator."""
    missing = [key for key in keys_of(model) if not re.search(rf"(?<![\w.]){key} = ", TEXT)]
    assert not missing


@pytest.mark.parametrize("name", ["mock", "wechat", "bank"])
def test_every_key_of_an_adapter_stands_in_it(shipped: Config, name: str) -> None:
    """The adapters' tables too; a table of its own or an inline one will do."""
    missing = [
        key
        for key in keys_of(shipped.adapters[name].settings)
        if not re.search(rf"(?<![\w.]){key} = |settings\.{key}[\].]", TEXT)
    ]
    assert not missing


def commented(section: str) -> dict[str, Any]:
    """The keys that `[section]` shows in comments, as if they were set."""
    body = TEXT.split(f"[{section}]", 1)[1].split("\n[", 1)[0]
    lines = re.findall(r"^# (\w+ = .*)$", body, re.MULTILINE)
    if not lines:
        raise AssertionError(f"[{section}] shows no defaults")
    return tomllib.loads("\n".join(lines))


@pytest.mark.parametrize(
    ("section", "model"),
    [("limits", LimitsPart), ("routing", RoutingPart), ("worker", WorkerPart), ("callbacks", CallbacksPart)],
)
def test_the_defaults_it_shows_are_the_defaults(section: str, model: type[Part]) -> None:
    """What a comment promises is what happens without the line."""
    shown = commented(section)
    assert set(shown) == keys_of(model)
    assert model.model_validate(shown) == model()


def test_the_defaults_of_a_channel_it_shows_are_the_defaults() -> None:
    """As for the other tables."""
    shown = commented("channels.wechat")
    least = {"adapter": "x", "currencies": ["CNY"], "methods": ["wechat"]}
    assert set(shown) == {
        "state", "weight", "timeouts", "transport", "poll", "breaker", "settles", "failure_domain", "maintenance",
    }  # fmt: skip
    assert ChannelPart.model_validate({**least, **shown}) == ChannelPart.model_validate(least)
