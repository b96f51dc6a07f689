"""The keys that routing goes by: preferences, explicit routes, calendars, maintenance."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from gateway.config.durations import Duration
from gateway.config.fields import CurrencyCode, Minor, Words, fault
from gateway.domain.beneficiary import BeneficiaryKind
from gateway.domain.money import MINOR_MAX
from routing.rules import Action, Match, Rule
from routing.schedule import Recurring
from routing.score import Preference

Bps = Annotated[int, Field(ge=0, le=10_000)]
Names = Annotated[tuple[str, ...], Words, Field(min_length=1)]


class Weekday(StrEnum):
    """Days of the week, as they stand in the file."""

    MON = "mon"
    TUE = "tue"
    WED = "wed"
    THU = "thu"
    FRI = "fri"
    SAT = "sat"
    SUN = "sun"


class Part(BaseModel):
    """One table of the file."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, hide_input_in_errors=True)


class PreferencePart(Part):
    """One of `[routing.preferences]`: what waiting and failing are worth, in minor units."""

    time_value_minor: Minor = Field(alias="time_value")
    failure_cost_minor: Minor = Field(alias="failure_cost")
    time_value_bps: Bps = 0
    failure_cost_bps: Bps = 0

    def preference(self, name: str) -> Preference:
        """As the router takes it."""
        return Preference(
            name, self.time_value_minor, self.failure_cost_minor, self.time_value_bps, self.failure_cost_bps
        )


class CalendarPart(Part):
    """`[calendars.NAME]`: settlement days."""

    weekend: Annotated[frozenset[Annotated[Weekday, Words]], Words] = frozenset({Weekday.SAT, Weekday.SUN})
    holidays: Annotated[frozenset[date], Words] = frozenset()
    workdays: Annotated[frozenset[date], Words] = frozenset()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.holidays & self.workdays:
            raise fault(f"{min(self.holidays & self.workdays)} is both a holiday and a working day")
        if len(self.weekend) == len(Weekday):
            raise fault("a weekend is not the whole week")
        return self


class MaintenancePart(Part):
    """One of `[channels.NAME] maintenance`: one window, or one that comes again by cron's five fields."""

    begins: datetime | None = None
    ends: datetime | None = None
    cron: str | None = None
    for_s: Duration | None = Field(default=None, alias="for")

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        once, again = (self.begins, self.ends), (self.cron, self.for_s)
        if None not in once and again == (None, None):
            return self._once()
        if None not in again and once == (None, None):
            return self._again()
        raise fault("has begins and ends, or cron and for")

    def _once(self) -> Self:
        assert self.begins is not None  # noqa: S101 - just looked at
        assert self.ends is not None  # noqa: S101 - as well
        if self.begins.tzinfo is None or self.ends.tzinfo is None:
            raise fault("begins and ends need a time zone, e.g. 2026-12-24T22:00:00+08:00")
        if self.ends <= self.begins:
            raise fault("ends before it begins")
        return self

    def _again(self) -> Self:
        try:
            Recurring.from_cron(self.cron or "", self.for_s or 0.0)
        except ValueError as error:
            raise fault(str(error)) from error
        return self


class RoutePart(Part):
    """One of `[[routes]]`: whom it is about, and exactly one thing to do with the channels it names."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    apps: Annotated[frozenset[str], Words] = frozenset()
    currencies: Annotated[frozenset[CurrencyCode], Words] = frozenset()
    methods: Annotated[frozenset[Annotated[BeneficiaryKind, Words]], Words] = frozenset()
    amount_gte_minor: Minor | None = Field(default=None, alias="amount_gte")
    amount_lte_minor: Minor | None = Field(default=None, alias="amount_lte")
    only: Names | None = None
    never: Names | None = None
    prefer: Names | None = None
    sticky: Names | None = None
    split: Annotated[Mapping[str, Annotated[int, Field(ge=0, le=MINOR_MAX)]], Field(min_length=1)] | None = None
    gives_way: bool = False

    @model_validator(mode="after")
    def _does_one_thing(self) -> Self:
        if len(self._named()) != 1:
            raise fault("does exactly one of only, never, prefer, split, sticky")
        if self.split is not None and not any(self.split.values()):
            raise fault("the weights of a split are not all zero")
        if None not in (self.amount_gte_minor, self.amount_lte_minor) and self._empty():
            raise fault("amount_gte is more than amount_lte")
        if len(set(self.channels)) != len(self.channels):
            raise fault("names a channel twice")
        if self.gives_way and self.only is None:
            raise fault("gives_way goes with only")
        return self

    def _empty(self) -> bool:
        return (self.amount_gte_minor or 0) > (self.amount_lte_minor or 0)

    def _named(self) -> dict[Action, tuple[str, ...]]:
        found = {action: getattr(self, action.value) for action in Action}
        return {action: tuple(channels) for action, channels in found.items() if channels is not None}

    @property
    def channels(self) -> tuple[str, ...]:
        """Those it names."""
        return next(iter(self._named().values()))

    def rule(self) -> Rule:
        """As the router takes it."""
        ((action, channels),) = self._named().items()
        match = Match(self.apps, self.currencies, self.methods, self.amount_gte_minor, self.amount_lte_minor)
        weights = tuple(map(float, self.split.values())) if self.split is not None else ()
        return Rule(self.name, action, channels, match, weights, self.gives_way)
