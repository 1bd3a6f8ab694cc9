"""The command ``scripts/local-cluster``."""

import argparse
import signal
import sys
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from services.errors import ExpectedError
from tools.command_line import INTERRUPTED, whole_number
from tools.local_cluster.persistent import LocalCluster
from tools.local_cluster.progress import reporter
from tools.local_cluster.security import ADMIN


def main(argv: Sequence[str] | None = None, cluster: LocalCluster | None = None) -> int:
    """Run one of the verbs.

    Args:
        argv: The arguments; by default those of the process.
        cluster: The cluster; by default that of this repository.

    Returns:
        The exit code.
    """
    arguments = _parser().parse_args(argv)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        return _run(cluster or LocalCluster(), arguments)
    except ExpectedError as error:
        _say(str(error))
        return error.exit_code
    except OSError as error:
        _say(f"{error}; nothing was left half done: put this right and run the command again")
        return 1
    except KeyboardInterrupt:
        _say("interrupted")
        return INTERRUPTED


def _run(cluster: LocalCluster, arguments: argparse.Namespace) -> int:
    code = 0
    match arguments.verb:
        case "up":
            _up(cluster, arguments.kafka_port, arguments.registry_port, secure=arguments.secure or None)
        case "down":
            stopped = cluster.down(_say)
            _say(f"stopped {' and '.join(stopped)}" if stopped else "nothing to stop")
        case "status":
            code = _status(cluster)
        case "env":
            for name, value in cluster.environment(arguments.user).items():
                print(f"export {name}={value}")
        case "logs":
            _logs(cluster, arguments.server, follow=arguments.follow)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="local-cluster", description="A real Kafka and schema registry on this machine."
    )
    verbs = parser.add_subparsers(dest="verb", required=True)
    up = verbs.add_parser("up", help="start what does not run; downloads it the first time")
    up.add_argument("--kafka-port", type=whole_number(1, 65_535), help="of 127.0.0.1; remembered; at first 9092")
    up.add_argument("--registry-port", type=whole_number(1, 65_535), help="of 127.0.0.1; remembered; at first 8081")
    up.add_argument("--secure", action="store_true", help="TLS, users and ACLs; with topics and schemas of its own")
    verbs.add_parser("down", help="stop it; topics and schemas stay")
    verbs.add_parser("status", help="say what runs; exit 0 when all of it is healthy")
    env = verbs.add_parser("env", help='print variables: eval "$(scripts/local-cluster env)"')
    env.add_argument("--user", default=ADMIN, help="of a secured cluster, such as detector (default: %(default)s)")
    logs = verbs.add_parser("logs", help="print the end of the servers' logs")
    logs.add_argument("server", nargs="?", choices=["kafka", "registry"], help="by default both")
    logs.add_argument("--follow", "-f", action="store_true", help="go on printing what comes")
    return parser


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _say(line: str) -> None:
    print(f"local-cluster: {line}", file=sys.stderr, flush=True)


def _up(cluster: LocalCluster, kafka_port: int | None, registry_port: int | None, *, secure: bool | None) -> None:
    began = time.monotonic()
    with reporter() as report:
        started = cluster.up(kafka_port, registry_port, progress=report.download, say=report.say, secure=secure)
    _say(f"up after {time.monotonic() - began:.1f} s" if started else "already up")
    for name, value in cluster.environment().items():
        _say(f"{name}={value}")


def _status(cluster: LocalCluster) -> int:
    statuses = cluster.status()
    for node in statuses:
        state = "healthy" if node.healthy else "not answering" if node.pid else "not running"
        process = f", pid {node.pid}, up {node.uptime:.0f} s" if node.pid else ""
        secured = ", secured" if cluster.is_secure else ""
        print(f"{node.name} {node.version}: {state}, port {node.port}{secured}{process}")
    return 0 if all(node.healthy for node in statuses) else 1


def _logs(cluster: LocalCluster, server: str | None, *, follow: bool, lines: int = 50) -> None:
    logs = [path for name, path in cluster.logs().items() if server in (None, name)]
    positions = {}
    for path in logs:
        positions[path] = _print_end(path, lines)
    while follow:
        for path in logs:
            positions[path] = _print_from(path, positions[path])
        time.sleep(0.3)


def _print_end(path: Path, lines: int) -> int:
    if not path.exists():
        _say(f"{path}: no log yet")
        return 0
    with path.open(encoding="utf-8", errors="replace") as file:
        sys.stdout.writelines(deque(file, lines))
        return file.tell()


def _print_from(path: Path, position: int) -> int:
    if not path.exists():
        return 0
    if path.stat().st_size < position:  # a restart began it anew
        position = 0
    with path.open(encoding="utf-8", errors="replace") as file:
        file.seek(position)
        sys.stdout.writelines(file)
        sys.stdout.flush()
        return file.tell()


if __name__ == "__main__":
    sys.exit(main())
