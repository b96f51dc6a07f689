"""The real gateway as a process that can be killed: forked from one that has imported everything, or started afresh.

A forked one runs the same `main()` with the same arguments in a process of its own; it only skips the seconds that
Python takes to import it all. That is what makes hundreds of deaths affordable.
"""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from gateway.failpoints import VARIABLE

ROOT = Path(__file__).parents[2]
ARGUMENTS = ("serve", "--config=config.toml")

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["tests.support.chaos_preload"])


class GatewayProcess(Protocol):
    """One life of the gateway."""

    pid: int

    def exit_code(self) -> int | None:
        """None while it lives; minus the signal's number when a signal ended it."""
        ...

    def kill(self) -> None:
        """SIGKILL: no goodbye, no flush. Returns when it is gone."""
        ...


class Forked:
    """`python -m gateway serve`, without the import."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._process = _FORKS.Process(target=_serve, args=(folder, dict(environment)))
        self._process.start()
        assert self._process.pid is not None
        self.pid = self._process.pid

    def exit_code(self) -> int | None:
        return self._process.exitcode

    def kill(self) -> None:
        self._process.kill()
        self._process.join()


class Started:
    """`python -m gateway serve`, as anybody would start it."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        inherited = {name: value for name, value in os.environ.items() if name != VARIABLE}
        with (folder / "gateway.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "gateway", *ARGUMENTS],
                cwd=folder,
                env={**inherited, "PYTHONPATH": str(ROOT), **environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self.pid = self._process.pid

    def exit_code(self) -> int | None:
        return self._process.poll()

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


def _serve(folder: Path, environment: Mapping[str, str]) -> None:
    """In the forked process: become the gateway."""
    from gateway.__main__ import main

    log = os.open(folder / "gateway.log", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.chdir(folder)
    os.environ.pop(VARIABLE, None)
    os.environ.update(environment)
    sys.argv = ["paymux", *ARGUMENTS]
    main()
