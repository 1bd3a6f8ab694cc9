"""Load on the console: many people at once on a database with a million alerts, while alerts arrive.

    python -m benchmarks.console_load                        # 1,000,000 alerts, 10,000 cases, 20 people, 5 minutes
    python -m benchmarks.console_load --alerts 100000 --cases 1000 --seconds 60
    python -m benchmarks.console_load --database sqlite:///.local/load.db      # kept, and filled once
    python -m benchmarks.console_load --database postgresql://...

Console, broker and registry are real processes. Each person opens pages, one after the other with a pause between them,
writes notes, and has the live events open. The age of an event is the time from the detection in the alert, which is
when it is produced, to its arrival at a browser; all processes share one clock. Exit code 1 where a request failed.
"""

import argparse
import json
import random
import re
import statistics
import sys
import tempfile
import threading
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx2
import psutil  # type: ignore[import-untyped]
from confluent_kafka import Producer
from sqlalchemy import Engine

from benchmarks.console_data import RULES, account, alert_record, seed
from services.console.clock import DAY
from services.console.projection.topic_offsets import read_offsets
from services.console.security.people import create_user
from services.console.security.sessions import create_session
from services.console.storage.database import migrate, open_database, writing
from services.contracts import RecordEncoder, frame
from services.streaming.clients import PARTITIONER
from tools.harness.pipeline import Pipeline
from tools.harness.waiting import wait_for
from tools.local_cluster import ephemeral
from tools.local_cluster.ports import free_ports

PAUSE = 1.0
"""Seconds between two pages of a person, on average."""


