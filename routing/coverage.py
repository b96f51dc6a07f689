"""What can be paid at all: which currencies to which kinds of beneficiaries have a channel that is switched on."""

from __future__ import annotations

from collections.abc import Iterable

from gateway.domain.beneficiary import BeneficiaryKind
from routing.policy import ChannelPolicy, ChannelState

Pair = tuple[str, BeneficiaryKind]
"""A currency, and a kind of beneficiary."""


def served(policies: Iterable[ChannelPolicy]) -> frozenset[Pair]:
    """Every pair that some enabled channel takes."""
    return frozenset(
        (currency, kind)
        for policy in policies
        if policy.state is ChannelState.ENABLED
        for currency in policy.currencies
        for kind in policy.kinds
    )


def lost(before: Iterable[ChannelPolicy], after: Iterable[ChannelPolicy]) -> tuple[Pair, ...]:
    """Pairs that were served and no longer are, in order."""
    return tuple(sorted(served(before) - served(after)))
