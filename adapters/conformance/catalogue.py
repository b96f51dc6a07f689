"""Every promise there is, in the order in which a report tells them."""

from __future__ import annotations

from adapters.conformance import answers, fates, hostile, notifications, orders
from adapters.conformance.promise import Promise
from adapters.conformance.world import ChannelUnderTest


def promises_of(subject: ChannelUnderTest) -> list[Promise]:
    """Those that are asked of this channel."""
    modules = (orders, answers, notifications, hostile, fates)
    found = [promise for module in modules for promise in module.promises.all] + fates.fates_of(subject)
    return [promise for promise in found if subject.networked or not promise.networked]
