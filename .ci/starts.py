"""Start an installed paymux on free ports, see it ready, pay one payout through the mock, and stop it gracefully.

Usage: starts.py PYTHON, with the interpreter of the venv it is installed in; runs in the current folder.
"""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

DEADLINE_S = 30.0


def main(python: str) -> None:
    shipped = subprocess.run(  # noqa: S603 - our own interpreter
        [python, "-c", "from gateway.shipped import shipped_config as f; print(f().read_text())"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    text = re.sub(r'^listen = "[^"]*"', 'listen = "127.0.0.1:18080"', shipped, flags=re.MULTILINE)
    text = re.sub(r'^admin_listen = "[^"]*"', 'admin_listen = "127.0.0.1:19090"', text, flags=re.MULTILINE)
    Path("config.toml").write_text(text)
    with Path("serve.log").open("w") as log:
        process = subprocess.Popen([python, "-m", "gateway", "serve"], stdout=log, stderr=log)  # noqa: S603 - as above
    try:
        until(lambda: get("http://127.0.0.1:19090/readyz")["status"] == "ready")
        payout = create()
        until(lambda: get(f"http://127.0.0.1:18080/v1/payouts/{payout}")["status"] == "paid")
    finally:
        process.send_signal(signal.SIGTERM)
        code = process.wait(timeout=DEADLINE_S)
        if code != 0:
            print(Path("serve.log").read_text())
    if code != 0:
        raise SystemExit(f"stopped with {code}")
    print("the installed wheel started, paid one payout and stopped gracefully")


def headers() -> dict[str, str]:
    key = Path("state/keys/app-demo.test_key").read_text().strip()
    return {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}


def create() -> str:
    account = {"account_number": "6222000000000001", "name": "张三", "bank_code": "000200000002", "country": "CN"}
    body = {
        "reference": "wheel-1",
        "amount": {"value": 1000, "currency": "CNY"},
        "beneficiary": {"type": "bank_account", **account},
    }
    request = urllib.request.Request(
        "http://127.0.0.1:18080/v1/payouts", json.dumps(body).encode(), headers(), method="POST"
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return str(json.load(answer)["id"])


def get(url: str) -> dict[str, str]:
    known = headers() if "/v1/" in url else {}
    with urllib.request.urlopen(urllib.request.Request(url, headers=known), timeout=10) as answer:
        told: dict[str, str] = json.load(answer)
        return told


def until(holds: object) -> None:
    """Ask until it holds, at most `DEADLINE_S`."""
    end = time.monotonic() + DEADLINE_S
    while time.monotonic() < end:
        try:
            if holds():  # type: ignore[operator]  # any function without arguments
                return
        except (urllib.error.URLError, ConnectionError, FileNotFoundError):
            pass
        time.sleep(0.1)
    print(Path("serve.log").read_text())
    raise SystemExit("it did not come to pass in time")


if __name__ == "__main__":
    main(sys.argv[1])
