"""Somebody who does what a page says, command by command, in a checkout."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from tests.acceptance.document_blocks import Block, commands, words
from tests.acceptance.document_checkout import Checkout

ENDLESS = {
    "-m gateway serve": "http://127.0.0.1:9090/readyz",
    "-m gateway sandbox wechat": "http://127.0.0.1:9111/health",
    "-m gateway sandbox bank": "http://127.0.0.1:9112/health",
    "-m gateway.demo.upstream": "http://127.0.0.1:8090/seen",
}
"""Commands that go on until they are stopped -> what answers when they are up."""
BASH = shutil.which("bash") or "bash"
WAIT_S = 90.0


@dataclass(frozen=True, slots=True)
class Ran:
    """A command that ended, or is up."""

    command: str
    code: int
    told: str
    """On both streams."""


@dataclass(frozen=True, slots=True)
class Part:
    """A command that goes on."""

    command: str
    process: subprocess.Popen[bytes]
    log: Path


@dataclass(slots=True)
class Reader:
    """What was done, what runs, and what the words with `…` stand for."""

    checkout: Checkout
    known: dict[str, str] = field(default_factory=dict)
    parts: dict[str, Part] = field(default_factory=dict)
    """By what answers."""
    ran: dict[tuple[str, ...], Ran] = field(default_factory=dict)
    http: httpx.Client = field(default_factory=lambda: httpx.Client(trust_env=False))

    def follow(self, block: Block, more: Mapping[str, str] | None = None) -> list[Ran]:
        """Its commands, one after the other. One that was run before, word for word, is not run again."""
        found = []
        for command in commands(block.text):
            added = [words for begin, words in (more or {}).items() if command.startswith(begin)]
            url = next((url for part, url in ENDLESS.items() if part in command), None)
            found.append(self._keep(command, url) if url else self.run(" ".join([command, *added])))
        return found

    def run(self, command: str) -> Ran:
        """A command that ends."""
        if words(command) not in self.ran:
            ended = subprocess.run(
                [BASH, "-c", self._filled(command)],
                cwd=self.checkout.folder,
                env=self.checkout.env,
                capture_output=True,
                text=True,
                timeout=WAIT_S,
                check=False,
            )
            told = ended.stdout + ended.stderr
            assert "Traceback" not in told, told
            self.ran[words(command)] = Ran(command, ended.returncode, told)
            if asked_for := re.search(r"rq_\w+", told):
                self.known["rq_…"] = asked_for[0]
        return self.ran[words(command)]

    def _filled(self, command: str) -> str:
        """What it stands for here: ids and times of ours, on ports of ours."""
        for shown, meant in self.known.items():
            command = command.replace(shown, meant)
        return self.checkout.moved(command)

    def _keep(self, command: str, url: str) -> Ran:
        """Have it running; another command at the same address is stopped for it."""
        there = self.parts.get(url)
        if there is None or words(there.command) != words(command):
            self.stop(url)
            self.parts[url] = part = self._begun(command)
            self.until(f"{command} answers", lambda: self._answers(url, part))
        return Ran(command, 0, "")

    def _begun(self, command: str) -> Part:
        port = " --port 8090" if "upstream" in command and "--port" not in command else ""  # its default
        path = self.checkout.folder / f"{'-'.join(words(command)[1:4])}.log"
        with path.open("ab") as log:
            process = subprocess.Popen(
                [BASH, "-c", f"exec {self._filled(command + port)}"],
                cwd=self.checkout.folder,
                env=self.checkout.env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        return Part(command, process, path)

    def _answers(self, url: str, part: Part) -> bool:
        assert part.process.poll() is None, part.log.read_text(encoding="utf-8")[-3000:]
        try:
            return self.http.get(self.checkout.moved(url)).is_success
        except httpx.TransportError:
            return False

    def until(self, what: str, holds: Callable[[], bool]) -> None:
        end_s = time.monotonic() + WAIT_S
        while not holds():
            assert time.monotonic() < end_s, f"in vain: {what}"
            time.sleep(0.1)

    def stop(self, url: str, number: signal.Signals = signal.SIGTERM) -> None:
        """End what answers there, and see it end as it should; nothing when nothing does."""
        part = self.parts.pop(url, None)
        if part is not None:
            part.process.send_signal(number)
            assert part.process.wait(WAIT_S) == (0 if number is signal.SIGTERM else -number), part.command

    def close(self) -> None:
        """At the end, whatever happened."""
        self.http.close()
        for part in self.parts.values():
            part.process.kill()
            part.process.wait()
