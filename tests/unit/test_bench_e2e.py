"""`bench e2e`: what it reckons, and that a whole round of it still runs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import adapters

ROOT = Path(adapters.__file__).parent.parent
FIGURES = {
    "cpu_ratio", "throughput_ratio", "payouts_s", "e2e_p50_ms", "e2e_p99_ms", "cpu_ms", "floor_payouts_s",
    "floor_p50_ms", "floor_p99_ms", "floor_cpu_ms", "rsa_sign_ms", "floor_of_rsa_sign",
}  # fmt: skip


def test_a_round_through_floor_and_gateway() -> None:
    """Every payout of both is paid and called back, once; the last line is the result."""
    command = [sys.executable, "-m", "bench", "e2e", "--rounds", "1", "--payouts", "24", "--json"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=110, check=False)
    assert run.returncode == 0, run.stderr[-3000:]
    told = json.loads(run.stdout.splitlines()[-1])
    assert told.keys() >= FIGURES
    assert all(told[name] > 0 for name in FIGURES)
    assert (told["sent_twice"], told["errors"], told["store"], told["rounds"]) == (0, 0, "sqlite", 1), told