class Measured:
    """Times by kind in seconds, and failures; filled by many threads."""

    def __init__(self) -> None:
        self.times: dict[str, list[float]] = defaultdict(list)
        self.failures: list[str] = []

    def rows(self) -> dict[str, dict[str, float]]:
        """Return count, median, p95 and greatest of each kind, in milliseconds."""
        rows = {}
        pages = [seconds for kind, values in self.times.items() if kind != "live event" for seconds in values]
        for kind, values in sorted([*self.times.items(), ("all pages", pages)]):
            ordered = sorted(1000 * value for value in values)
            if ordered:
                rows[kind] = {"count": len(ordered), "median": statistics.median(ordered),
                              "p95": ordered[len(ordered) * 95 // 100], "max": ordered[-1]}  # fmt: skip
        return rows


class Person:
    """Somebody who works with the console until stopped.

    Args:
        http: A browser that is logged in.
        cases: Number of cases of the database.
        number: Chooses what is done.
        measured: Takes the times.
        stop: Ends it.
    """

    def __init__(self, http: httpx2.Client, cases: int, number: int, measured: Measured, stop: threading.Event) -> None:
        self._http, self._cases, self._measured, self._stop = http, cases, measured, stop
        self._random = random.Random(number)

    def work(self) -> None:
        """Open pages, with pauses."""
        kinds = ["queue", "queue", "severity", "rule", "account", "page 20", "closed", "case", "case", "case", "note",
                 "live", "rules"]  # fmt: skip
        while not self._stop.wait(self._random.expovariate(1 / PAUSE)):
            kind = self._random.choice(kinds)
            if kind in {"case", "note"}:
                found = re.findall(r'data-href="(/cases/[0-9a-f-]{36})"', self._get("account", self._path("account")))
                if not found:
                    continue
                page = self._get("case", found[0])
                csrf = re.search(r'name="csrf" value="([^"]+)"', page)
                if kind == "note" and csrf:
                    fields = {"csrf": csrf[1], "note": "called", "id": str(uuid.uuid4())}
                    self._timed("note", lambda: self._http.post(f"{found[0]}/note", data=fields))  # noqa: B023
            else:
                self._get(kind, self._path(kind))

    def watch(self) -> None:
        """Read live events."""
        with suppress(httpx2.HTTPError), self._http.stream("GET", "/live/events", timeout=None) as answer:
            for line in answer.iter_lines():
                if line.startswith("data: "):
                    self._measured.times["live event"].append(time.time() - json.loads(line[6:])["at"] / 1000)
                if self._stop.is_set():
                    return

    def _path(self, kind: str) -> str:
        return {
            "queue": "/", "severity": "/?severity=HIGH", "rule": f"/?rule={self._random.choice(RULES)}",
            "live": "/live", "account": f"/?account={account(self._random.randrange(self._cases))}",
            "page 20": "/?page=20", "closed": "/?view=closed", "rules": "/rules",
        }[kind]  # fmt: skip

    def _get(self, kind: str, path: str) -> str:
        return self._timed(kind, lambda: self._http.get(path))

    def _timed(self, kind: str, request: Callable[[], httpx2.Response]) -> str:
        begun = time.perf_counter()
        try:
            answer = request()
        except httpx2.HTTPError as error:
            self._measured.failures.append(f"{kind}: {error!r}")
            return ""
        self._measured.times[kind].append(time.perf_counter() - begun)
        if answer.status_code >= 400:
            self._measured.failures.append(f"{kind}: status {answer.status_code}")
        return str(answer.text)


def produce_alerts(
    pipeline: Pipeline, rate: float, cases: int, stop: threading.Event, limit: int | None = None
) -> None:
    """Write alerts of known accounts at a rate, until stopped, or until there are so many."""
    contract = pipeline.contracts.topic(pipeline.alerts)
    with pipeline.registry as registry:
        schema_id = registry.require(contract.subject, contract.required_schema).id
    encode = RecordEncoder(contract.required_schema.json).encode
    producer = Producer({**pipeline.cluster.client_config(), "linger.ms": 5, "partitioner": PARTITIONER})
    number = 0
    while not stop.wait(1 / rate) and number != limit:
        number += 1
        whom = account(number % cases)
        producer.produce(
            contract.name, frame(schema_id, encode(alert_record(uuid.uuid4(), whom, number))), whom.encode()
        )
        producer.poll(0)
    producer.flush(30)


@contextmanager
def browsers(engine: Engine, address: str, number: int) -> Iterator[list[httpx2.Client]]:
    """Clients of people who are logged in."""
    clients = []
    with writing(engine).begin() as connection:
        for index in range(number):
            name = f"load-{index}-{uuid.uuid4().hex[:6]}"
            create_user(connection, name, "analyst", None)
            token = create_session(connection, name, DAY)
            clients.append(httpx2.Client(base_url=address, headers={"accept": "text/html"}, cookies={"session": token},
                                         timeout=60, limits=httpx2.Limits(keepalive_expiry=2)))  # fmt: skip
    yield clients
    for client in clients:
        client.close()


def measure(options: argparse.Namespace, database: str, directory: Path) -> tuple[Measured, dict[str, float]]:
    """Run the load; return the times, and the memory of the console in megabytes."""
    engine, measured, stop = open_database(database), Measured(), threading.Event()
    (port,) = free_ports(1)
    with ephemeral() as cluster:
        pipeline = Pipeline(cluster, directory)
        variables = {"CONSOLE_PORT": str(port), "DATABASE_URL": database, "FOUR_EYES_AMOUNT": "0"}
        with pipeline.start("console", **variables) as service:
            address = f"http://127.0.0.1:{port}"
            wait_for(lambda: _is_live(address), lambda: service.text)
            process = psutil.Process(service.process.pid)
            memory = {"at start": process.memory_info().rss / 1e6}
            _fill_partitions(pipeline, engine, options.cases)
            with browsers(engine, address, options.users) as clients:
                people = [Person(client, options.cases, index, measured, stop) for index, client in enumerate(clients)]
                threads = [threading.Thread(target=target, daemon=True)
                           for person in people for target in (person.work, person.watch)]  # fmt: skip
                threads.append(threading.Thread(
                    target=produce_alerts, args=(pipeline, options.rate, options.cases, stop), daemon=True
                ))  # fmt: skip
                for thread in threads:
                    thread.start()
                end, cpu = time.monotonic() + options.seconds, process.cpu_times()
                while time.monotonic() < end:
                    time.sleep(1)
                    memory["greatest"] = max(memory.get("greatest", 0), process.memory_info().rss / 1e6)
                spent = process.cpu_times()
                memory["at end"] = process.memory_info().rss / 1e6
                memory["processor share"] = (spent.user + spent.system - cpu.user - cpu.system) / options.seconds
                stop.set()
                for thread in threads:
                    thread.join(5)
    engine.dispose()
    return measured, memory


def _fill_partitions(pipeline: Pipeline, engine: Engine, cases: int) -> None:
    """Write alerts to all partitions, and wait until they are projected: browsers then begin after them."""
    number = pipeline.contracts.topic(pipeline.alerts).partitions
    produce_alerts(pipeline, 1000, cases, threading.Event(), 20 * number)

    def projected() -> bool:
        with engine.begin() as connection:
            return len([topic for topic, _ in read_offsets(connection) if topic == pipeline.alerts]) == number

    wait_for(projected, "alerts of every partition in the database")


def _is_live(address: str) -> bool:
    try:
        return httpx2.get(f"{address}/livez").status_code == 200
    except httpx2.HTTPError:
        return False


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(
        prog="console_load", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--alerts", type=int, default=1_000_000, help="in the database (1,000,000)")
    parser.add_argument("--cases", type=int, default=10_000, help="open ones (10,000)")
    parser.add_argument("--users", type=int, default=20, help="people at once (20)")
    parser.add_argument("--seconds", type=float, default=300, help="of load (300)")
    parser.add_argument("--rate", type=float, default=10, help="alerts a second that arrive meanwhile (10)")
    parser.add_argument("--database", metavar="URL", help="kept afterwards; by default a SQLite file that is not")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        database = options.database or f"sqlite:///{directory}/console.db"
        engine = open_database(database)
        migrate(engine)
        begun = time.monotonic()
        there = seed(engine, options.alerts, options.cases)
        engine.dispose()
        print(f"{options.alerts - there:,} alerts written in {time.monotonic() - begun:.0f} s", file=sys.stderr)
        measured, memory = measure(options, database, Path(directory))
    rows = measured.rows()
    if options.json:
        print(json.dumps({"milliseconds": rows, "memory": memory, "failures": measured.failures}, indent=2))
    else:
        print(f"{'':12} {'count':>8} {'median':>8} {'p95':>8} {'max':>8}  ms")
        for kind, row in rows.items():
            print(f"{kind:12} {row['count']:8,.0f} {row['median']:8.0f} {row['p95']:8.0f} {row['max']:8.0f}")
        print(f"memory: {memory['at start']:.0f} MB at start, at most {memory['greatest']:.0f} MB; "
              f"{memory['processor share']:.2f} cores")  # fmt: skip
        print(f"{len(measured.failures)} failures {measured.failures[:3]}")
    return 1 if measured.failures else 0


if __name__ == "__main__":
    sys.exit(main())
