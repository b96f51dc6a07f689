"""A certificate that is renewed in its file is served from the next handshake on, and nothing is closed for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from adapters.sandbox.keys import certificate, private_pem
from gateway.app import Gateway
from gateway.config.errors import ConfigError
from gateway.config.load import load
from gateway.world import system_world
from tests.support.config_files import write
from tests.support.live_gateway import FILE, LiveGateway, live_gateway
from tests.support.patience import PATIENCE_S
from tests.support.wire_tls import authority, trusting

TLS = FILE.replace(
    "[channels.alpha]\n", '[gateway.tls]\ncert = "chain.pem"\nkey = "file:key.pem"\n[channels.alpha]\n', 1
)


def issue(folder: Path, *, fitting: bool = True) -> int:
    """A new certificate and its key (or another key), renamed over the old ones; the certificate's serial number."""
    key = ec.generate_private_key(ec.SECP256R1())
    made = certificate("peer", key, authority())
    other = key if fitting else ec.generate_private_key(ec.SECP256R1())
    for name, content in (("chain.pem", made.public_bytes(Encoding.PEM)), ("key.pem", private_pem(other))):
        new = folder / f"{name}.new"
        new.write_bytes(content)
        new.chmod(0o600)
        new.replace(folder / name)
    return made.serial_number


async def connect(live: LiveGateway, name: str = "localhost") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """As a client does that trusts the CA. It says the name it knows, but an address is no name (RFC 6066)."""
    port = live.gateway._listeners[0].port
    return await asyncio.open_connection("127.0.0.1", port, ssl=trusting(authority()), server_hostname=name)


async def served(live: LiveGateway, name: str = "localhost") -> int:
    """The serial number of the certificate that a new connection is shown."""
    _, writer = await connect(live, name)
    shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    return x509.load_der_x509_certificate(shown).serial_number


@pytest.fixture
async def live(tmp_path: Path) -> AsyncIterator[LiveGateway]:
    issue(tmp_path)
    async with live_gateway(tmp_path, TLS) as opened:
        await opened.gateway.start()
        yield opened


async def test_it_is_served_from_the_next_handshake_on(live: LiveGateway) -> None:
    """To clients that name the server and to those that do not; a connection that stands goes on."""
    reader, writer = await connect(live)
    serial = issue(live.folder)
    assert await served(live) != serial
    done = await live.gateway.reloader.reload("signal")
    assert done.changes == ("gateway.tls: another secret",)
    assert [await served(live), await served(live, "127.0.0.1")] == [serial, serial]
    writer.write(b"GET /nothing HTTP/1.1\r\nHost: gateway\r\n\r\n")
    async with asyncio.timeout(PATIENCE_S):
        assert (await reader.readline()).startswith(b"HTTP/1.1 404")
    writer.close()


async def test_one_that_does_not_fit_its_key_is_refused(live: LiveGateway) -> None:
    """The old one is served on, and the new pair when it fits."""
    before = await served(live)
    issue(live.folder, fitting=False)
    with pytest.raises(ConfigError, match=r"gateway\.tls: certificate and key cannot be used"):
        await live.gateway.reloader.reload("signal")
    assert await served(live) == before
    serial = issue(live.folder)
    await live.gateway.reloader.look()
    assert await served(live) == serial


async def test_a_start_refuses_it_before_a_port_is_bound(tmp_path: Path) -> None:
    """With its line, as every other fault."""
    issue(tmp_path, fitting=False)
    with pytest.raises(ConfigError, match=r"gateway\.tls: certificate and key cannot be used"):
        await Gateway.open(load(write(tmp_path, TLS), {}), system_world())
