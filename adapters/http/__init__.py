"""HTTP to channels: the port (`port`), and what stands under it: httpx, or aiohttp's client."""

from collections.abc import Callable, Mapping

from adapters.http.over_aiohttp import AiohttpFactory, AiohttpHttp
from adapters.http.over_httpx import HttpxFactory, HttpxHttp
from adapters.http.port import ANSWER_MAX_BYTES, HEADERS, ChannelHttp, HttpAnswer, HttpClientFactory, NoAnswer

FACTORIES: Mapping[str, Callable[[float, float, float, int], HttpClientFactory]] = {
    "aiohttp": AiohttpFactory,
    "httpx": HttpxFactory,
}
"""What may stand under the port, by the name that `transport` of a channel has for it."""

__all__ = [
    "ANSWER_MAX_BYTES",
    "FACTORIES",
    "HEADERS",
    "AiohttpFactory",
    "AiohttpHttp",
    "ChannelHttp",
    "HttpAnswer",
    "HttpClientFactory",
    "HttpxFactory",
    "HttpxHttp",
    "NoAnswer",
]
