"""The demo, as the README runs it."""

from __future__ import annotations

import asyncio
import json
import sys

import pytest


@pytest.mark.timeout(120)
async def test_the_demo_ends_well() -> None:
    """`demo --json` with another seed: exit 0, one last line of JSON, and every number as promised."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "gateway",
        "demo",
        "--json",
        "--seed=5",
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()[-3000:]
    report = json.loads(out.decode().strip().splitlines()[-1])
    assert report["payouts"] == 100 == report["paid"] + report["failed"] + report["returned"]
    assert report["paid"] >= 85
    assert report["failovers"] >= 5
    assert report["unknown_resolved"] >= 5
    assert report["breaker_opened"] >= 1
    assert (report["paid_twice"], report["lost"], report["books_agree"]) == (0, 0, True)
    assert all(channel["paid"] > 0 for channel in report["channels"].values())
    assert set(report["channels"]) == {"wechat", "bank", "mock"}
    assert report["callbacks_verified"] >= 3 * report["payouts"]
