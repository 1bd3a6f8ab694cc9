"""Compares the engine with a plain recomputation on many random streams: ``python -m tests.support.compare_windows``.

Prints what was compared; a difference ends it with the stream's number, which repeats it alone (``--only``).
"""

import argparse
import sys
from collections import Counter
from random import Random

from tests.support.window_comparison import Comparison


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, help="run this stream alone")
    arguments = parser.parse_args()
    seen: Counter[str] = Counter()
    for number in range(arguments.streams) if arguments.only is None else [arguments.only]:
        try:
            Comparison(Random(f"{arguments.seed}/{number}"), seen).run()
        except Exception as error:
            error.add_note(f"seed {arguments.seed}, stream {number}")
            raise
    compared = ", ".join(f"{count:,} {name}" for name, count in seen.items())
    sys.stdout.write(f"seed {arguments.seed}: {compared}; 0 differences\n")


if __name__ == "__main__":
    main()
