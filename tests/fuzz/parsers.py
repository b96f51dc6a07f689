"""Fuzz every parser for a while: `python -m tests.fuzz.parsers --seconds 600`.

Guided by coverage where atheris is installed (Linux), else by changes drawn from a seed. An input on which a reader
raises what it does not declare, takes longer than five seconds or too much memory, is kept, and the run ends with 1.
"""

from __future__ import annotations

import argparse
import importlib.util
import io
import multiprocessing
import os
import sys
import tempfile
import time
import traceback
from contextlib import redirect_stderr
from itertools import count
from pathlib import Path

SLOW_S = 5
LENGTH_MAX = 16 * 1024


def main() -> int:
    """0 when nothing was found."""
    told = _arguments()
    guided = told.engine == "atheris" or (told.engine == "any" and importlib.util.find_spec("atheris") is not None)
    if guided:
        import atheris  # only there on Linux, and it has to see the readers being imported

        quiet = redirect_stderr(io.StringIO())  # it names every module
        with quiet, atheris.instrument_imports(include=["adapters", "gateway"], enable_loader_override=False):
            from tests.fuzz.targets import TARGETS
    else:
        from tests.fuzz.targets import TARGETS
    names = told.target or list(TARGETS)
    each_s = max(1, told.seconds // len(names))
    keep = Path(told.keep or tempfile.mkdtemp(prefix="paymux-fuzz-"))
    keep.mkdir(parents=True, exist_ok=True)
    print(f"{len(names)} parsers, {each_s} s each, {'guided by coverage' if guided else 'drawn'}; findings in {keep}")
    fuzz = _guided if guided else _drawn
    found = [name for name in names if not fuzz(name, keep, each_s)]
    print(f"failures: {len(found)} {' '.join(found)}")
    return 1 if found else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.parsers", description=__doc__)
    parser.add_argument("--seconds", type=int, default=600, help="in all")
    parser.add_argument("--target", action="append", help="only this parser; may be repeated")
    parser.add_argument("--engine", choices=("any", "atheris", "drawn"), default="any")
    parser.add_argument("--keep", default="", help="folder for what is found")
    return parser.parse_args()


def _guided(name: str, keep: Path, seconds: int) -> bool:
    """libFuzzer never returns, so each parser gets a child that has everything imported already."""
    said = keep / f"{name}.log"
    child = multiprocessing.get_context("fork").Process(target=_libfuzzer, args=(name, keep, seconds, said))
    child.start()
    child.join(seconds + 120)
    if child.is_alive():
        child.kill()
        child.join()
    text = said.read_text(errors="replace")
    done = [line for line in text.splitlines() if line.startswith("Done ")]
    clean = child.exitcode == 0 and bool(done)
    print(f"{name:22} {done[-1] if clean else 'FAILED'}", flush=True)
    if not clean:
        print(text[-4000:])
    return clean


def _libfuzzer(name: str, keep: Path, seconds: int, said: Path) -> None:
    import atheris

    from tests.fuzz.targets import TARGETS

    sys.stdout.flush()
    log = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)
    target = TARGETS[name]
    corpus = Path(tempfile.mkdtemp(prefix=f"paymux-corpus-{name}-"))
    for number, seed in enumerate(target.seeds()):
        (corpus / str(number)).write_bytes(seed)
    options = [f"-max_total_time={seconds}", f"-timeout={SLOW_S}", f"-max_len={LENGTH_MAX}"]
    atheris.Setup([name, *options, f"-artifact_prefix={keep}/{name}-", str(corpus)], target.strike)
    atheris.Fuzz()


def _drawn(name: str, keep: Path, seconds: int) -> bool:
    from tests.fuzz.mutation import mutate
    from tests.fuzz.targets import TARGETS

    target, end_s, slowest_s = TARGETS[name], time.monotonic() + seconds, 0.0
    seeds = target.seeds()
    for number in count():
        data, began_s = mutate(number, seeds), time.monotonic()
        if began_s > end_s:
            break
        try:
            target.strike(data)
        except Exception:  # noqa: BLE001 - finding one is what this is for
            return _kept(name, keep, number, data, traceback.format_exc())
        slowest_s = max(slowest_s, time.monotonic() - began_s)
        if slowest_s > SLOW_S:
            return _kept(name, keep, number, data, f"took {slowest_s:.1f} s")
    print(f"{name:22} Done {number} runs, slowest {slowest_s * 1000:.0f} ms", flush=True)
    return True


def _kept(name: str, keep: Path, number: int, data: bytes, why: str) -> bool:
    path = keep / f"{name}-{number}"
    path.write_bytes(data)
    print(f"{name:22} FAILED at input {number}, kept in {path}\n{why}", flush=True)
    return False


if __name__ == "__main__":
    raise SystemExit(main())
