"""WeChat Pay merchant transfer, API v3, generation two: the payee confirms each transfer (see README.md)."""

from __future__ import annotations

from adapters.spec import AdapterSpec
from adapters.wechat.channel import NAME, VERSION, build
from adapters.wechat.config import WechatSettings, live_faults

SPEC = AdapterSpec(name=NAME, version=VERSION, settings=WechatSettings, build=build, live_faults=live_faults)
