"""`paymux simulate`: the whole gateway on a virtual clock, from a seed, with everything going wrong."""

from __future__ import annotations

import json as json_format
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from gateway.cli.exit import Exit, plain_words
from gateway.domain.errors import PaymuxError
from gateway.simulation import baseline as baseline_rule
from gateway.simulation import mutants as planted
from gateway.simulation.faults import Fault
from gateway.simulation.kept import Kept
from gateway.simulation.parallel import each, prepared
from gateway.simulation.report import Totals, table
from gateway.simulation.run import REAL_CRYPTO_EVERY, Options, SeedResult
from gateway.simulation.work import Replay, SeedTask, live, replay, shrink

MUTANT_ORDERS = 60
"""What a mutant's world orders unless told otherwise: enough to be caught, few enough to be quick."""


class BadRange(PaymuxError):
    """Not a range like 0:400, or a fault that there is not."""


def simulate(
    *,
    seeds: str = "0:20",
    orders: int | None = None,
    nodes: str = "1:3",
    faults: str = "all",
    jobs: int = 2,
    crypto: Literal["fast", "real"] = "fast",
    replay_seed: Annotated[int | None, Parameter(name="--replay")] = None,
    payout: str | None = None,
    verbose: bool = False,
    baseline: Literal["timeout-is-failed"] | None = None,
    mutants: Annotated[bool, Parameter(negative="")] = False,
    keep: Path | None = None,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Live through seeded worlds: gateway, banks, apps and faults, on a virtual clock, audited at every step.

    The engine, the store code, the adapters and the sandboxes are the real ones. Banks keep their own books, and the
    gateway's are compared with them. A seed replays to the same trace hash, on however many processes. Exit code 1
    when an invariant does not hold.

    Example: `python -m gateway simulate --seeds 0:400 --orders 250 --faults all --json`

    Parameters
    ----------
    seeds
        From the first to before the last.
    orders
        Orders in each world; 250 by default, 60 with `--mutants`.
    nodes
        The fewest and the most gateway nodes, drawn for each seed.
    faults
        `all`, `none`, or names with commas between.
    jobs
        Processes at work.
    crypto
        `fast`: keyed MACs in the place of RSA and ECDSA, but in every tenth seed the real ones. `real`: always those.
    replay_seed
        Live through this one seed again.
    payout
        With `--replay`: tell of this payout (its id, or the order's reference) instead of the most eventful one.
    verbose
        With `--replay`: tell the story of one payout, a line for each thing that happened.
    baseline
        Run the same seeds under the rule that others document too, and show both.
    mutants
        Run the planted bugs of a checkout, each over seeds 0 to 49 until it is caught.
    keep
        Write each seed's result into this file, and do not live again what the same code has written there: a run
        that was cut off goes on, a larger range takes over a smaller one.
    json
        Print the result as one line of JSON.
    """
    with plain_words(), prepared() as folder:
        options = Options(folder, _pair(nodes), _faults(faults), real_crypto=crypto == "real")
        if mutants:
            _mutants(orders or MUTANT_ORDERS, options, jobs, json)
        elif replay_seed is not None:
            _replay(Replay(SeedTask(replay_seed, orders or 250, options), payout), verbose, json)
        else:
            tasks = [SeedTask(seed, orders or 250, options) for seed in range(*_pair(seeds))]
            _simulate(tasks, _Manner(jobs, crypto, Kept(keep), quiet=json), baseline is not None, json)


@dataclass(frozen=True, slots=True)
class _Manner:
    """How a range of seeds is run: nothing of it changes what is found."""

    jobs: int
    crypto: str
    kept: Kept
    quiet: bool


def _simulate(tasks: list[SeedTask], manner: _Manner, with_baseline: bool, json: bool) -> None:
    ours = _run(tasks, manner)
    told: dict[str, Any] = ours.as_json()
    lines = table(ours)
    if with_baseline:
        theirs = _run([_under_baseline(task) for task in tasks], manner)
        told["baseline"] = {"rule": baseline_rule.NAME, "paid_twice": theirs.as_json()["paid_twice"]}
        lines.append(
            f"{'paid twice':<26}ours {told['paid_twice']}, {baseline_rule.NAME} {told['baseline']['paid_twice']}"
        )
    broken = next((result for result in ours.results if result.violations), None)
    if broken is not None:
        told["smallest"], story = _smallest(tasks, broken)
        lines += [f"smallest: {told['smallest']}", *story]
        told["story"] = story
    _say(json_format.dumps(told, ensure_ascii=False) if json else "\n".join(lines))
    if broken is not None:
        raise SystemExit(Exit.FAILED)


def _under_baseline(task: SeedTask) -> SeedTask:
    return SeedTask(task.seed, task.orders, task.options, baseline=True)


def _run(tasks: Sequence[SeedTask], manner: _Manner) -> Totals:
    began_s = time.monotonic()
    results = manner.kept.of(tasks)
    for result in results.values():
        _warn_of(result)
    left = {task.seed: task for task in tasks if task.seed not in results}
    for result in each(live, list(left.values()), manner.jobs):
        results[result.seed] = result
        manner.kept.add(left[result.seed], result)
        _warn_of(result)
        if not manner.quiet and sys.stderr.isatty():
            print(f"\r{len(results)} of {len(tasks)} seeds", end="", file=sys.stderr, flush=True)
    if not manner.quiet and sys.stderr.isatty():
        print("\r", end="", file=sys.stderr)
    every = "real" if manner.crypto == "real" else f"fast, every {REAL_CRYPTO_EVERY}th seed real"
    return Totals.of(results.values(), time.monotonic() - began_s, every)


def _warn_of(result: SeedResult) -> None:
    """A violation is told when it is found: a long run that is cut off has then not been for nothing."""
    for violation in result.violations:
        print(
            f"seed {result.seed}: invariant {violation.invariant}, {violation.payout_id}: {violation.what}",
            file=sys.stderr,
            flush=True,
        )


def _smallest(tasks: Sequence[SeedTask], broken: SeedResult) -> tuple[dict[str, Any], list[str]]:
    """The fewest orders of a seed that still show a violation, and the story of the payout it is about."""
    (task,) = (task for task in tasks if task.seed == broken.seed)
    (found,) = each(shrink, [task], 1)
    return {"seed": found.result.seed, "orders": found.result.orders}, list(found.story)


def _replay(order: Replay, verbose: bool, json: bool) -> None:
    (found,) = each(replay, [order], 1)
    totals = Totals.of([found.result], 0.0, "as the seed has it")
    if json:
        _say(json_format.dumps({**totals.as_json(), "story": found.story if verbose else []}, ensure_ascii=False))
    else:
        _say("\n".join([*(found.story if verbose else ()), *table(totals)]))
    if found.result.violations:
        raise SystemExit(Exit.FAILED)


def _mutants(orders: int, options: Options, jobs: int, json: bool) -> None:
    names = planted.names()
    found: dict[str, planted.Verdict] = {}
    for verdict in each(planted.hunt, _hunts(names, orders, options), jobs):
        found[verdict.name] = verdict
        print(planted.line(verdict), file=sys.stderr, flush=True)
    verdicts = [found[name] for name in names]
    if json:
        _say(json_format.dumps({"mutants": [verdict.as_json() for verdict in verdicts]}))
    else:
        _say("\n".join(planted.table(verdicts)))
    if any(verdict.seed is None for verdict in verdicts):
        raise SystemExit(Exit.FAILED)


def _hunts(names: list[str], orders: int, options: Options) -> list[planted.Hunt]:
    return [planted.Hunt(name, orders, options) for name in names]


def _pair(text: str) -> tuple[int, int]:
    low, _, high = text.partition(":")
    if not low.isdecimal() or not high.isdecimal() or int(low) > int(high):
        raise BadRange(f"{text!r} is not a range like 0:400")
    return int(low), int(high)


def _faults(text: str) -> frozenset[Fault]:
    if text in ("all", "none"):
        return frozenset(Fault) if text == "all" else frozenset()
    try:
        return frozenset(Fault(name.strip()) for name in text.split(","))
    except ValueError as error:
        raise BadRange(f"{error}; there are: all, none, {', '.join(sorted(Fault))}") from error


def _say(text: str) -> None:
    print(text)
