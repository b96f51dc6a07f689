"""From the configuration to the router's own values: a channel's policy, its doors, its allowances, its calendar."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from gateway.config.channel_part import ChannelPart
from gateway.config.config import Config
from gateway.config.routes import CalendarPart, MaintenancePart, Weekday
from gateway.domain.allowance import Allowances
from routing.arrival import Promise
from routing.calendar import EVERY_DAY, Calendar
from routing.guard import Limits
from routing.policy import ChannelPolicy
from routing.schedule import Once, Recurring, Window

_DAYS = tuple(Weekday)


def policy(config: Config, name: str, part: ChannelPart) -> ChannelPolicy:
    """The channel as the router sees it."""
    limits = part.limits
    return ChannelPolicy(
        name=name,
        state=part.state,
        currencies=frozenset(part.currencies),
        kinds=frozenset(part.methods),
        fees=tuple(fee.rule() for fee in part.fees),
        usual_s=part.usual_s,
        weight=part.weight,
        in_flight=limits.in_flight,
        rps=float(limits.rps),
        min_minor=limits.min_minor,
        max_minor=limits.max_minor,
        daily_minor=limits.daily_minor,
        monthly_minor=limits.monthly_minor,
        failure_domain=part.failure_domain,
        schedule=tuple(_window(each, config.zone) for each in part.maintenance),
        promise=_promise(config, part),
        zone=config.zone,
    )


def doors(part: ChannelPart) -> Limits:
    """What its guard holds it to."""
    return Limits(
        in_flight=part.limits.in_flight,
        rps=float(part.limits.rps),
        failures=part.breaker.failures,
        open_s=part.breaker.open_s,
        rates=part.breaker.rates(),
        ramp_s=part.breaker.ramp_s,
    )


def allowances(config: Config, part: ChannelPart) -> Allowances:
    """What it may be given; counted without a limit too where the month's payouts decide its price."""
    limits = part.limits
    counted = any(fee.counted for fee in part.fees)
    return Allowances(limits.daily_minor, limits.monthly_minor, limits.funding_minor, counted, config.zone)


def _promise(config: Config, part: ChannelPart) -> Promise | None:
    days = int(part.settles.removeprefix("T+"))
    if not days and part.cut_off is None and part.calendar is None:
        return None
    calendar = EVERY_DAY if part.calendar is None else _calendar(config.calendars[part.calendar])
    return Promise(part.usual_s, days, part.cut_off, calendar=calendar, zone=config.zone)


def _calendar(part: CalendarPart) -> Calendar:
    weekend = frozenset(_DAYS.index(day) for day in part.weekend)
    return Calendar(weekend, part.holidays, part.workdays)


def _window(part: MaintenancePart, zone: ZoneInfo) -> Window:
    if part.begins is not None and part.ends is not None:
        return Once(part.begins, part.ends)
    return Recurring.from_cron(part.cron or "", part.for_s or 0.0, zone)
