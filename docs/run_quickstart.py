"""Run docs/quickstart.md to the letter, in a scratch folder, on free ports; compare what it prints with what it says.

python docs/run_quickstart.py              with this interpreter's packages, where the page installs them
python docs/run_quickstart.py --install    installs them, as the page says
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "quickstart.md"
PORTS = ("8080", "9090", "8090")
CHECKOUT = ("gateway", "adapters", "routing", "requirements")
BLOCK_MAX_S = 90.0

_BLOCK = re.compile(r"^```(sh|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_ENDED = re.compile(rb"\n--- (\d+)\n\Z")


def main(arguments: list[str]) -> int:
    """The exit code: 0, 1 for a page that does not hold, 2 for a wrong use."""
    if arguments not in ([], ["--install"]):
        print("usage: [--install]", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as name:
        folder, ports = Path(name), free_ports()
        settle(folder, ports, install=bool(arguments))
        return follow(folder, ports, install=bool(arguments))


def free_ports() -> dict[str, str]:
    """The page's ports -> ports that nobody listens on."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in PORTS]
    found = {port: str(each.getsockname()[1]) for port, each in zip(PORTS, sockets, strict=True)}
    for each in sockets:
        each.close()
    return found


def settle(folder: Path, ports: dict[str, str], *, install: bool) -> None:
    """What a checkout has, as far as the page needs it."""
    for part in CHECKOUT:
        (folder / part).symlink_to(ROOT / part)
    config = folder / "config.toml"
    config.write_text(moved((ROOT / "config.toml").read_text(encoding="utf-8"), ports), encoding="utf-8")
    if not install:
        python = folder / ".venv" / "bin" / "python"
        python.parent.mkdir(parents=True)
        python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n', encoding="utf-8")
        python.chmod(0o755)


def moved(text: str, ports: dict[str, str]) -> str:
    return re.sub(r"(?<=127\.0\.0\.1:)(\d+)", lambda found: ports.get(found[1], found[1]), text)


def follow(folder: Path, ports: dict[str, str], *, install: bool) -> int:
    """One shell for the whole page, as a reader has one; whatever it started is ended with it."""
    shell = Shell(folder)
    try:
        printed, blocks = "", 0
        for kind, text in _BLOCK.findall(PAGE.read_text(encoding="utf-8")):
            if kind == "text":
                if printed.strip() != text.strip():
                    return refuse(shell, f"it printed\n{printed}\nwhere the page says\n{text}")
            elif install or "pip install" not in text:
                printed, blocks = shell.run(with_ports(moved(text, ports), ports)), blocks + 1
                if shell.failed:
                    return refuse(shell, f"this failed:\n{text}\n{printed}")
        print(f"quickstart: {blocks} blocks ran and printed what the page says")
        return 0
    finally:
        shell.end()


def with_ports(text: str, ports: dict[str, str]) -> str:
    """A program that listens where the page says, unless it is told otherwise, is told otherwise."""
    return text.replace("gateway.demo.upstream ", f"gateway.demo.upstream --port {ports['8090']} ")


def refuse(shell: Shell, why: str) -> int:
    print(f"quickstart: {why}")
    for log in ("gateway.log", "app.log"):
        path = shell.folder / log
        if path.is_file():
            print(f"--- {log}\n{path.read_text(encoding='utf-8')[-4000:]}")
    return 1


class Shell:
    """A bash that is fed block by block."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.failed = False
        self._bash = shutil.which("bash") or "bash"
        self._process = subprocess.Popen(  # noqa: S603 - the page's own commands, which are what is tried
            [self._bash, "--noprofile", "--norc"],
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def run(self, block: str) -> str:
        """What the block printed; `failed` when its last command failed or it took too long."""
        assert self._process.stdin is not None  # noqa: S101 - it was asked for above
        assert self._process.stdout is not None  # noqa: S101 - as above
        self._process.stdin.write(f"{block}\nprintf '\\n--- %s\\n' $?\n".encode())
        self._process.stdin.flush()
        told, end_s = b"", time.monotonic() + BLOCK_MAX_S
        os.set_blocking(self._process.stdout.fileno(), False)
        while not (done := _ENDED.search(told)) and time.monotonic() < end_s:
            told += self._process.stdout.read() or b""
            time.sleep(0.05)
        self.failed = done is None or done[1] != b"0"
        return _ENDED.sub(b"", told).decode(errors="replace")

    def end(self) -> None:
        """End it, and everything it started: they are one session."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
