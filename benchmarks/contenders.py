"""The contenders, and the command that starts each."""

import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal

from services.errors import ExpectedError, Unavailable
from tools.harness.processes import ProcessDied
from tools.local_cluster.artifacts import ArtifactCache
from tools.local_cluster.lock import parse_lock
from tools.local_cluster.persistent import DEFAULT_CACHE
from tools.local_flink.__main__ import RUNS

ROOT = Path(__file__).parents[1]
PEERS = ROOT / "benchmarks" / "peers"
BUILT = ROOT / ".local" / "benchmarks"

Say = Callable[[str], None]
Command = Callable[[Say], list[str]]


class Skipped(ExpectedError):  # noqa: N818 - reads as what happened
    """A contender's prerequisites are missing on this machine."""


class ContenderFailed(ExpectedError):  # noqa: N818 - reads as what happened
    """A contender did not do all of its work."""


FAILURES = (ContenderFailed, ProcessDied, Unavailable)
"""Errors that end the part of one contender only."""


@dataclass(frozen=True)
class Contender:
    """One way to do the work.

    Attributes:
        name: For the command line.
        label: For people.
        guarantee: `exactly once`, `at least once`, or `` where the question does not arise.
        prepare: Makes what it needs and gives its command.
        environment: Its settings besides those of the run.
        form: The form that it reads: Avro messages or JSON.
        share: Share of the messages that it gets: slow ones would take minutes for all of them.
        processes: Number of processes that share the work.
        rates: Transactions a second at which its latency is measured.
        finds_more: It finds more suspicious than large amounts alone.
        ready: What its log says once it is ready; by default it is once it has all partitions in its consumer group.
    """

    name: str
    label: str
    guarantee: str
    prepare: Command
    environment: Mapping[str, str] = field(default_factory=dict)
    form: Literal["avro", "json"] = "avro"
    share: float = 1.0
    processes: int = 1
    rates: tuple[int, ...] = (1_000, 20_000)
    finds_more: bool = False
    ready: str = ""


def _module(name: str) -> Command:
    return lambda _say: [sys.executable, "-m", name]


def _own_environment(peer: str, module: str) -> Command:
    """A module of a peer that runs in an environment of its own, made from the peer's locked requirements."""

    def prepare(say: Say) -> list[str]:
        requirements = PEERS / peer / "requirements.txt"
        home = BUILT / peer
        stamp = home / ".installed"
        locked = requirements.read_text()
        if not stamp.is_file() or stamp.read_text() != locked:
            say(f"{peer}: installing")
            _run(sys.executable, "-m", "venv", "--clear", str(home))
            _run(str(home / "bin" / "python"), str(ROOT / "tools" / "locks" / "install.py"), str(requirements))
            stamp.write_text(locked)
        return [str(home / "bin" / "python"), "-m", f"benchmarks.peers.{peer}.{module}"]

    return prepare


def _c_loop(say: Say) -> list[str]:
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        raise Skipped("no C compiler is installed")
    import confluent_kafka  # noqa: PLC0415 - only its place is of interest

    bundled = Path(confluent_kafka.__file__).parents[1] / "confluent_kafka.libs"
    libraries = sorted(bundled.glob("librdkafka-*.so*"))
    if not libraries:
        raise Skipped("confluent-kafka brings no librdkafka along on this platform")
    say("c: compiling")
    BUILT.mkdir(parents=True, exist_ok=True)
    target = BUILT / "c_loop"
    source = PEERS / "c_loop" / "detector.c"
    _run(compiler, "-O2", "-o", str(target), str(source), str(libraries[0]), f"-Wl,-rpath,{bundled}")
    return [str(target)]


def _kafka_streams(main: str) -> Command:
    return partial(_compiled_streams, main)


def _compiled_streams(main: str, say: Say) -> list[str]:
    compiler = shutil.which("javac")
    if compiler is None:
        raise Skipped("no JDK is installed (javac)")
    java = Path(compiler).resolve().with_name("java")
    say("kafka-streams: fetching and compiling")
    folder = PEERS / "kafka_streams"
    lock = parse_lock((folder / "artifacts.lock.toml").read_text(), "artifacts.lock.toml")
    jars = ArtifactCache(DEFAULT_CACHE, lock).jars("kafka-streams", lambda *_: None, threading.Event())
    classes = BUILT / "kafka_streams"
    classes.mkdir(parents=True, exist_ok=True)
    path = ":".join(map(str, jars))
    _run(compiler, "--release", "17", "-cp", path, "-d", str(classes), *map(str, sorted(folder.glob("*.java"))))
    return [str(java), "-cp", f"{classes}:{path}", main]


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Skipped(f"{command[0]} failed: {(done.stderr or done.stdout).strip()[-800:]}")


