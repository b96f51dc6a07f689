"""A checkout as a reader has it, in a scratch folder: the code, the configuration, and tools by the names in use."""

from __future__ import annotations

import os
import re
import shutil
import socket
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tomlkit

from tests.acceptance.document_blocks import ROOT

LINKED = ("gateway", "adapters", "routing")

_PORT = re.compile(r"(?<=127\.0\.0\.1:)\d+|(?<=--port )\d+")


def free_ports() -> dict[str, str]:
    """The shipped ports -> ports that nobody listens on. A sandbox's control surface is ten above it."""
    moved: dict[str, str] = {}
    for shipped in ("8080", "9090", "8090", "9101", "9102"):
        while True:
            with socket.create_server(("127.0.0.1", 0)) as one:
                port = one.getsockname()[1]
                if shipped not in ("9101", "9102"):
                    break
                if port + 10 < 65536 and _is_free(port + 10):
                    moved[str(int(shipped) + 10)] = str(port + 10)
                    break
        moved[shipped] = str(port)
    return moved


def _is_free(port: int) -> bool:
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class Checkout:
    """Its folder, and where things listen in it."""

    folder: Path
    gone: int
    """A port at which acme's callbacks are answered 410."""
    ports: dict[str, str] = field(default_factory=free_ports)
    env: dict[str, str] = field(default_factory=dict, repr=False)

    def moved(self, text: str) -> str:
        """With our ports in the place of the shipped ones."""
        return _PORT.sub(lambda found: self.ports.get(found[0], found[0]), text)

    def url(self, port: str, path: str) -> str:
        return f"http://127.0.0.1:{self.ports[port]}{path}"

    def settle(self) -> None:
        """The checkout, its configuration, the tools by the names that the documents use."""
        for part in LINKED:
            (self.folder / part).symlink_to(ROOT / part)
        python = f'"{sys.executable}"'
        self._tool(".venv/bin/python", python)
        self._tool("bin/python", python)
        self._tool("bin/paymux", f"{python} -m gateway")
        self._tool("bin/curl", f"{shutil.which('curl')} --fail-with-body")  # else a refusal would end with 0
        self.env.update(os.environ, PATH=f"{self.folder / 'bin'}:{os.environ['PATH']}")
        self._configure()
        (self.folder / "letter.pdf").write_text("statement of 22 November, page 3", encoding="utf-8")
        shutil.copy(ROOT / "gateway/lab/worlds/trial.toml", self.folder / "my-world.toml")

    def _tool(self, name: str, command: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f'#!/bin/sh\nexec {command} "$@"\n', encoding="utf-8")
        path.chmod(0o755)

    def _configure(self) -> None:
        """The shipped file; its mock gives up on a lost answer at once. The new files differ in alpha's funding."""
        document: Any = tomlkit.parse(self.moved((ROOT / "config.toml").read_text(encoding="utf-8")))
        channels = document["channels"]
        channels["mock"]["poll"] = ["3s", "6h"]
        channels["mock"]["timeouts"] = {"connect": "500ms", "read": "500ms", "total": "500ms"}
        document["holds"]["unknown_after"] = "1s"
        flat = {"kind": "flat", "currency": "CNY", "amount": 300}
        channels["alpha"] = {"adapter": "mock", "currencies": ["CNY"], "methods": ["bank_account"], "fees": [flat]}
        document["apps"]["acme"] = {"callbacks": [{"url": f"http://127.0.0.1:{self.gone}/"}]}
        document["apps"]["shop"] = {}
        (self.folder / "config.toml").write_text(tomlkit.dumps(document), encoding="utf-8")
        channels["alpha"]["limits"] = {"funding": 1_000_000_000}
        for name in ("new.toml", "new-config.toml"):
            (self.folder / name).write_text(tomlkit.dumps(document), encoding="utf-8")
