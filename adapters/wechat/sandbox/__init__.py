"""The service from the other side: the real wire, throw-away keys, books that tell what really happened.

Run it in-process (`WechatSandbox`) or as a process of its own (`paymux sandbox wechat`). What it obeys is in the
channel's README.md.
"""

from __future__ import annotations

from adapters.wechat.sandbox.app import WechatSandbox
from adapters.wechat.sandbox.minting import mint
from adapters.wechat.sandbox.options import KeyMode, WechatSandboxOptions

__all__ = ["KeyMode", "WechatSandbox", "WechatSandboxOptions", "mint"]
