"""Imported by the process that gateways are forked from: everything `serve` would import."""

import anyio._backends._asyncio  # noqa: F401 - what the HTTP clients import when they are first used
import httpcore  # noqa: F401

from gateway.__main__ import build
from gateway.app import Gateway
from gateway.config.load import load
from gateway.shipped import shipped_config

build()
load(shipped_config())
assert Gateway is not None  # imported for what it imports
