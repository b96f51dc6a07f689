"""Tell apps that asked for it when a channel degrades or recovers: one node for all, from what all nodes see.

Health is pooled over the nodes anyway; which breakers are open each node says of itself (`gateway.operations.nodes`).
What was told last stands in the store, with the event, before any app is told: whoever dies in between, or takes over,
goes on with the very same event.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace

import structlog

from gateway.callbacks.body import body_about
from gateway.domain.channel_news import News, look
from gateway.domain.endpoint import CHANNEL_DEGRADED, CHANNEL_RECOVERED
from gateway.domain.errors import StoreError
from gateway.domain.identity import shard_of
from gateway.domain.view import Json
from gateway.failpoints import Commit, Unit
from gateway.operations.announce import addressed
from gateway.operations.nodes import on_duty
from gateway.operations.published import Condition, Published, published
from gateway.operations.recipients import recipients
from gateway.operations.services import Current, Services
from gateway.store.port import ReadTx, Tx
from gateway.store.records import Callback, Duty
from routing.policy import ChannelState

log: structlog.stdlib.BoundLogger = structlog.get_logger()

EVERY_S = 5.0
PREFIX = "channel."
"""Begins the words of the store in which it stands."""


async def tell_of_channels(services: Services, resting_elsewhere: frozenset[str]) -> None:
    """One look at every channel that is in use. Raises `StoreError`."""
    words = await services.store.read(lambda tx: tx.words(PREFIX))
    for channel in published(services):
        if channel.policy.state is ChannelState.DISABLED:
            continue  # the operator's switch is no news of its health
        name = channel.policy.name
        condition = _condition(channel, name in resting_elsewhere)
        was = words.get(PREFIX + name)
        before, now = News.from_text(was), services.clock.now()
        about = channel_about(channel, condition)
        sound = condition is Condition.SOUND
        after = look(before, sound=sound, now=now, event=services.new_uuid().hex, about=about)
        if after != before:
            if not await _keep(services, name, was, after):
                continue  # another node did
            was = after.text()
        if after.owed:
            await _tell(services, name, after)
            await _keep(services, name, was, replace(after, owed=False))


def _condition(channel: Published, resting: bool) -> Condition:
    return Condition.RESTING if resting else channel.condition


def channel_about(channel: Published, condition: Condition) -> Json:
    """The channel as its events show it; the rest is to be asked for (`GET /v1/channels`)."""
    return {
        "object": "channel",
        "name": channel.policy.name,
        "condition": str(condition),
        "available": not channel.not_now,
        "not_now": [str(code) for code in channel.not_now],
    }


async def _keep(services: Services, name: str, was: str | None, news: News) -> bool:
    """Whether the word was still the one that was read."""

    def unit(tx: Tx) -> bool:
        if tx.meta(PREFIX + name) != was:
            return False
        tx.set_meta(PREFIX + name, news.text())
        return True

    return await services.store.run(Unit(Commit.ROUTER, unit))


async def _tell(services: Services, name: str, news: News) -> None:
    """The event to every app that wants it; where it is already, nothing happens."""
    event_type = CHANNEL_DEGRADED if news.degraded else CHANNEL_RECOVERED

    def wanting(tx: ReadTx) -> list[str]:
        return [
            app for app in services.endpoints if any(each.wants(event_type) for each in recipients(services, tx, app))
        ]

    apps = await services.store.read(wanting)
    for app in apps:
        await services.store.run(Unit(Commit.ROUTER, _of_app(services, app, event_type, news)))
    if apps:
        services.wake_callbacks()
    log.warning(event_type, channel=name, condition=str(news.about["condition"]), apps=len(apps))


def _of_app(services: Services, app: str, event_type: str, news: News) -> Callable[[Tx], None]:
    """An app's own event: its id begins with the time, and is no other app's."""
    own = hashlib.sha256(f"{news.event}\0{app}".encode()).hexdigest()
    event_id = f"evt_{news.event[:20]}{own[:12]}"
    shard, at = shard_of(app, event_id), news.at
    assert at is not None  # noqa: S101 - there is an event
    body = body_about(event_id, event_type, news.sequence, at, news.about, services.api_version)
    event = Callback(event_id, shard, None, app, "", event_type, news.sequence, body, at, due_at=at)

    def unit(tx: Tx) -> None:
        there = {each.endpoint for each in tx.event(shard, event_id)}
        for each in recipients(services, tx, app):
            if each.wants(event_type) and each.id not in there:
                tx.enqueue_callback(addressed(event, each))

    return unit


async def keep_telling(current: Current, resting_elsewhere: Callable[[], frozenset[str]]) -> None:
    """Every few seconds, one node for all, until cancelled."""
    while True:
        services = current.services
        try:
            if await on_duty(services, Duty.CHANNEL_NEWS):
                await tell_of_channels(services, resting_elsewhere())
        except StoreError as error:  # the next look is there soon
            log.warning("channel.news_not_told", error=type(error).__name__)
        await services.clock.sleep(EVERY_S)
