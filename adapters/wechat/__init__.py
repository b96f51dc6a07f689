"""WeChat Pay merchant transfer, API v3, generation two: the payee confirms each transfer (see README.md)."""

from __future__ import annotations

from adapters.spec import AdapterSpec, Sandbox, SandboxPlace
from adapters.wechat.channel import NAME, VERSION, build
from adapters.wechat.config import WechatSettings, live_faults
from adapters.wechat.sandbox import WechatSandbox, WechatSandboxOptions, mint


def sandbox(place: SandboxPlace) -> Sandbox:
    """The sandbox of the service, standing at `place`. Orders say themselves where notifications go."""
    options = WechatSandboxOptions(
        keys=place.keys,
        port=place.port,
        control_port=place.control_port,
        tls=place.tls,
        amount_magic=place.amount_magic,
    )
    return WechatSandbox(options, place.clock)


SPEC = AdapterSpec(
    NAME, VERSION, WechatSettings, build, live_faults, mint, sandbox, "adapters.wechat.conformance:SUBJECT"
)
