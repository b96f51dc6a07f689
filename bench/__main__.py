"""`python -m bench decide [--rounds N] [--json]`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence

from bench import decide


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one measurement and print it."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("name", choices=["decide"])
    parser.add_argument("--rounds", type=int, default=41, help="interleaved rounds, of which the median is told")
    parser.add_argument("--json", action="store_true", help="one line of JSON")
    options = parser.parse_args(arguments)
    result = decide.measure(options.rounds)
    print(json.dumps(result) if options.json else decide.table(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
