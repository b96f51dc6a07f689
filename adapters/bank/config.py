"""The bank's part of config.toml: `[channels.NAME.settings]`, strict, secrets by reference (sheet section 18)."""

from __future__ import annotations

import re
from datetime import datetime, time
from typing import Annotated, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from adapters.bank.algorithms import Algorithm
from gateway.domain.payout import DuplicateMode
from gateway.domain.reasons import RejectReason
from gateway.secret import SecretRef

KeyId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._:-]{1,128}$")]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
ExternalCode = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]{1,4}$")]
Text140 = Annotated[str, StringConstraints(min_length=1, max_length=140)]

THROWAWAY = "throwaway-test-"
"""Key ids that begin so are published with their private halves."""

_OURS = frozenset(
    {
        "accept",
        "content-digest",
        "content-length",
        "content-type",
        "host",
        "signature",
        "signature-input",
        "transfer-encoding",
        "x-request-id",
    }
)


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class SigningKeySettings(_Strict):
    """Our key: the name the bank knows it by, its one algorithm, and where the PEM lies."""

    keyid: KeyId
    algorithm: Annotated[Algorithm, Field(strict=False)] = Algorithm.ECDSA_P256_SHA256
    key: SecretRef


class BankKeySettings(_Strict):
    """One key of the bank. Several may stand side by side while the bank rotates."""

    algorithm: Annotated[Algorithm, Field(strict=False)] = Algorithm.ECDSA_P256_SHA256
    public_key: SecretRef
    not_before: datetime | None = None
    not_after: datetime | None = None

    @field_validator("not_before", "not_after")
    @classmethod
    def _has_offset(cls, value: datetime | None) -> datetime | None:
        if value is not None and value.tzinfo is None:
            raise ValueError("needs an offset, like 2026-01-01T00:00:00Z")
        return value


class ProductSettings(_Strict):
    """How one currency is paid: the bank's product name and the codes agreed for it."""

    name: Annotated[str, StringConstraints(pattern=r"^pain\.001-[a-z0-9-]{1,60}$")]
    service_level: ExternalCode = "NURG"
    charge_bearer: Literal["DEBT", "CRED", "SHAR", "SLEV"] = "SHAR"
    priority: Literal["NORM", "HIGH"] | None = "NORM"
    local_instrument: Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]{1,35}$")] | None = None
    category_purpose: ExternalCode | None = None
    purpose: ExternalCode | None = None
    """`Purp/Cd` when the order names none."""

    @property
    def is_sepa(self) -> bool:
        """SEPA takes IBANs and letters without accents only."""
        return self.service_level == "SEPA"


class PayerSettings(_Strict):
    """Our account at the bank, as the bank has it."""

    name: Text140
    account: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]{1,34}$"), Field(repr=False)]
    currency: Currency
    bank_code: Annotated[str, StringConstraints(pattern=r"^([0-9]{12}|[A-Z0-9]{8}|[A-Z0-9]{11})$")]


class TlsSettings(_Strict):
    """Mutual TLS: whom we trust (unset: the system's store), and who we are."""

    ca: SecretRef | None = None
    client_certificate: SecretRef
    client_key: SecretRef


class BankSettings(_Strict):
    """Everything one bank channel needs to know."""

    base_url: Annotated[str, StringConstraints(pattern=r"^https?://[a-z0-9.\[\]:-]+(/[A-Za-z0-9._~/-]+)?$")]
    """Without a trailing slash; also the base of every signed `@target-uri`."""
    signature_profile: Literal["rfc9421"] = "rfc9421"
    signing_key: SigningKeySettings
    bank_keys: Annotated[dict[KeyId, BankKeySettings], Field(min_length=1)]
    products: Annotated[dict[Currency, ProductSettings], Field(min_length=1)]
    payer: PayerSettings
    legal_name: Text140 | None = None
    """The initiating party's name; unset: the payer's."""
    customer_number: Annotated[str, StringConstraints(min_length=1, max_length=35)] | None = None
    success_codes: list[Literal["ACSC", "ACCC", "CPUC"]] = ["ACSC", "ACCC"]
    """Empty: only a booked debit is success."""
    duplicate_mode: Annotated[DuplicateMode, Field(strict=False)]
    has_lookup: bool = False
    repeat_window_s: Annotated[int, Field(ge=0, le=30 * 86400)] = 86400
    extra_headers: dict[str, str] = {}
    accepted_messages: list[Literal["pain.002.001.10", "camt.054.001.08"]] = ["pain.002.001.10", "camt.054.001.08"]
    proprietary_reasons: dict[str, Annotated[RejectReason, Field(strict=False)]] = {}
    time_zone: str = "Asia/Shanghai"
    cut_off: time | None = None
    """Orders made later in the bank's day ask for execution on the next one."""
    tls: TlsSettings | None = None

    @field_validator("time_zone")
    @classmethod
    def _is_a_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f"no such time zone: {value}") from error
        return value

    @field_validator("extra_headers")
    @classmethod
    def _leaves_ours_alone(cls, value: dict[str, str]) -> dict[str, str]:
        for name, text in value.items():
            if name.lower() in _OURS or not re.fullmatch(r"[A-Za-z0-9-]{1,64}", name):
                raise ValueError(f"not a header to be set here: {name[:64]}")
            if not re.fullmatch(r"[!-~](?:[ -~]{0,510}[!-~])?", text):
                raise ValueError(f"{name}: not a plain header value")
        return value

    @model_validator(mode="after")
    def _tls_has_its_url(self) -> BankSettings:
        if self.tls is not None and not self.base_url.startswith("https:"):
            raise ValueError("tls is set, but base_url is not https")
        return self


def live_faults(settings: BankSettings) -> list[str]:
    """What forbids these settings in live mode (reliability R21)."""
    keyids = (settings.signing_key.keyid, *settings.bank_keys)
    faults = [f"{keyid}: a published test key" for keyid in keyids if keyid.startswith(THROWAWAY)]
    if urlsplit(settings.base_url).scheme != "https":
        faults.append("base_url: not https")
    if settings.tls is None:
        faults.append("tls: a client certificate is needed")
    return faults
