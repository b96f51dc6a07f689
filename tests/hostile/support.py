"""What only the tests here need."""

from __future__ import annotations

from dataclasses import dataclass, replace
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path

from gateway.api.keys import KeyRecord
from tests.support.api_server import Answered, ApiServer
from tests.support.hostile import Case, react


@dataclass(frozen=True)
class Target:
    """What is attacked."""

    api: ApiServer
    folder: Path

    async def react(self, case: Case) -> Answered:
        return await react(self.api, self.folder, case)


def networks(*texts: str) -> tuple[IPv4Network | IPv6Network, ...]:
    return tuple(ip_network(text) for text in texts)


def allowed_from(record: KeyRecord, *texts: str) -> KeyRecord:
    """The same key, kept to these networks."""
    return replace(record, allow_from=networks(*texts))
