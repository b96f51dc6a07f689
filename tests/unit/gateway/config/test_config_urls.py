"""Only URLs and addresses that every client reads the same way (hostile inputs 51-56)."""

from __future__ import annotations

import pytest

from gateway.config.urls import Address, BadAddress, is_private, parse_address, split_url

GOOD = [
    "http://127.0.0.1:8090/callbacks",
    "https://acme.example/payouts?x=1",
    "https://acme.example",
    "https://[2001:db8::1]:8443/x",
    "https://xn--fiq228c.example/",
    "http://localhost:1/",
]

BAD = [
    "http://2130706433/",
    "http://0x7f.1/",
    "http://127.1/",
    "http://0/",
    "http://127.0.0.01/",
    "http://①②⑦.⓪.⓪.①/",
    "http://[::ffff:7f00:1",
    "http://[0:0:0:0:0:0:0:1]/",
    "http://Acme.example/",
    "http://acme.example:080/",
    "http://acme.example:/",
    "http://acme.example:99999/",
    "http://acme.example:0/",
    "http://acme.example:22/",
    "http://acme.example:25/",
    "http://acme.example:6379/",
    "http://user:pw@acme.example/",
    "http://@acme.example/",
    "http://acme.example/#x",
    "http://acme.example/#",
    "http://acme.example\\@evil.example/",
    "http://acme.example/ x",
    "http://acme.example/\n",
    "http://a_b.example/",
    "http://-a.example/",
    "http://a..example/",
    "http://.example/",
    "http:///path",
    "http:acme.example",
    "HTTP://acme.example",
    "file:///etc/passwd",
    "gopher://acme.example/",
    "//acme.example/",
    "acme.example",
    "",
]


@pytest.mark.parametrize("url", GOOD)
def test_plain_urls_are_taken(url: str) -> None:
    """A name, a canonical address, a port, a path, a query."""
    assert split_url(url).geturl() == url


@pytest.mark.parametrize("url", BAD)
def test_anything_that_can_be_read_in_two_ways_is_refused(url: str) -> None:
    """Odd spellings of addresses, user info, fragments, odd ports, other schemes."""
    with pytest.raises(BadAddress):
        split_url(url)


@pytest.mark.parametrize(
    "text",
    ["127.0.0.1", ":8080", "127.0.0.1:65536", "127.0.0.1:-1", "127.1:80", "::1:80", "example.com:80", 8080, None],
)
def test_listeners_are_an_ip_address_and_a_port(text: object) -> None:
    """No name but localhost: what is bound must not depend on a resolver."""
    with pytest.raises(BadAddress):
        parse_address(text)


@pytest.mark.parametrize(
    ("one", "other", "clash"),
    [
        ("127.0.0.1:80", "127.0.0.1:80", True),
        ("127.0.0.1:80", "127.0.0.1:81", False),
        ("127.0.0.1:80", "127.0.0.2:80", False),
        ("0.0.0.0:80", "127.0.0.1:80", True),
        ("[::]:80", "127.0.0.1:80", True),
        ("127.0.0.1:0", "127.0.0.1:0", False),
    ],
)
def test_two_listeners_clash_when_they_cannot_both_be_bound(one: str, other: str, clash: bool) -> None:
    """The wildcard takes a port on every host; port 0 never clashes."""
    assert parse_address(one).clashes(parse_address(other)) is clash
    assert parse_address(other).clashes(parse_address(one)) is clash


@pytest.mark.parametrize(
    ("host", "private"),
    [
        ("127.0.0.1", True),
        ("10.0.0.1", True),
        ("100.64.0.1", True),
        ("169.254.169.254", True),
        ("224.0.0.1", True),
        ("::1", True),
        ("localhost", True),
        ("8.8.8.8", False),
        ("acme.example", False),
    ],
)
def test_private_addresses_are_known(host: str, private: bool) -> None:
    """Literals only; names are checked at the address that is dialled."""
    assert is_private(host) is private


def test_an_address_is_written_as_it_was_read() -> None:
    """IPv6 in brackets."""
    assert str(Address("::1", 80)) == "[::1]:80"
    assert parse_address("[::1]:80") == Address("::1", 80)
