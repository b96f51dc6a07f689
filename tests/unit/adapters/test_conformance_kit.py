"""The kit itself: a promise that does not hold is told with its line, and a check that cannot be trusted is refused."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.conformance import hostile, orders
from adapters.conformance.catalogue import promises_of
from adapters.conformance.find import NoSubject, subject
from adapters.conformance.report import report
from adapters.mock.conformance import SUBJECT as MOCK
from adapters.registry import adapters
from adapters.spec import AdapterSpec
from gateway.domain.payout import DuplicateMode

ROOT = Path(__file__).parents[3]


def test_the_built_in_channels_are_found_by_name() -> None:
    """And so is a place in a module, as it is or made by a function."""
    for name in ("mock", "wechat", "bank"):
        assert subject(name, adapters()).spec.name == name
    assert subject("adapters.mock.conformance:SUBJECT", {}) is MOCK


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("nobody", "there is no adapter 'nobody'; there are: bank, mock, wechat"),
        ("no.such.module:X", "No module named"),
        ("adapters.mock.conformance:OTHER", "OTHER"),
        ("math:pi", "is a float, not a ChannelUnderTest"),
    ],
)
def test_what_cannot_be_checked_is_said_in_words(name: str, why: str) -> None:
    """By name: not installed, not importable, not there, no description."""
    with pytest.raises(NoSubject, match=why):
        subject(name, adapters())


def test_an_adapter_that_describes_nothing_cannot_be_checked() -> None:
    """It is told what is missing."""
    plain: AdapterSpec = replace(MOCK.spec, conformance=None)
    with pytest.raises(NoSubject, match=r"AdapterSpec\.conformance"):
        subject("mock", {"mock": plain})


def test_a_broken_promise_is_told_with_the_line_that_does_not_hold() -> None:
    """A mock that pays every transmission anew, and says so, breaks what may only be asked of others."""
    twice = replace(MOCK, table=lambda _keys, _url: {"duplicate_mode": str(DuplicateMode.NONE)})
    found = asyncio.run(
        report(twice, lambda promise: promise.keep in {orders.it_is_paid_once_however_often_it_is_sent})
    )
    (broken,) = found.broken
    assert broken.promise == "it is paid once however often it is sent"
    assert broken.why.startswith("does not hold: world.channel.ground.duplicate_mode is not DuplicateMode.NONE")
    assert found.as_json()["broken"] == 1


def test_an_error_breaks_a_promise_too() -> None:
    """Whatever is raised is told by its name; a report is always finished."""
    raising = replace(MOCK, books=lambda _channel: 1 / 0)  # type: ignore[arg-type, return-value]  # that is the fault
    found = asyncio.run(report(raising, lambda promise: "very same signature" in promise.name))
    assert [each.why for each in found.broken] == ["ZeroDivisionError: division by zero"]


def test_a_channel_without_a_network_is_not_asked_about_one() -> None:
    """The hostile line is for channels that have a line."""
    names = {promise.name for promise in promises_of(MOCK)}
    assert names.isdisjoint(promise.name for promise in hostile.promises.all)


def test_without_asserts_nothing_is_checked() -> None:
    """Promises are asserts: with -O all of them would seem kept."""
    command = [sys.executable, "-O", "-m", "gateway", "adapter", "check", "mock"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout) == (1, "")
    assert "PYTHONOPTIMIZE" in ran.stderr
