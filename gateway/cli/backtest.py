"""`paymux lab backtest`: one's own orders under another configuration, before it is trusted with money."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from pydantic_core import PydanticCustomError

from gateway.cli.exit import Exit, plain_words
from gateway.config.config import Config
from gateway.config.durations import parse_duration
from gateway.config.load import load
from gateway.database import place_of
from gateway.domain.errors import PaymuxError
from gateway.lab.backtest import DRAWS
from gateway.lab.backtest import backtest as weigh
from gateway.lab.backtest_told import as_json, in_words
from gateway.lab.choice import Routing
from gateway.lab.orders import read
from gateway.policies import policy as channel_policy
from gateway.store.logged import first_attempts


class BadBacktest(PaymuxError):
    """A beginning that is neither a time nor a duration, or no draws."""


def backtest(
    *,
    since: str,
    policy: Path,
    config: Path = Path("config.toml"),
    seed: int = 0,
    draws: int = DRAWS,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Estimate what the logged orders would have cost, how many been paid and when, under another configuration.

    Only first attempts count. Nothing is sent or written, and the gateway may run meanwhile. Exit code 3 when no order
    can be weighed.

    Example: `python -m gateway lab backtest --since 30d --policy new-config.toml`

    Parameters
    ----------
    since
        RFC 3339 with an offset, or how long ago: 30d, 12h.
    policy
        The configuration to try: its fees, preference, routes and channels.
    config
        The present one; its database is read.
    seed
        Of the dice: the same seed gives the same answer.
    draws
        Draws of the channels' chances for each order.
    json
        Print one line of JSON.
    """
    with plain_words():
        begin = moment(since, datetime.now(UTC))
        if draws < 1:
            raise BadBacktest(f"{draws} draws are none; say 1 or more, e.g. {DRAWS}")
        loaded = load(config)
        present, new = routing(loaded), routing(load(policy))
        log = read(first_attempts(place_of(loaded), begin), present.channels)
    results = {
        currency: weigh(orders, present, new, seed=seed, draws=draws) for currency, orders in sorted(log.orders.items())
    }
    print(as_json(results, log) if json else "\n".join(in_words(results, log)))  # noqa: T201 - the answer
    if not results:
        raise SystemExit(Exit.FOUND_PROBLEMS)


def moment(text: str, now: datetime) -> datetime:
    """The point in time that `--since` names.

    Raises:
        BadBacktest: it names none.
    """
    try:
        return now - timedelta(seconds=parse_duration(text))
    except PydanticCustomError:
        pass  # no duration: a date and time, then
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise BadBacktest(f"{text!r} is neither a time such as 2026-01-01T00:00:00Z nor a duration such as 30d")
    return at.astimezone(UTC)


def routing(config: Config) -> Routing:
    """What it says of routing."""
    return Routing(
        channels={name: channel_policy(config, name, part) for name, part in config.channels.items()},
        preference=config.routing.chosen(),
        preferences=config.routing.named(),
        rules=tuple(route.rule() for route in config.routes),
        explore=config.routing.explore,
    )
