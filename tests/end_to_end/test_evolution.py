"""A schema evolves under a running pipeline, and an incompatible change is stopped at each gate.

What docs/evolving-a-schema.md tells, lived through with real services.
"""

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tools.harness.pipeline import Pipeline
from tools.harness.processes import Service
from tools.harness.waiting import wait_for

CARRY_TRANSACTIONS = 6  # subjects: the shared one, input, legit, fraud, and alerts and labels by their reference
CHANNEL = {
    "name": "channel",
    "type": {
        "type": "enum",
        "name": "Channel",
        "doc": "How a payment was ordered.",
        "symbols": ["UNKNOWN", "BRANCH", "ONLINE", "MOBILE"],
        "default": "UNKNOWN",
    },
    "default": "UNKNOWN",
    "doc": "How the payment was ordered; UNKNOWN where the writer did not know yet.",
}


def version(pipeline: Pipeline, name: str, change) -> Path:  # type: ignore[no-untyped-def]
    """A copy of the contracts in which `change` was made to the fields of a transaction."""
    directory = pipeline.directory / name
    shutil.copytree(pipeline.schemas, directory)
    path = directory / "transaction.avsc"
    schema = json.loads(path.read_text())
    schema["fields"] = change(schema["fields"])
    path.write_text(json.dumps(schema, indent=2))
    return directory


def command(pipeline: Pipeline, schemas: Path, module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", f"avroguard.cli.{module}", *arguments],
        env=os.environ | pipeline.environment | {"SCHEMAS_DIR": str(schemas)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def second(pipeline: Pipeline) -> Path:
    return version(pipeline, "v2", lambda fields: [*fields, CHANNEL])


@pytest.fixture
def third(pipeline: Pipeline, second: Path) -> Path:
    return version(pipeline, "v3", lambda fields: [f for f in fields if f["name"] != "currency"])


def id_of(pipeline: Pipeline, schemas: Path) -> int:
    from services.contracts import load_contracts

    topic = load_contracts(schemas / "contracts.toml").topic(pipeline.input)
    with pipeline.registry as registry:
        return registry.require(topic.subject, topic.required_schema).id


def judged(pipeline: Pipeline) -> Counter[int]:
    """Number of verdicts on transactions of each schema id."""
    legit, fraud, _ = pipeline.outputs()
    return Counter(int.from_bytes(value[1:5], "big") for value in legit + fraud if value)


def wait_for_more(pipeline: Pipeline, schema_id: int, services: list[Service]) -> None:
    """Waits until further transactions of this version have been judged, with every service alive."""
    before = judged(pipeline)[schema_id]
    wait_for(lambda: judged(pipeline)[schema_id] > before + 50, f"verdicts on schema id {schema_id}")
    assert [service.process.poll() for service in services] == [None] * len(services)


def test_from_the_first_version_to_the_second_with_no_stop(pipeline: Pipeline, second: Path) -> None:
    v1 = pipeline.schema_id
    new = {"SCHEMAS_DIR": str(second)}
    rate = {"TRANSACTIONS_PER_SECOND": "200"}
    with pipeline.start("generator", **rate) as old_generator, pipeline.start("detector") as old_detector:
        wait_for_more(pipeline, v1, [old_generator, old_detector])

        against = command(pipeline, second, "check", "--against", str(pipeline.schemas))
        assert against.returncode == 0, against.stdout
        registered = command(pipeline, second, "register")
        assert registered.returncode == 0, registered.stdout
        assert registered.stdout.count("CHANGED v2") == CARRY_TRANSACTIONS
        v2 = id_of(pipeline, second)
        assert v2 != v1

        # A writer of the second version; the detector knows the first.
        with pipeline.start("generator", **rate, **new) as new_generator:
            wait_for_more(pipeline, v2, [old_generator, new_generator, old_detector])
            # A detector of the second version joins, then the old one leaves: it reads both as well.
            with pipeline.start("detector", **new) as new_detector:
                new_detector.wait_for("rebalance", change="assigned")
                wait_for_more(pipeline, v1, [old_generator, new_generator, old_detector, new_detector])
                assert old_detector.stop() == 0
                wait_for_more(pipeline, v1, [old_generator, new_generator, new_detector])
                wait_for_more(pipeline, v2, [old_generator, new_generator, new_detector])
                assert old_generator.stop() == 0
                wait_for_more(pipeline, v2, [new_generator, new_detector])
                assert new_generator.stop() == 0
                inputs = [message.value() for message in pipeline.read(pipeline.input)]
                legit, fraud, dead = pipeline.wait_for_outputs(len(inputs))
                assert new_detector.stop() == 0
    assert dead == []
    assert sorted(legit + fraud) == sorted(inputs)  # byte for byte, each once
    assert set(judged(pipeline)) == {v1, v2}
    with pipeline.registry as registry:
        for topic in (pipeline.input, pipeline.legit, pipeline.fraud):  # the outputs stay governed
            assert {f"{topic}-value"} <= registry.subjects_of(v1) & registry.subjects_of(v2)


def test_an_incompatible_third_version_is_stopped_at_each_gate(pipeline: Pipeline, second: Path, third: Path) -> None:
    assert command(pipeline, second, "register").returncode == 0

    offline = command(pipeline, third, "check", "--against", str(second))
    assert offline.returncode == 1
    assert "currency" in offline.stdout

    online = command(pipeline, third, "check", "--against", "registry")
    assert online.returncode == 1
    assert "currency" in online.stdout

    with pipeline.registry as registry:
        subjects = [f"{topic}-value" for topic in (pipeline.input, pipeline.legit, pipeline.fraud)]
        before = [(registry.versions(subject), registry.compatibility_level(subject)) for subject in subjects]
        refused = command(pipeline, third, "register")
        assert refused.returncode == 1
        assert refused.stdout.count("INCOMPATIBLE") == CARRY_TRANSACTIONS
        assert [(registry.versions(subject), registry.compatibility_level(subject)) for subject in subjects] == before

    for name in ("generator", "detector"):
        with pipeline.start(name, SCHEMAS_DIR=str(third)) as service:
            assert service.exit_code() == 1
        (stopped,) = service.events("stopped")
        assert "avroguard register" in stopped["reason"]
