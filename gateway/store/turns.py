"""Which of the payouts and callbacks that are due are taken, where there are more than fit.

Usually there are not: then all are taken, the longest due first, and nothing else is asked. Only behind a backlog are
apps told apart: they take turns by weight, each with its own longest due first, and lanes that lead to a channel which
has its fill are left out. An index leads to each lane, so that a million due for one channel are not read past to find
the one behind them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from sqlalchemy import Row

from gateway.store import statements as sql
from gateway.store.picking import Pick

Rows = Sequence[Row[Any]]
Ask = Callable[..., Rows]
"""Runs a statement with its parameters."""


def due_payouts(ask: Ask, now: object, limit: int, pick: Pick) -> Rows:
    """Up to `limit` due payouts that nobody holds."""
    found = ask(sql.DUE, now=now, at_most=limit + 1)
    if len(found) <= limit:
        return [row for row in found if row.channel not in pick.full]
    return _in_turns(ask, now, limit, pick)


def _in_turns(ask: Ask, now: object, limit: int, pick: Pick) -> Rows:
    apps = {row.app for row in _each(ask, sql.NEXT_DUE_APP, "app")}
    queues: dict[str, deque[Row[Any]]] = {}
    taken: list[Row[Any]] = []
    while apps and len(taken) < limit:
        app = pick.turns.next(apps)
        if app not in queues:
            queues[app] = deque(_of_app(ask, now, limit, app, pick.full))
        if queues[app]:
            taken.append(queues[app].popleft())
        else:
            apps.discard(app)
    return taken


def _of_app(ask: Ask, now: object, limit: int, app: str, full: frozenset[str]) -> Rows:
    """The app's longest due, from every lane that is open."""
    channels = [row.channel for row in _each(ask, sql.NEXT_DUE_CHANNEL, "channel", of_app=app)]
    lanes = [None, *(channel for channel in channels if channel not in full)]
    rows = [row for lane in lanes for row in ask(sql.DUE_IN_LANE, now=now, of_app=app, of_channel=lane, at_most=limit)]
    return sorted(rows, key=lambda row: (row.due_at, row.id))[:limit]


def due_callbacks(
    ask: Ask, now: object, limit: int, busy: frozenset[str], busy_apps: frozenset[str] = frozenset()
) -> Rows:
    """Up to `limit` due callbacks for endpoints that are not busy, of apps that are not."""
    page = max(64, limit)
    found = ask(sql.CALLBACKS_DUE, now=now, at_most=page)
    usable = [row for row in found if row.endpoint not in busy and row.app not in busy_apps]
    if len(usable) >= limit or len(found) < page:
        return usable[:limit]
    endpoints = [row.endpoint for row in _each(ask, sql.NEXT_DUE_ENDPOINT, "endpoint") if row.endpoint not in busy]
    rows = [row for each in endpoints for row in ask(sql.CALLBACKS_DUE_AT, now=now, of_endpoint=each, at_most=limit)]
    rows = [row for row in rows if row.app not in busy_apps]
    return sorted(rows, key=lambda row: (row.due_at, row.sequence))[:limit]


def _each(ask: Ask, statement: Any, name: str, **which: object) -> Iterator[Row[Any]]:
    """Every value of an index's leading column, one step from each to the next."""
    after = ""
    while found := ask(statement, after=after, one=1, **which):
        yield found[0]
        after = getattr(found[0], name)
