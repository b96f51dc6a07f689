"""The shape of `[apps.NAME]`: every key, its type, its default (`gateway.config.model` has the rules for all)."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from gateway.config.fields import (
    CurrencyCode,
    EventName,
    Network,
    PublicKeyText,
    Url,
    Words,
    fault,
)
from gateway.config.routes import Part
from gateway.domain.money import MINOR_MAX
from gateway.secret import SecretRef


class Algorithm(StrEnum):
    """How an app signs its requests (docs/api.md)."""

    ED25519 = "ed25519"
    HMAC_SHA256 = "hmac-sha256"


class Scope(StrEnum):
    """What a key may be used for."""

    SUBMIT = "submit"
    QUERY = "query"
    CANCEL = "cancel"
    CALLBACKS = "callbacks"


class AppKeyPart(Part):
    """One of `[apps.NAME] keys`."""

    id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
    algorithm: Annotated[Algorithm, Words]
    public_key: PublicKeyText | None = None
    secret: SecretRef | None = None
    scopes: Annotated[frozenset[Annotated[Scope, Words]], Words, Field(min_length=1)] = frozenset(Scope)
    allow_from: Annotated[tuple[Network, ...], Words] = ()

    @model_validator(mode="after")
    def _has_its_key(self) -> Self:
        ed25519 = self.algorithm is Algorithm.ED25519
        if (self.public_key is None) is ed25519 or (self.secret is None) is not ed25519:
            raise fault("an ed25519 key has a public_key, an hmac-sha256 key has a secret, and not the other")
        return self


class CallbackPart(Part):
    """One of `[apps.NAME] callbacks`."""

    url: Url
    secret: SecretRef | None = None
    signing_key: SecretRef | None = None
    events: Annotated[frozenset[EventName], Words] = frozenset()


class KeyLimitsPart(Part):
    """`[apps.NAME] limits`: of each of its keys; the weight is the app's, and so is what waits."""

    rps: Annotated[int, Field(ge=1, le=100_000)] = 1000
    in_flight: Annotated[int, Field(ge=1, le=10_000)] = 256
    weight: Annotated[int, Field(ge=1, le=1000)] = 1
    waiting: Annotated[int, Field(ge=1, le=100_000_000)] = 1_000_000


class AppPart(Part):
    """`[apps.NAME]`."""

    enabled: bool = True
    limits: KeyLimitsPart = KeyLimitsPart()
    max_amount: Mapping[CurrencyCode, Annotated[int, Field(ge=1, le=MINOR_MAX)]] = Field(default_factory=dict)
    """By currency, in minor units."""
    sees_funding: bool = False
    keys: Annotated[tuple[AppKeyPart, ...], Words] = ()
    callbacks: Annotated[tuple[CallbackPart, ...], Words] = ()
