"""What a client repeats, how long it waits, and what it says when it gives up. No network, no clock: a generator."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import count
from typing import TypeVar

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paymux_client import BadAnswer, HmacKey, NoAnswer, PaymuxError, Refused, Retries, World, calls
from paymux_client.call import Call, reads
from paymux_client.models import Amount, CreatePayout, ProblemCode, ProblemPage, WechatUser
from paymux_client.retries import may_have_stored, retry_after_s, worth_repeating
from paymux_client.talk import Heard, Send, Wait, talk

T = TypeVar("T")
ORDER = CreatePayout(reference="w-1", amount=Amount(value=1, currency="CNY"), beneficiary=WechatUser(openid="o1"))
PAGE = {"code": "not_found", "status": 404, "title": "t", "cause": "c", "fix": "f"}
CREATE = Call("POST", "/v1/payouts", reads(ProblemPage), body=b"{}", repeatable=True)
"""An order in every way that matters here, with a small answer."""
ONCE = Call("POST", "/v1/once", reads(ProblemPage), body=b"{}")
READ = Call("GET", "/problems/x", reads(ProblemPage), repeatable=True)
GOOD = httpx.Response(200, json=PAGE)
LOST = httpx.ReadTimeout("gone")


def problem(code: str, status: int, **headers: str) -> httpx.Response:
    body = {"type": "/problems/x", "title": "t", "status": status, "code": code, "errors": [], "request_id": "r-1"}
    told = {
        "Content-Type": "application/problem+json",
        **{name.replace("_", "-"): text for name, text in headers.items()},
    }
    return httpx.Response(status, headers=told, content=json.dumps(body))


@dataclass
class Played:
    """One call against answers that are known before; time passes only while it waits."""

    call: Call[ProblemPage]
    answers: Iterable[Heard]
    retries: Retries = field(default_factory=Retries)
    drawn: float = 0.5
    sent: list[Send] = field(default_factory=list)
    waited: list[float] = field(default_factory=list)

    def run(self) -> ProblemPage:
        nonces = count(1)
        world = World(
            now_s=lambda: 1767225600 + sum(self.waited),
            monotonic_s=lambda: sum(self.waited),
            random=lambda: self.drawn,
            nonce=lambda: f"nonce-{next(nonces):011d}",
        )
        talking = talk(self.call, HmacKey("k", b"secret"), "", self.retries, world)
        answers, heard = iter(self.answers), None
        while True:
            try:
                step = talking.send(heard)
            except StopIteration as said:
                page: ProblemPage = said.value
                return page
            if isinstance(step, Wait):
                self.waited.append(step.seconds)
                heard = None
            else:
                self.sent.append(step)
                heard = next(answers)

    def fails(self) -> PaymuxError:
        with pytest.raises(PaymuxError) as caught:
            self.run()
        return caught.value


@pytest.mark.parametrize("call", [CREATE, READ], ids=["order", "read"])
@pytest.mark.parametrize(
    "first",
    [LOST, httpx.ConnectError("x"), problem("commit_unknown", 500), problem("overloaded", 503),
     problem("rate_limited", 429), problem("request_timeout", 408), problem("in_progress", 409),
     httpx.Response(502, text="<html>")],
    ids=repr,
)  # fmt: skip
def test_what_another_try_may_mend_is_tried_again(call: Call[ProblemPage], first: Heard) -> None:
    """The answer of the second try is the answer."""
    played = Played(call, [first, GOOD])
    assert played.run().code == "not_found"
    assert len(played.sent) == 2


def test_a_repeat_is_the_same_bytes_under_a_fresh_signature() -> None:
    """Same method, target and body; a nonce is never used twice, and the time is that of the try."""
    played = Played(CREATE, [LOST, LOST, GOOD])
    played.run()
    assert len({(each.method, each.target, each.body) for each in played.sent}) == 1
    signatures = [dict(each.headers)["Authorization"] for each in played.sent]
    assert len(set(signatures)) == 3
    assert [f"nonce-{number:011d}" in text for number, text in enumerate(signatures, 1)] == [True] * 3


@pytest.mark.parametrize("first", [LOST, problem("overloaded", 503), problem("rate_limited", 429)], ids=repr)
def test_what_is_not_known_to_be_safe_is_said_once(first: Heard) -> None:
    """Only a reference, or the nature of a call, makes a repeat safe."""
    played = Played(ONCE, [first, GOOD])
    played.fails()
    assert len(played.sent) == 1


@pytest.mark.parametrize(
    "answer",
    [problem("invalid_request", 400), problem("unauthorized", 401), problem("not_found", 404),
     problem("reference_reused", 409), problem("not_cancelable", 409), httpx.Response(302, headers={"Location": "https://elsewhere.example"})],
    ids=repr,
)  # fmt: skip
def test_a_plain_no_is_not_asked_again(answer: httpx.Response) -> None:
    """And a redirect is not followed: a signed order goes where it was sent, or nowhere."""
    played = Played(CREATE, [answer, GOOD])
    refused = played.fails()
    assert isinstance(refused, Refused)
    assert (refused.status, len(played.sent), played.waited) == (answer.status_code, 1, [])


def test_the_calls_that_may_be_repeated_are_these() -> None:
    """An order, for its reference; a cancel, for a wish said twice is one wish; and whatever only reads."""
    assert calls.create_payout(ORDER).repeatable
    assert calls.cancel_payout("po_1").repeatable
    assert calls.list_payouts().repeatable


def test_pauses_are_drawn_from_the_whole_of_a_growing_span() -> None:
    """Full jitter: nothing to the whole span, which doubles up to its cap."""
    retries = Retries(tries=7, total_s=1000.0, base_s=1.0, cap_s=8.0)
    for drawn in (0.0, 0.25, 1.0):
        played = Played(CREATE, [LOST] * 7, retries, drawn)
        assert isinstance(played.fails(), NoAnswer)
        assert played.waited == [drawn * span for span in (1, 2, 4, 8, 8, 8)]


def test_retry_after_is_a_lower_bound() -> None:
    """Nobody comes back before he was asked to, and not all at the same moment after."""
    played = Played(CREATE, [problem("unavailable", 503, Retry_After="7"), GOOD], Retries(base_s=1.0), drawn=0.5)
    played.run()
    assert played.waited == [7.5]


def test_a_wish_beyond_the_deadline_ends_it() -> None:
    """Rather than come too early, the client says what it was told."""
    refused = Played(CREATE, [problem("overloaded", 503, Retry_After="3600"), GOOD], Retries(total_s=60.0)).fails()
    assert isinstance(refused, Refused)
    assert (refused.retry_after_s, refused.code, refused.request_id) == (3600.0, ProblemCode.OVERLOADED, "r-1")


def test_nothing_begins_after_the_deadline() -> None:
    """However many tries are left."""
    played = Played(CREATE, [LOST] * 50, Retries(tries=50, total_s=10.0, base_s=4.0, cap_s=4.0), drawn=1.0)
    played.fails()
    assert played.waited == [4.0, 4.0]


@pytest.mark.parametrize(
    ("call", "answers", "may_be_stored"),
    [
        (CREATE, [LOST], True),
        (CREATE, [problem("commit_unknown", 500)], True),
        (CREATE, [problem("internal_error", 500)], True),
        (CREATE, [httpx.Response(503, text="<html>")], True),
        (CREATE, [problem("unavailable", 503)], False),
        (CREATE, [problem("overloaded", 503)], False),
        (CREATE, [problem("quota_exceeded", 429)], False),
        (CREATE, [problem("invalid_request", 400)], False),
        (CREATE, [LOST, problem("unauthorized", 401)], True),
        (CREATE, [LOST, problem("overloaded", 503)], True),
        (ONCE, [LOST], True),
        (READ, [LOST], False),
        (READ, [problem("internal_error", 500)], False),
    ],
)
def test_a_failure_says_whether_the_order_may_be_stored(
    call: Call[ProblemPage], answers: list[Heard], may_be_stored: bool
) -> None:
    """No answer is not a no, and a later no does not take back that an earlier try may have got through."""
    assert Played(call, answers, Retries(tries=len(answers))).fails().may_be_stored is may_be_stored


def test_an_answer_that_cannot_be_read_is_not_asked_for_again() -> None:
    """A success is a success: the order is stored, whatever its answer looks like."""
    failure = Played(CREATE, [httpx.Response(201, text="<html>"), GOOD]).fails()
    assert isinstance(failure, BadAnswer)
    assert failure.may_be_stored


def test_a_problem_that_cannot_be_read_is_still_a_refusal() -> None:
    """Its status counts."""
    broken = httpx.Response(400, headers={"Content-Type": "application/problem+json"}, text="{")
    refused = Played(CREATE, [broken]).fails()
    assert isinstance(refused, Refused)
    assert (refused.status, refused.problem, refused.code, refused.request_id) == (400, None, None, None)


@given(st.integers(1, 60), st.floats(0, 1), st.floats(0, 1e6), st.none() | st.floats(0, 1e6))
def test_a_pause_keeps_its_bounds(tried: int, drawn: float, elapsed_s: float, wish_s: float | None) -> None:
    """Never shorter than wished, never longer than wish and cap, never past the deadline, never after the last try."""
    retries = Retries()
    pause_s = retries.pause_s(tried, elapsed_s, drawn, wish_s)
    if pause_s is not None:
        assert (wish_s or 0.0) <= pause_s <= (wish_s or 0.0) + retries.cap_s
        assert elapsed_s + pause_s <= retries.total_s
        assert tried < retries.tries


@pytest.mark.parametrize(
    ("header", "expected"),
    [(None, None), ("0", 0.0), ("12", 12.0), ("-1", None), ("soon", None), ("9" * 40, 999999999.0),
     ("Thu, 01 Jan 2026 00:01:00 GMT", 60.0), ("Wed, 31 Dec 2025 00:00:00 GMT", 0.0)],
)  # fmt: skip
def test_retry_after_is_seconds_or_a_date(header: str | None, expected: float | None) -> None:
    """What is neither is no wish; a date that is over is no wait."""
    assert retry_after_s(header, 1767225600.0) == expected


@given(st.integers(100, 599), st.none() | st.sampled_from([str(code) for code in ProblemCode]))
def test_a_success_or_a_plain_no_is_never_repeated(status: int, code: str | None) -> None:
    """Whatever a proxy makes of the code. And only what says so itself stored nothing."""
    if status < 400 or (400 <= status < 500 and status not in (408, 429)):
        assert not worth_repeating(status, code)
    if status >= 500:
        assert may_have_stored(status, code) == (code not in ("unavailable", "overloaded"))
