"""Notifications come to the operation raw, and their channel's own answer goes out as it is."""

from __future__ import annotations

import pytest

from gateway.domain.errors import StoreUnavailable
from tests.support.api_server import NOTIFY_TOKEN, ApiServer, http

TARGET = f"/notify/ear/{NOTIFY_TOKEN}"


async def test_raw_in_reply_out(api: ApiServer) -> None:
    """Method, target, every header in order and the body arrive as they were sent; the reply leaves as it was made."""
    body = b'<a b="\xff">\r\n</a>'
    data = http("POST", f"{TARGET}?x=%41&x=b", body, {"X-Sig": "one", "Content-Type": "text/xml; charset=gbk"})
    data = data.replace(b"X-Sig: one\r\n", b"X-Sig: one\r\nx-sig: tw\xe9\r\n")
    answer = await api.raw(data)
    (heard,) = api.ear.heard
    assert (heard.method, heard.target, heard.body) == ("POST", f"{TARGET}?x=%41&x=b", body)
    assert [pair for pair in heard.headers if pair[0].lower() == "x-sig"] == [("X-Sig", "one"), ("x-sig", "tw\xe9")]
    assert heard.received_at == api.clock.now()
    assert (answer.status, answer.body) == (418, b"<heard/>")
    assert (answer.headers["content-type"], answer.headers["x-ear"]) == ("text/xml", "not_signed")
    assert "server" not in answer.headers


@pytest.mark.parametrize(
    "target",
    [
        "/notify/ear/tok_4f0c2a9e7c",
        f"/notify/ear/{NOTIFY_TOKEN}x",
        f"/notify/ear/{NOTIFY_TOKEN[:-1]}",
        f"/notify/mock/{NOTIFY_TOKEN}",
        "/notify/mock/",
        "/notify/ear",
        f"/notify/ear/{NOTIFY_TOKEN}/",
        "/notify/gone/tok_of_a_channel_that_is_gone",
    ],
)
async def test_wrong_token_or_channel(api: ApiServer, target: str) -> None:
    """One 404 for a wrong token, a wrong channel, and one that is no longer configured; nothing is heard."""
    answer = await api.send("POST", target, b"x")
    assert (answer.status, answer.json()["code"]) == (404, "not_found")
    assert api.ear.heard == []


async def test_size(api: ApiServer) -> None:
    """Row 81: 1 MiB is heard, one byte more is not."""
    assert (await api.send("POST", TARGET, b"x" * 1024 * 1024)).status == 418
    assert (await api.send("POST", TARGET, b"x" * (1024 * 1024 + 1))).status == 413
    assert len(api.ear.heard) == 1


async def test_method(api: ApiServer) -> None:
    """Only POST; and not even that without the signature that the channel checks itself."""
    answer = await api.send("GET", TARGET)
    assert (answer.status, answer.headers["allow"]) == (405, "POST")


async def test_channel_in_trouble(api: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error that escapes an adapter is a 500 problem, so that the channel sends it again."""

    async def broken(raw: object) -> None:
        raise StoreUnavailable("boom")

    monkeypatch.setattr(api.ear, "read_notification", broken)
    answer = await api.send("POST", TARGET, b"x")
    assert answer.status == 503
