"""`paymux explain`: which channel would carry a payout now, what each would cost, what would change the choice."""

from __future__ import annotations

import json as json_format
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from random import Random
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from gateway.cli.exit import Exit, plain_words
from gateway.config.config import Config
from gateway.config.load import load
from gateway.currencies import exponent
from gateway.database import place_of
from gateway.domain.beneficiary import BeneficiaryKind
from gateway.domain.errors import PaymuxError
from gateway.domain.money import MINOR_MAX, Money
from gateway.operations.router import Router, given
from gateway.policies import allowances, policy
from gateway.store.glance import Glance, glance
from routing.decision import Decision
from routing.explain import Language, Voice
from routing.explain import explain as in_words
from routing.facts import LiveFacts
from routing.request import Request
from routing.told import told as numbers


class BadAmount(PaymuxError):
    """Not an amount of that currency."""


class BadPreference(PaymuxError):
    """Not one of the configuration's."""


def explain(
    *,
    amount: str,
    beneficiary: Literal["bank_account", "wechat"],
    currency: str = "CNY",
    app: str = "",
    preference: str | None = None,
    seed: int | None = None,
    lang: Literal["en", "zh"] = "en",
    config: Path = Path("config.toml"),
    json: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Say which channel a payout would go to now, from the configuration and what the gateway has learned so far.

    Nothing is ordered or sent, and the gateway may run meanwhile. What only the running gateway knows, its breakers and
    the calls under way, is taken to be quiet. Exit code 3 when no channel would take it.

    Example: `python -m gateway explain --amount 12.50 --beneficiary wechat`

    Parameters
    ----------
    amount
        In the currency's own unit: 12.50 is twelve yuan fifty.
    beneficiary
        The kind of account it goes to.
    currency
        ISO 4217.
    app
        Whose payout it is, for routes that name apps.
    preference
        One of the configuration's, as its app would ask for; without it the gateway's own.
    seed
        Draw the chances with this seed, as the gateway does; without it their means are taken.
    lang
        The language of the answer.
    config
        The gateway's configuration.
    json
        Print the decision as one line of JSON.
    """
    with plain_words():
        loaded = load(config)
        money = _money(amount, currency)
        wanted = Request(
            money, BeneficiaryKind(beneficiary), app=app, key=_key(seed), preference=_known(loaded, preference)
        )
        decision = _decided(loaded, glance(place_of(loaded)), wanted, seed)
    words = in_words(decision, Voice(Language(lang), currency, exponent(currency) or 0))
    print(json_format.dumps(_told(decision, words), ensure_ascii=False) if json else "\n".join(words))  # noqa: T201 - the answer
    if not decision.ranked:
        raise SystemExit(Exit.FOUND_PROBLEMS)


def _money(amount: str, currency: str) -> Money:
    digits = exponent(currency)
    if digits is None:
        raise BadAmount(f"{currency} is not a currency that money is paid in, e.g. CNY")
    try:
        minor = Decimal(amount).scaleb(digits)
    except InvalidOperation as error:
        raise BadAmount(f"{amount!r} is not an amount, e.g. 12.50") from error
    if not minor.is_finite() or minor != minor.to_integral_value() or not 0 < minor <= MINOR_MAX:
        raise BadAmount(f"{amount} {currency} is not more than nothing with at most {digits} digits after the point")
    return Money(int(minor), currency)


def _key(seed: int | None) -> str:
    """Which side of a split it falls to."""
    return f"{Random(seed).random()}" if seed is not None else ""  # noqa: S311 - no secret


def _known(config: Config, preference: str | None) -> str:
    known = config.routing.named()
    if preference is not None and preference not in known:
        raise BadPreference(f"there is no preference {preference!r}; there are {', '.join(sorted(known))}")
    return preference or ""


def _decided(config: Config, seen: Glance, wanted: Request, seed: int | None) -> Decision:
    now = datetime.now(UTC)
    router = Router(
        rules=[route.rule() for route in config.routes],
        preference=config.routing.chosen(),
        preferences=config.routing.named(),
        new_seed=None if seed is None else lambda: seed,
    )
    if seen.memory is not None:
        router.restore(seen.memory)
    policies = [policy(config, name, part) for name, part in config.channels.items()]
    live = {}
    for name, part in config.channels.items():
        month, today_minor, left_minor = given(seen.usage.get(name, {}), allowances(config, part), wanted.amount, now)
        live[name] = LiveFacts(usage=month, paid_today_minor=today_minor, balance_minor=left_minor)
    return router.decide(wanted, policies, live, now)


def _told(decision: Decision, words: list[str]) -> dict[str, Any]:
    chosen = decision.ranked[0].channel if decision.ranked else None
    return {"channel": chosen, **numbers(decision, details=True), "words": words}
