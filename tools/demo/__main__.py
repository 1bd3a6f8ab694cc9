"""The command ``scripts/demo``."""

import argparse
import json
import sys
from dataclasses import asdict

from rich.console import Console

from services.errors import ExpectedError
from services.streaming.logs import configure_logging
from tools.command_line import INTERRUPTED, command_parser, positive_number, print_error, whole_number
from tools.demo.display import Display
from tools.demo.interrupts import Interrupts
from tools.demo.run import STEPS, Options, run
from tools.local_cluster import LocalCluster

DURATION = 30.0
RATE = 1000

_EPILOG = """\
Starts the local cluster, unless KAFKA_BROKER_URL and SCHEMA_REGISTRY_URL name another one. Every setting of the
services (SUSPICIOUS_AMOUNT, COMMIT_INTERVAL_MS, ACCOUNTS, SEED ...) can be given in the environment. Two seconds of
transactions warm the pipeline up and are not counted; everything after them is, read committed from the topics.
Fraud of four kinds is mixed in (docs/scenarios.md; SCENARIOS has another mix), and the console shows its cases: open
the link, which works once. Not with --json. Ctrl-C ends the stream well, and after the summary the console.

exit codes:
  0    every transaction was evaluated exactly once
  1    one was not, or something went wrong
  2    wrong usage
  3    broker or registry unreachable
  4    not authorised
  130  ended at once
"""


def main(local: LocalCluster | None = None) -> int:
    """Run the demo and return the exit code.

    Args:
        local: The cluster that `--secure` secures; by default that of this repository.
    """
    options = _options()
    configure_logging("demo", "error")
    interrupts = Interrupts()
    secured = (local or LocalCluster()) if options.secure else None
    try:
        with Display(Console(stderr=options.json), STEPS, options.duration) as display:
            chosen = Options(options.duration, options.rate, options.plain, not options.json, secured)
            summary = run(chosen, display, interrupts)
    except ExpectedError as error:
        return print_error("demo", error)
    except OSError as error:
        print(f"demo: {error}; put this right and run the demo again", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("demo: interrupted", file=sys.stderr)
        return INTERRUPTED
    if options.json:
        print(json.dumps(asdict(summary)), flush=True)
    return 0 if summary.exactly_once else 1


def _options() -> argparse.Namespace:
    parser = command_parser(
        "demo", "Watch transactions being generated, evaluated and routed, and see them counted.", _EPILOG
    )
    parser.add_argument(
        "--duration",
        type=positive_number,
        metavar="SECONDS",
        help=f"default: until Ctrl-C; {DURATION:g} off a terminal",
    )
    parser.add_argument(
        "--rate",
        type=whole_number(0, 10_000_000),
        default=RATE,
        metavar="N",
        help=f"transactions a second; 0: no limit; default {RATE}",
    )
    parser.add_argument("--secure", action="store_true", help="the local cluster behind TLS, users and ACLs")
    parser.add_argument("--plain", action="store_true", help="random payments alone, without incidents of fraud")
    parser.add_argument(
        "--json", action="store_true", help="the summary as JSON, last line of standard output; no console"
    )
    options = parser.parse_args()
    if options.duration is None and not (sys.stdin.isatty() and (sys.stderr if options.json else sys.stdout).isatty()):
        options.duration = DURATION
    return options


if __name__ == "__main__":
    sys.exit(main())
