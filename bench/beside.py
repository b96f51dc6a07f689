"""Another gateway on the stage of `bench e2e`: the same channel, app and secrets, a folder and a store of its own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.e2e import Place, named
from bench.stage import Stage, free_port

TICKS = os.sysconf("SC_CLK_TCK")


@contextmanager
def beside(at: Place, name: str, database: str, options: tuple[str, ...] = ()) -> Iterator[Stage]:
    """Its stage, not started; whatever runs there at the end is stopped."""
    folder = at.folder / name
    folder.mkdir()
    stage = Stage(folder, free_port(), free_port(), options=options)
    (folder / "config.toml").write_text(_elsewhere(at.folder / "config.toml", stage, named(folder, database)))
    try:
        yield stage
    finally:
        if stage.process is not None:
            stage.stop()


def _elsewhere(config: Path, stage: Stage, database: str) -> str:
    """The same configuration under other addresses; its secrets lie one folder up."""
    own = {
        "listen": f"127.0.0.1:{stage.public}",
        "admin_listen": f"127.0.0.1:{stage.admin}",
        "database": database,
    }
    lines = []
    for line in config.read_text().replace('"file:', '"file:../').splitlines():
        key = line.partition(" = ")[0]
        lines.append(f'{key} = "{own[key]}"' if key in own else line)
    return "\n".join(lines) + "\n"


def cpu_s(pid: int) -> float:
    """Processor time of a process and of those that it started, as far as they are there."""
    return sum(_own_cpu_s(each) for each in (pid, *_children(pid)))


def _children(pid: int) -> list[int]:
    told = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(child) for child in told.split()]


def _own_cpu_s(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / TICKS
