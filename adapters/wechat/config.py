"""The WeChat channel's part of config.toml: `[channels.NAME.settings]` (sheet section 15)."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from adapters.wechat.orders import beyond_plane_0
from adapters.wechat.scenes import info_types_fault, perception_fault
from adapters.wechat.signing import is_public_key_id, normal_serial
from gateway.secret import SecretRef

_LIVE = "https://api.mch.weixin.qq.com"
_SANDBOX_MCHID = "1900000001"
_SANDBOX_APPID = "wxtest"

BaseUrl = Annotated[str, StringConstraints(pattern=r"^https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?$")]
KeyId = Annotated[str, StringConstraints(pattern=r"^(PUB_KEY_ID_[0-9]{1,64}|[0-9A-Fa-f]{1,64})$")]
Text32 = Annotated[str, StringConstraints(min_length=1, max_length=32)]
Seconds = Annotated[float, Field(gt=0, le=86_400, strict=True)]

_STRICT = ConfigDict(extra="forbid", frozen=True, strict=True)


class ReportInfo(BaseModel):
    """One line of what the service is told of the reason for paying. It is read by people there: say what is true."""

    model_config = _STRICT

    info_type: Text32
    info_content: Text32


class SceneSettings(BaseModel):
    """The transfer scene, as it was granted on the merchant platform."""

    model_config = _STRICT

    id: Annotated[str, StringConstraints(min_length=1, max_length=36)]
    perception: Annotated[str, StringConstraints(min_length=1, max_length=10)] | None = None
    """What the payee is shown; without it the scene's default."""
    report_infos: Annotated[list[ReportInfo], Field(min_length=1, max_length=10)]

    @model_validator(mode="after")
    def _fits_the_scene(self) -> Self:
        fault = info_types_fault(self.id, [info.info_type for info in self.report_infos])
        fault = fault or perception_fault(self.id, self.perception)
        if fault:
            raise ValueError(fault)
        return self


class WechatSettings(BaseModel):
    """Every key of the table; unknown ones are refused."""

    model_config = _STRICT

    base_url: BaseUrl = _LIVE
    backup_base_url: BaseUrl | None = None
    """Where a query goes when the first address gives no answer. Never a create."""
    tls_ca: SecretRef | None = None
    """PEM of the only CA to trust, for a sandbox with its own; otherwise the system's are used."""
    mchid: Annotated[str, StringConstraints(pattern=r"^[0-9]{1,32}$")]
    appid: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,32}$")]
    """The app that the payees' openids belong to."""
    merchant_serial_no: Annotated[str, StringConstraints(pattern=r"^[0-9A-F]{1,64}$")]
    merchant_private_key: SecretRef
    apiv3_key: SecretRef
    platform_keys: dict[KeyId, SecretRef] = Field(default_factory=dict)
    """Public-key mode: the service's keys by id or serial, each a PEM public key or certificate. All are believed."""
    certificates: bool = False
    """Certificate mode: fetch and refresh the service's certificates. Beside `platform_keys`: a migration."""
    certificate_refresh_s: Seconds = 3600.0
    encrypt_to: KeyId | None = None
    """Which of `platform_keys` names are encrypted to and answers are expected from; by default a public key before a
    certificate, the highest id first."""
    scene: SceneSettings
    remark: Text32
    """Shown to the payee with every transfer."""
    confirm_deadline_s: Seconds = 86_400.0
    """How long the payee may take to confirm; the service closes after 24 hours."""
    not_enough_pause_s: Seconds = 60.0
    """How long an order waits for a top-up before it is sent again under its number."""
    rate_limited_pause_s: Seconds = 5.0

    @model_validator(mode="after")
    def _has_keys(self) -> Self:
        if not self.platform_keys and not self.certificates:
            raise ValueError("give platform_keys, or certificates = true")
        if self.encrypt_to is not None and self.encrypt_to not in self.platform_keys:
            raise ValueError("encrypt_to is not one of platform_keys")
        if len({normal_serial(key_id) for key_id in self.platform_keys}) != len(self.platform_keys):
            raise ValueError("platform_keys has one serial in two spellings")
        shown = [self.remark, *(info.info_content for info in self.scene.report_infos)]
        if any(map(beyond_plane_0, shown)):
            raise ValueError("the service takes no characters beyond U+FFFF (emoji) in remark and report_infos")
        return self

    @property
    def preferred_key(self) -> str | None:
        """The configured key that orders are encrypted to; None in pure certificate mode."""
        if self.encrypt_to is not None:
            return self.encrypt_to
        return max(self.platform_keys, key=lambda key_id: (is_public_key_id(key_id), key_id), default=None)


def live_faults(settings: WechatSettings) -> list[str]:
    """What keeps these settings out of live mode: plain http, and the sandbox's published identities (R21)."""
    addresses = [("base_url", settings.base_url), ("backup_base_url", settings.backup_base_url)]
    faults = [f"{name} must be https in live mode" for name, url in addresses if url and not url.startswith("https://")]
    if settings.mchid == _SANDBOX_MCHID:
        faults.append("mchid is the sandbox's")
    if settings.appid.startswith(_SANDBOX_APPID):
        faults.append("appid is the sandbox's")
    return faults