def _flink(say: Say) -> list[str]:
    say("flink: installing")
    _run(str(ROOT / "scripts" / "install"), "--flink")
    return [sys.executable, "-m", "tools.local_flink", "run", "--task-managers", "1"]


OURS = Contender("ours", "this detector", "exactly once", _module("services.detector"))
TUTORIAL = Contender(
    "tutorial", "tutorial's way: kafka-python, JSON", "at least once", _own_environment("tutorial", "detector"),
    form="json", share=0.1,
)  # fmt: skip
FIVE_RULES = Contender(
    "ours-rules", "this detector, its five rules in two stages", "exactly once", OURS.prepare,
    {"RULES_FILE": str(ROOT / "services" / "detection" / "rules.toml")}, rates=(1_000, 5_000), finds_more=True,
)  # fmt: skip
FIXED_INTERVAL = Contender(
    "ours-100ms", "this detector, COMMIT_INTERVAL_MS=100", "exactly once", OURS.prepare, {"COMMIT_INTERVAL_MS": "100"}
)
C_LOOP = Contender("c", "C loop on librdkafka", "at least once", _c_loop)
QUIX = {"COMMIT_INTERVAL_MS": "1000"}

DETECTORS: tuple[Contender, ...] = (
    OURS,
    FIXED_INTERVAL,
    Contender("ours-2", "this detector, 2 processes", "exactly once", OURS.prepare, processes=2),
    FIVE_RULES,
    Contender(
        "ours-alo", "this detector's code", "at least once", _module("benchmarks.at_least_once"),
        {"COMMIT_INTERVAL_MS": "5000"},
    ),
    C_LOOP,
    Contender("c-eos", "C loop on librdkafka", "exactly once", _c_loop, {"EXACTLY_ONCE": "1"}),
    Contender(
        "kafka-streams", "Kafka Streams, GenericDatumReader", "exactly once", _kafka_streams("Detector"),
        {"COMMIT_INTERVAL_MS": "100"},
    ),
    Contender(
        "confluent", "confluent-kafka, poll(), Avro serdes", "at least once",
        _module("benchmarks.peers.confluent.detector"), share=0.2,
    ),
    Contender(
        "quix-json", "Quix Streams, JSON", "at least once", _own_environment("quix", "detector"),
        {**QUIX, "SERDES": "json", "GUARANTEE": "at-least-once"}, form="json", share=0.2,
    ),
    Contender(
        "quix-json-eos", "Quix Streams, JSON", "exactly once", _own_environment("quix", "detector"),
        {**QUIX, "SERDES": "json", "GUARANTEE": "exactly-once"}, form="json", share=0.2,
    ),
    Contender(
        "quix-avro", "Quix Streams, Avro", "at least once", _own_environment("quix", "detector"),
        {**QUIX, "SERDES": "avro", "GUARANTEE": "at-least-once"}, share=0.1,
    ),
    Contender(
        "quix-avro-eos", "Quix Streams, Avro", "exactly once", _own_environment("quix", "detector"),
        {**QUIX, "SERDES": "avro", "GUARANTEE": "exactly-once"}, share=0.1,
    ),
    TUTORIAL,
)  # fmt: skip

SAME_RULES: tuple[Contender, ...] = (
    FIVE_RULES,
    Contender(
        "flink-rules", "this detector's rules on Apache Flink, one slot", "exactly once", _flink,
        dict(FIVE_RULES.environment), share=0.5, ready=RUNS,
    ),
    Contender(
        "kafka-streams-rules", "Kafka Streams, Processor API, RocksDB", "exactly once",
        _kafka_streams("RulesDetector"), {"COMMIT_INTERVAL_MS": "100"},
    ),
    Contender(
        "quix-rules", "Quix Streams, its state, Avro", "exactly once", _own_environment("quix", "rules_detector"),
        {**QUIX, "GUARANTEE": "exactly-once"}, share=0.1,
    ),
)  # fmt: skip
"""Detectors with the five default rules over exactly sliding windows, in two stages."""

GENERATORS: tuple[Contender, ...] = (
    Contender("ours", "this generator", "", _module("services.generator"), {"TRANSACTIONS_PER_SECOND": "0"}, share=2),
    Contender(
        "confluent", "confluent-kafka, AvroSerializer", "", _module("benchmarks.peers.confluent.generator"), share=0.1
    ),
    Contender(
        "tutorial", "tutorial's way: kafka-python, JSON", "", _own_environment("tutorial", "generator"),
        form="json", share=0.1,
    ),
)  # fmt: skip
