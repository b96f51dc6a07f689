"""Two listeners on loopback: the channel's API, and the control surface.

The API's can be closed and opened again while everything else lives on: then connecting is refused, as it is when a
channel is down, and every open connection breaks.
"""

from __future__ import annotations

import asyncio
import ssl

from aiohttp import web

HOST = "127.0.0.1"
_SHUTDOWN_S = 1.0


class _Listener:
    """One port, one application. Its connections belong to it, and end with it."""

    def __init__(self, app: web.Application, port: int, tls: ssl.SSLContext | None) -> None:
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=_SHUTDOWN_S)
        self._tls = tls
        self._server: asyncio.Server | None = None
        self.port = port

    async def start(self) -> None:
        await self._runner.setup()
        await self.open()

    async def open(self) -> None:
        if self._server is not None:
            return
        loop = asyncio.get_running_loop()
        factory = self._runner.server
        if factory is None:
            raise RuntimeError("the listener was not started")
        self._server = await loop.create_server(factory, HOST, self.port, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Refuse new connections and break the open ones; work that is under way goes on."""
        if self._server is None:
            return
        self._server.close()
        self._server = None
        server = self._runner.server
        for connection in list(server.connections) if server is not None else ():
            connection.force_close()
        await asyncio.sleep(0)  # the loop closes a transport on its next turn

    async def stop(self) -> None:
        await self.close()
        await self._runner.cleanup()

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://{HOST}:{self.port}"


class SandboxServer:
    """The two listeners of one sandbox. Port 0 picks a free one, which stays the same over closing and opening."""

    def __init__(
        self,
        api: web.Application,
        control: web.Application,
        *,
        port: int = 0,
        control_port: int = 0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._api = _Listener(api, port, tls)
        self._control = _Listener(control, control_port, None)

    async def start(self) -> None:
        await self._api.start()
        await self._control.start()

    async def stop(self) -> None:
        await self._api.stop()
        await self._control.stop()

    async def close_listener(self) -> None:
        await self._api.close()

    async def open_listener(self) -> None:
        await self._api.open()

    @property
    def base_url(self) -> str:
        return self._api.url

    @property
    def control_url(self) -> str:
        return self._control.url
