"""The published OpenAPI document against the real server: `python -m tests.fuzz.api --examples 100`.

A gateway is started as a process of its own, in a folder of its own; schemathesis reads its /openapi.json and calls it,
every request signed by a hook (`tests.fuzz.hooks`) but those that are to be refused for want of it. Nothing may fail,
and the gateway's own log must not know of a single 5xx.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from gateway.demo.stage import Stage
from tests.fuzz.signing import KEY_ID, SECRET, SIGN_ME

ROOT = Path(__file__).parents[2]
CHECKS = "all"
SEED = 20_261_122


@dataclass(frozen=True, slots=True)
class Told:
    """What one run came to."""

    code: int
    """schemathesis' own exit code: 0 when nothing failed."""
    report: str
    statuses: Counter[int]
    """What the gateway answered, by its own log."""
    server_errors: tuple[str, ...]
    """The gateway's log lines about answers of 500 and more, and about faults nobody caught."""

    @property
    def requests(self) -> int:
        """How many were answered."""
        return self.statuses.total()

    @property
    def share_2xx(self) -> float:
        """Of all answers: those that gave what was asked for."""
        return sum(count for status, count in self.statuses.items() if status < 300) / max(self.requests, 1)

    @property
    def clean(self) -> bool:
        return self.code == 0 and not self.server_errors and self.requests > 0


async def fuzz(folder: Path, examples: int, seed: int, *, seconds: int = 0, phases: str = "") -> Told:
    """Start a gateway in `folder`, let schemathesis call it, stop it, read its log."""
    async with Stage(folder) as stage:
        _add_key(stage.config, folder)
        await stage.start_gateway()
        command = [sys.executable, "-m", "schemathesis.cli", "run", f"{stage.api.removesuffix('/v1')}/openapi.json"]
        command += ["--checks", CHECKS, "--max-examples", str(examples), "--seed", str(seed), "--no-color"]
        command += ["--continue-on-failure", "--request-timeout", "20", "--warnings", "off"]
        command += ["--max-time", str(seconds)] if seconds else []
        command += ["--phases", phases] if phases else []
        command += ["-H", f"Authorization: {SIGN_ME}"]
        process = await asyncio.create_subprocess_exec(
            *command,
            cwd=folder,
            env={**os.environ, "SCHEMATHESIS_HOOKS": "tests.fuzz.hooks", "PYTHONPATH": str(ROOT)},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        out, _ = await process.communicate()
    statuses, faults = _logged(folder / "gateway.log")
    return Told(process.returncode or 0, out.decode(errors="replace"), statuses, faults)


def _add_key(config: Path, folder: Path) -> None:
    """The demo's app gets the key that the hook signs with."""
    secret = folder / "fuzz.secret"
    secret.write_bytes(SECRET)
    secret.chmod(0o600)
    key = f'keys = [{{ id = "{KEY_ID}", algorithm = "hmac-sha256", secret = "file:{secret}" }}]'
    text = config.read_text(encoding="utf-8")
    head = re.search(r"^\[apps\.demo\].*$", text, re.MULTILINE)
    assert head is not None, "the shipped configuration has the app demo"
    config.write_text(f"{text[: head.end()]}\n{key}{text[head.end() :]}", encoding="utf-8")


def _logged(log: Path) -> tuple[Counter[int], tuple[str, ...]]:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    events = [json.loads(line) for line in lines if line.startswith("{")]
    answers = [event for event in events if event["event"] == "api.request"]
    bad = [event for event in answers if event["status"] >= 500]
    bad += [event for event in events if event["event"] in ("api.unhandled", "api.failed")]
    return Counter(event["status"] for event in answers), tuple(json.dumps(event) for event in bad)


def main() -> int:
    """0 when nothing failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.api", description=__doc__)
    parser.add_argument("--examples", type=int, default=100, help="at most, for each call")
    parser.add_argument("--seed", type=int, default=SEED)
    told = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="paymux-fuzz-") as folder:
        found = asyncio.run(fuzz(Path(folder), told.examples, told.seed))
    print(found.report)
    print(f"requests: {found.requests}, answered 2xx: {found.share_2xx:.0%} {dict(sorted(found.statuses.items()))}")
    print(f"answers of 500 and more: {len(found.server_errors)}")
    print(*found.server_errors[:20], sep="\n")
    return 0 if found.clean else 1


if __name__ == "__main__":
    raise SystemExit(main())
