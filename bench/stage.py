"""A gateway of its own in a folder of its own: one process, one mock channel or a few, one app with one key."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

APP = "bench"
KEY_ID = "bench-1"
SECRET = b"the secret of a benchmark, 32 bytes and more"
START_S = 300.0

CONFIG = """\
version = 1

[gateway]
mode = "sandbox"
listen = "127.0.0.1:{public}"
admin_listen = "127.0.0.1:{admin}"

[limits]
connections = 12000
connections_per_address = {per_address}

{channels}
[apps.bench]
limits = {{ rps = 100000, in_flight = 10000 }}
keys = [{{ id = "bench-1", algorithm = "hmac-sha256", secret = "file:bench.secret" }}]
"""


MOCK = """\
[channels.mock]
adapter = "mock"
currencies = ["CNY"]
methods = ["bank_account"]
limits = { min = 1, max = 1000000000, rps = 100000, in_flight = 1000 }
poll = ["5m"]

[[channels.mock.fees]]
kind = "flat"
currency = "CNY"
amount = 1

[channels.mock.settings]
usual_s = 0.05
"""


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
    return port


@dataclass(slots=True)
class Stage:
    """Where it runs, and its process while it does."""

    folder: Path
    public: int
    admin: int
    process: subprocess.Popen[bytes] | None = None
    options: tuple[str, ...] = ()
    """Of `serve`."""

    @property
    def database(self) -> Path:
        return self.folder / "state/paymux.db"

    @property
    def log(self) -> Path:
        """Not beside config.toml: every line would be an event in a folder that is watched."""
        return self.folder / "state/log"

    def start(self) -> float:
        """Start it; how many seconds until it said that it is ready. Raises RuntimeError when it never does."""
        began_s = time.monotonic()
        config = str(self.folder / "config.toml")
        command = [sys.executable, "-m", "gateway", "serve", "--config", config, *self.options]
        self.log.parent.mkdir(mode=0o700, exist_ok=True)
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(command, stdout=output, stderr=output)  # noqa: S603 - our own
        while time.monotonic() - began_s < START_S:
            if self.process.poll() is not None:
                break
            if self._ready():
                return time.monotonic() - began_s
            time.sleep(0.05)
        raise RuntimeError(self.log.read_text(errors="replace")[-2000:])

    def _ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.admin}/readyz", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def stop(self) -> float:
        """SIGTERM, and wait for its end; how long that took."""
        assert self.process is not None  # noqa: S101 - it was started
        began_s = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=120)
        self.process = None
        return time.monotonic() - began_s

    def rss_mb(self) -> float:
        """Its resident memory."""
        assert self.process is not None  # noqa: S101 - it was started
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
        return int(line.split()[1]) / 1024

    def cpu_s(self) -> float:
        """Processor time it has used."""
        assert self.process is not None  # noqa: S101 - it was started
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def stage(per_address: int = 12000, channels: str = MOCK) -> Iterator[Stage]:
    """A folder with a configuration of these channels; whatever still runs at the end is killed."""
    with TemporaryDirectory(prefix="paymux-bench-") as name:
        folder = Path(name)
        made = Stage(folder, free_port(), free_port())
        config = CONFIG.format(public=made.public, admin=made.admin, per_address=per_address, channels=channels)
        (folder / "config.toml").write_text(config)
        (folder / "bench.secret").write_bytes(SECRET)
        (folder / "bench.secret").chmod(0o600)
        try:
            yield made
        finally:
            if made.process is not None:
                made.process.kill()
                made.process.wait()
