"""Quarantine and ask-first time as a value."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.domain.safety import Safety, dump_safety, ground_mark, load_safety
from tests.support.builders import NOW, a_ground

MONTH = timedelta(days=30)
QUARANTINED = Safety().enter("an older copy", NOW, {"alpha": "a"})


@pytest.mark.parametrize("safety", [Safety(), QUARANTINED, QUARANTINED.leave(NOW, MONTH)], ids=str)
def test_what_is_stored_is_what_is_read(safety: Safety) -> None:
    """A restart stays where it was."""
    assert load_safety(dump_safety(safety)) == safety


def test_a_new_store_is_calm() -> None:
    """Nothing stored is nothing to be careful about."""
    assert load_safety(None).calm(NOW)


def test_a_quarantine_lasts_until_it_is_left_and_asking_first_until_its_time() -> None:
    """No clock ends a quarantine; the ask-first time ends by itself, to the moment."""
    assert not QUARANTINED.calm(NOW + timedelta(days=3650))
    left = QUARANTINED.leave(NOW, MONTH)
    assert not left.quarantined
    assert left.asks_first(NOW + MONTH - timedelta(microseconds=1))
    assert left.calm(NOW + MONTH)


def test_a_payout_from_the_ask_first_time_is_asked_about_after_it_too() -> None:
    """Also once a restart has found the times calm again."""
    left = QUARANTINED.leave(NOW, MONTH).configured({"alpha": "a"}, NOW + MONTH)
    assert not left.calm_about(NOW + MONTH - timedelta(microseconds=1))
    assert left.calm_about(NOW + MONTH)
    assert not QUARANTINED.calm_about(NOW + MONTH)


def test_entering_twice_begins_anew() -> None:
    """Another older copy: what was asked since the first one's beginning says nothing about this one."""
    again = QUARANTINED.enter("another reason", NOW + MONTH, {"beta": "b"})
    assert (again.quarantined_at, again.why) == (NOW + MONTH, "another reason")
    assert again.channels == {"alpha": "a", "beta": "b"}


def test_in_calm_times_only_configured_channels_are_known() -> None:
    """A channel drained and removed long before a restore is nobody's business after it."""
    assert Safety(channels={"old": "o"}).configured({"alpha": "a"}, NOW).channels == {"alpha": "a"}


@pytest.mark.parametrize("safety", [QUARANTINED, QUARANTINED.leave(NOW, MONTH)], ids=["quarantine", "ask first"])
def test_in_careful_times_no_channel_is_forgotten(safety: Safety) -> None:
    """Removing a channel, or pointing its name at another account, makes it one that cannot be asked."""
    started = safety.configured({"beta": "b"}, NOW)
    assert started.removed({"beta": "b"}) == ["alpha"]
    assert started.removed({"alpha": "moved", "beta": "b"}) == ["alpha"]
    assert started.removed({"alpha": "a", "beta": "b"}) == []


def test_a_channel_is_its_account_at_its_address() -> None:
    """Adapter, address and account tell channels apart; a new key or adapter version does not."""
    ground = a_ground()
    same = replace(ground, key_ids=("other",), adapter_version="9")
    others = [replace(ground, **{name: "other"}) for name in ("adapter", "base_address", "account_id")]
    assert ground_mark(same) == ground_mark(ground)
    assert len({ground_mark(each) for each in [ground, *others]}) == 4
