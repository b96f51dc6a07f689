"""Whatever stands at the other end of the line: a channel believes nothing of it.

Over raw sockets, where the kit's own hostile channel speaks through the client.
"""

from __future__ import annotations

from gateway.domain.outcome import Heard, OutcomeKind, classify
from tests.support import wire
from tests.support.channel_kit import World, over_a_network
from tests.support.wire import OK, Line, blurting, peer, saying

K = OutcomeKind

HEAD = b"HTTP/1.1 "
END = b"\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
HOSTILE: dict[str, wire.Play] = {
    "closed": wire.hanging_up,
    "reset": wire.resetting,
    "dropped": wire.dropping,
    "garbage": blurting(b"\x16\x03\x01\x00\xff\r\n\r\n"),
    "half an answer": blurting(OK[:40]),
    "unsigned": saying(OK),
    "endless": saying(HEAD + b"200 OK\r\n\r\n" + b"x" * 3_000_000),
    "compressed": saying(HEAD + b"200 OK\r\nContent-Encoding: gzip" + END),
    "nested": saying(HEAD + b"200 OK\r\nContent-Length: 100000\r\n\r\n" + b"[" * 100_000),
    "not utf-8": saying(HEAD + b"200 OK\r\nX-Request-ID: \xff\xfe\r\nContent-Length: 2\r\n\r\n\xff\xfe"),
    **{f"status {status}": saying(HEAD + str(status).encode() + b" X" + END) for status in range(200, 600, 33)},
    **{f"status {status}": saying(HEAD + str(status).encode() + b" X" + END) for status in (201, 202, 400, 401, 403)},
    **{f"status {status}": saying(HEAD + str(status).encode() + b" X" + END) for status in (404, 409, 429, 500, 503)},
}


@over_a_network
async def test_submit_never_raises_whatever_the_peer_does(world: World) -> None:
    """Nothing on the line is an exception, a success, a refusal that is believed, or proof of "not sent"."""
    played: list[wire.Play] = []

    async def whatever(line: Line) -> None:
        await played[-1](line)

    async with peer(whatever) as made:
        channel = world.build(made.base)
        for name, play in HOSTILE.items():
            played.append(play)
            before = len(made.lines)
            sent = world.sent(channel=channel)
            answer = await channel.submit(channel.sign(sent))
            believed = classify(answer, 1, 1, channel.ground.absence)
            assert (answer.heard, believed.kind) == (Heard.SUBMIT, K.UNCLEAR), name
            assert len(made.lines) == before + 1, f"{name}: sent more than once"
            for said in (await channel.query(sent), await channel.cancel(sent)):
                assert classify(said, 0, 1, channel.ground.absence).kind is K.UNCLEAR, name
