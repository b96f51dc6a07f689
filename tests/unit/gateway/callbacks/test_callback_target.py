"""Where callbacks may go: the table of hostile inputs 51-56."""

from __future__ import annotations

import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.callbacks.sender import GuardedDial
from gateway.callbacks.target import RefusedTarget, check_address, check_url

PUBLIC = ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "2a00:1450::1"]

LOOPBACK = ["127.0.0.1", "127.255.255.254", "::1"]

PRIVATE = [
    "0.0.0.0",  # noqa: S104 - an address to refuse, nothing is bound
    "10.0.0.1",
    "100.64.0.1",
    "100.127.255.255",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.0.1",
    "198.18.0.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::8.8.8.8",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:8.8.8.8",
    "64:ff9b::7f00:1",
    "64:ff9b::808:808",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:0:7f00:1::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:808:808::1",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd00::1",
    "fe80::1",
    "fe80::1%2",
    "fec0::1",
    "ff02::1",
    "ff0e::1",
]


@pytest.mark.parametrize("live", [True, False])
@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_are_refused_in_both_modes(address: str, live: bool) -> None:
    """Our own network, the cloud's metadata, multicast, and addresses that carry another address inside."""
    with pytest.raises(RefusedTarget):
        check_address(address, live)


@pytest.mark.parametrize("address", LOOPBACK)
def test_loopback_is_for_the_sandbox_only(address: str) -> None:
    """A laptop may call itself; a live gateway may not."""
    check_address(address, live=False)
    with pytest.raises(RefusedTarget, match="loopback"):
        check_address(address, live=True)


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_pass(address: str) -> None:
    """The guard does not refuse everything."""
    check_address(address, live=True)
    check_address(address, live=False)


@given(st.ip_addresses(v=4, network="10.0.0.0/8") | st.ip_addresses(v=6, network="64:ff9b::/96"))
def test_whole_networks_are_refused(address: object) -> None:
    """Not the examples only: every address of a refused network."""
    with pytest.raises(RefusedTarget):
        check_address(str(address), live=True)


@pytest.mark.parametrize("address", [*PRIVATE, *LOOPBACK])
def test_the_dial_is_where_it_is_refused(address: str) -> None:
    """No socket is made for a refused address, whatever name or literal led to it."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with pytest.raises(RefusedTarget):
        GuardedDial(live=True)((family, socket.SOCK_STREAM, 6, "", (address, 443)))


@pytest.mark.parametrize("address", PUBLIC)
def test_the_dial_makes_a_socket_for_a_public_address(address: str) -> None:
    """A socket of the right family, not yet connected."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with GuardedDial(live=True)((family, socket.SOCK_STREAM, 6, "", (address, 443))) as made:
        assert made.family is family


@pytest.mark.parametrize(
    "url",
    [
        "https://acme.example/callbacks",
        "https://acme.example",
        "https://acme.example:8443/a?b=c&d=%20",
        "https://xn--bcher-kva.example/",
        "https://8.8.8.8/x",
        "https://[2606:4700:4700::1111]:443/x",
    ],
)
def test_plain_https_urls_pass(url: str) -> None:
    """What an app would configure."""
    check_url(url, live=True)


@pytest.mark.parametrize(
    "url", ["http://acme.example/", "http://127.0.0.1:8090/x", "http://localhost:8090/x", "http://[::1]/"]
)
def test_plain_http_and_the_own_machine_are_for_the_sandbox(url: str) -> None:
    """Live callbacks go by https to the outside."""
    check_url(url, live=False)
    with pytest.raises(RefusedTarget):
        check_url(url, live=True)


@pytest.mark.parametrize(
    "url",
    [
        "http://2130706433/",
        "http://0x7f.1/",
        "http://0x7f000001/",
        "http://127.1/",
        "http://0/",
        "http://0177.0.0.1/",
        "http://127.0.0.01/",
        "http://①②⑦.⓪.⓪.①/",
        "http://127。0。0。1/",
        "http://user:pw@acme.example/",
        "http://acme.example@127.0.0.1/",
        "http://acme.example:/",
        "http://acme.example:0/",
        "http://acme.example:65536/",
        "http://acme.example:00080/",
        "http://acme.example:99999/",
        "http://acme.example./",
        "http://.acme.example/",
        "http://acme..example/",
        "http://-acme.example/",
        "http://ACME.example/",
        "http://acme_x.example/",
        "http://acme.example\\@127.0.0.1/",
        "http://acme.example#@127.0.0.1/",
        "http://acme.example/ x",
        "http://acme.example/\r\nX: y",
        "http://acme.example/\n",
        "http://[::ffff:127.0.0.1]/",
        "http://[fe80::1%25eth0]/",
        "http://[::1/",
        "http://[0:0:0:0:0:0:0:1]/",
        "http://[2606:4700:4700:0::1111]/",
        "http://169.254.169.254/latest/meta-data",
        "file:///etc/passwd",
        "gopher://acme.example/",
        "ftp://acme.example/",
        "HTTP://acme.example/",
        "//acme.example/",
        "http:acme.example",
        "http://",
        "",
    ],
)
def test_a_url_that_can_be_read_in_two_ways_is_refused(url: str) -> None:
    """Numeric, non-ASCII, dressed-up and relative forms, in the sandbox as in live mode."""
    for written in (url, url.replace("http://", "https://", 1)):
        for live in (True, False):
            with pytest.raises(RefusedTarget):
                check_url(written, live)
