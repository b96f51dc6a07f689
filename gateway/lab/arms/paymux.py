"""Ours, on the gateway's own code: `routing` for belief, silence, arrival and cost.

What surrounds a decision (eligibility, rules, explanation, storing) is left out; the numbers are the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from gateway.domain.beneficiary import BeneficiaryKind
from gateway.lab.arms.port import FAILED, LATE, PAYEE_FAULT, SUCCEEDED, UNKNOWN, News, Order, Setting
from routing.arrival import NOTHING_MEASURED
from routing.feedback import NOTHING, Standing, lateness, worth
from routing.health import DEFAULT, HealthTuning
from routing.health_book import HealthBook, health_class
from routing.score import Worth, expected_cost
from routing.silence import Silence

_KIND = BeneficiaryKind.BANK_ACCOUNT
_STANDING = {SUCCEEDED: Standing.PAID, FAILED: Standing.FAILED, PAYEE_FAULT: Standing.NOT_ITS_FAULT}
"""An attempt of which something else is heard is open."""
UNKNOWN_S = 600.0
"""How long an unknown outcome is taken to be held until it is known (`ChannelPolicy.unknown_s`)."""


class _Open:
    """An attempt whose outcome is not known yet."""

    __slots__ = ("cls", "probe", "promised_s", "sent_s", "was_unknown", "worth")

    def __init__(self, cls: str, sent_s: float, promised_s: float, probe: float) -> None:
        self.cls, self.sent_s, self.promised_s, self.probe = cls, sent_s, promised_s, probe
        self.was_unknown, self.worth = False, NOTHING


class Paymux:
    """The least expected cost, each channel's chance drawn from its posterior."""

    def __init__(self, setting: Setting, tuning: HealthTuning = DEFAULT) -> None:
        self._names = setting.channels
        self._feedback_s, self._news_age_s = setting.feedback_s, setting.news_age_s
        self._worth = Worth(setting.time_value / 3600.0, setting.failure_cost)
        self._book = HealthBook(tuning)
        self._arrivals = [NOTHING_MEASURED for _ in setting.channels]
        self._silence = [Silence() for _ in setting.channels]
        self._classes: dict[int, str] = {}
        self._open: dict[tuple[int, int], _Open] = {}

    def choose(self, order: Order, eligible: Sequence[int], random: Random) -> int:
        cls, at_s = self._class(order.amount_minor), order.at_s
        book, worth = self._book, self._worth
        chosen, least = -1, float("inf")
        for channel in eligible:
            name, promised_s, arrivals = self._names[channel], order.promised_s[channel], self._arrivals[channel]
            health, probe = book.look(name, cls)
            late = self._silence[channel].late(at_s, promised_s * arrivals.late_factor + self._feedback_s)
            if late:
                health = health.suspecting(late)
            p = health.draw(random, probe)
            time_s = promised_s * arrivals.factor
            if health.unknown:
                share = health.unknown_share
                time_s = (1.0 - share) * time_s + share * UNKNOWN_S
            cost = expected_cost(order.fees[channel], time_s, p, worth)
            if cost < least:
                chosen, least = channel, cost
        probe = book.chose(self._names[chosen], cls)
        self._open[order.number, chosen] = _Open(cls, at_s, order.promised_s[chosen], probe)
        self._silence[chosen].sent(order.number, at_s)
        return chosen

    def learn(self, channel: int, news: News, order: int, at_s: float) -> None:
        attempt = self._open[order, channel]
        if news is LATE and attempt.was_unknown:
            return  # its answer was lost, and it is asked about: that it is not known yet says nothing of the channel
        standing = _STANDING.get(news, Standing.OPEN)
        if standing is not Standing.OPEN:
            del self._open[order, channel]
            self._silence[channel].answered(order, attempt.sent_s)
        else:
            self._silence[channel].dropped(order)
        attempt.was_unknown = attempt.was_unknown or news is UNKNOWN
        if news is SUCCEEDED and not attempt.was_unknown:
            took_s = max(at_s - attempt.sent_s - self._news_age_s, 0.0)
            self._arrivals[channel] = self._arrivals[channel].after(took_s, attempt.promised_s)
        usual_s = attempt.promised_s * self._arrivals[channel].late_factor + self._feedback_s
        late = lateness(at_s - attempt.sent_s, usual_s) if news is LATE else 0.0
        before, attempt.worth = attempt.worth, worth(standing, attempt.was_unknown, late)
        evidence = attempt.worth - before
        self._book.observe(self._names[channel], attempt.cls, evidence, at_s, attempt.probe, attempt.sent_s)

    def _class(self, amount_minor: int) -> str:
        cls = self._classes.get(amount_minor)
        if cls is None:
            cls = self._classes[amount_minor] = health_class(amount_minor, _KIND)
        return cls
