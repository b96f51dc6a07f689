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


class BadAmount(PaymuxError):
    """Not an amount of that currency."""


def explain(
    *,
    amount: str,
    beneficiary: Literal["bank_account", "wechat"],
    currency: str = "CNY",
    app: str = "",
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
        decision = _decided(loaded, glance(loaded.database_path), money, BeneficiaryKind(beneficiary), app, seed)
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


def _decided(config: Config, seen: Glance, money: Money, kind: BeneficiaryKind, app: str, seed: int | None) -> Decision:
    now = datetime.now(UTC)
    router = Router(
        rules=[route.rule() for route in config.routes],
        preference=config.routing.chosen(),
        new_seed=None if seed is None else lambda: seed,
    )
    if seen.memory is not None:
        router.restore(seen.memory)
    policies = [policy(config, name, part) for name, part in config.channels.items()]
    live = {}
    for name, part in config.channels.items():
        month, today_minor, left_minor = given(seen.usage.get(name, {}), allowances(config, part), money, now)
        live[name] = LiveFacts(usage=month, paid_today_minor=today_minor, balance_minor=left_minor)
    key = f"{Random(seed).random()}" if seed is not None else ""  # noqa: S311 - which side of a split, no secret
    return router.decide(Request(money, kind, app=app, key=key), policies, live, now)


def _told(decision: Decision, words: list[str]) -> dict[str, Any]:
    worth = decision.worth
    return {
        "channel": decision.ranked[0].channel if decision.ranked else None,
        "candidates": [
            {
                "channel": each.channel,
                "cost_minor": each.cost,
                "fee_minor": each.fee_minor,
                "time_minor": each.time_minor(worth),
                "risk_minor": each.risk_minor(worth),
                "chance": each.p,
            }
            for each in decision.ranked
        ],
        "refused": [{"channel": r.channel, "code": str(r.code), "detail": r.detail} for r in decision.refused],
        "words": words,
    }
