"""TLS of the public listener. A renewed certificate is served from the next handshake on; no connection ends for it."""

from __future__ import annotations

import ssl

from gateway.config.config import Config
from gateway.config.errors import ConfigError
from gateway.config.resolve import ResolvedSecrets


def server_context(config: Config, secrets: ResolvedSecrets) -> ssl.SSLContext | None:
    """None without `tls`.

    Raises:
        ConfigError: certificate and key do not fit each other, or are no PEM.
    """
    files = secrets.tls
    if files is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(files.cert, files.key)
    except OSError as error:  # ssl's own errors are some of these
        why = getattr(error, "reason", None) or error.strerror
        raise ConfigError([config.fault(("gateway", "tls"), f"certificate and key cannot be used: {why}")]) from error
    return context


class ServerTls:
    """A listener keeps the context it began with; each of its handshakes is done with the newest one."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self.context = context
        self._newest = context
        context.sni_callback = self._choose  # called whether or not the client names a server

    def renew(self, context: ssl.SSLContext) -> None:
        """From the next handshake on."""
        self._newest = context

    def _choose(self, connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        connection.context = self._newest
