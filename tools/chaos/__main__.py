"""The command ``scripts/chaos``: breaks things and looks whether the promises hold.

Exit codes: 0 no promise was broken, 1 one was, 2 wrong usage, 3 the cluster can't be had.
"""

import argparse
import json
import secrets
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from rich.console import Console

from services.errors import ExpectedError
from services.streaming.logs import configure_logging
from tools.chaos.faults import FAULTS
from tools.chaos.lab import Lab
from tools.chaos.report import as_json, line, summarise, table
from tools.chaos.runner import Runner, plan
from tools.command_line import INTERRUPTED, whole_number

LOGS = Path(__file__).parents[2] / ".local" / "chaos"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit code."""
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, _interrupt)
    configure_logging("chaos", level="error")  # on standard error: the output may be JSON
    console = Console(stderr=options.json, soft_wrap=True, highlight=False, markup=False)
    if not console.is_terminal:
        console.width = 160
    names = [name for name in FAULTS if name in (options.only or FAULTS)]
    rounds = list(plan(names, options.rounds, options.seed))
    console.print(f"chaos: {len(rounds)} rounds of {len(names)} faults, --seed {options.seed}")
    results = []
    code = 0
    try:
        with Lab() as lab:
            runner = Runner(lab, LOGS, over_time=options.rules_over_time)
            for name, seed in rounds:
                results.append(runner.run(name, seed))
                console.print(line(results[-1]))
    except ExpectedError as error:
        console.print(f"chaos: {error}")
        code = error.exit_code
    except KeyboardInterrupt:
        console.print("chaos: interrupted")
        code = INTERRUPTED
    summaries = summarise(results)
    console.print(table(summaries))
    if options.json:
        print(json.dumps(as_json(results, summaries)))
    if any(result.verdict == "VIOLATED" for result in results):
        console.print(f"chaos: promises were broken; the logs of those rounds are in {LOGS}")
        return 1
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="chaos",
        description="Break things under load on clusters of its own, and look whether every message is in exactly one "
        "place, exactly once.",
        epilog=f"faults: {', '.join(FAULTS)}",
    )
    rounds = "N of kills and N/5 of every other fault; with one --only, N of that (default: 5)"
    seed = "the first round's; repeats a run as far as chance is ours (default: random, printed)"
    parser.add_argument("--rounds", type=whole_number(1), default=5, metavar="N", help=rounds)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6), metavar="S", help=seed)
    only = "this fault alone; may be given more than once"
    parser.add_argument("--only", action="append", choices=list(FAULTS), metavar="FAULT", help=only)
    over_time = "every fault with rules over time; verdicts and alerts are compared with a recomputation"
    parser.add_argument("--rules-over-time", action="store_true", help=over_time)
    parser.add_argument("--json", action="store_true", help="print everything as JSON on standard output at the end")
    return parser


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
