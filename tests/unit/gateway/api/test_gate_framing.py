"""What counts as one whole request: nothing that anybody could read in two ways."""

from __future__ import annotations

import pytest

from gateway.api.gate import whole_request

ORDER = b"POST /v1/payouts HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}"


@pytest.mark.parametrize(
    "data",
    [
        ORDER,
        ORDER.replace(b"Content-Length: 2", b"CONTENT-LENGTH:2"),
        b"GET /v1/payouts HTTP/1.1\r\nHost: a\r\n\r\n",
    ],
)
def test_a_whole_request_is_known_by_its_head(data: bytes) -> None:
    """Its head comes back, with the line end of its last field."""
    assert whole_request(data) == data[: data.index(b"\r\n\r\n") + 2]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        ORDER[:-1],
        ORDER + b"G",
        ORDER + ORDER,
        ORDER[: ORDER.index(b"\r\n\r\n")],
        ORDER.replace(b": 2", b": +2"),
        ORDER.replace(b": 2", b": 2, 2"),
        ORDER.replace(b": 2", b": 0x2"),
        ORDER.replace(b"Length: 2", b"Length : 2"),
        ORDER.replace(b"Host: a\r\n", b"Content-Length: 2\r\n"),
        ORDER.replace(b"Host: a\r\n", b"Content-Length: 0\r\n"),
        ORDER.replace(b"Host: a\r\n", b"Host: a\n Content-Length: 7\r\n"),
        ORDER.replace(b"Host: a", b"Transfer-Encoding: chunked"),
        ORDER.replace(b"Host: a", b"X: \ntransfer-encoding: chunked"),
        ORDER.replace(b"Host: a", b"Expect: 100-continue"),
        ORDER.replace(b"Host: a", b"Host: \0"),
    ],
)
def test_what_could_be_read_in_two_ways_is_left_to_the_parser(data: bytes) -> None:
    """Missing ends, what comes behind, lengths said twice or strangely, codings: none of it is judged here."""
    assert whole_request(data) is None
