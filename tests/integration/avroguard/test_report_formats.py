"""Reports are what others read: SARIF by its official schema, JUnit XML by a reader of it."""

import json
import threading
import zipfile
from pathlib import Path
from typing import Any

import fastjsonschema
import pytest
from junitparser import Failure, JUnitXml, Skipped

from avroguard.cli.lint import main
from support.contract_files import ContractFiles
from tools.local_cluster.artifacts import ArtifactCache, parse_lock
from tools.local_cluster.persistent import DEFAULT_CACHE

LOCK = Path(__file__).parents[2] / "data" / "sarif_schema.lock.toml"


def official_schema() -> Any:
    cache = ArtifactCache(DEFAULT_CACHE, parse_lock(LOCK.read_text(), LOCK.name))
    (jar,) = cache.jars("sarif", lambda *_: None, threading.Event())
    return json.loads(zipfile.ZipFile(jar).read("schema/sarif-schema-2.1.0.json"))


@pytest.fixture
def faulty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ContractFiles:
    """Contracts with an error, warnings, a waived finding and an unused waiver."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCHEMAS_DIR", "schemas")
    files = ContractFiles.make(tmp_path / "schemas", lambda name: name)

    def edit(schema: dict[str, Any]) -> None:
        del schema["doc"], schema["fields"][0]["doc"]
        schema["fields"][1] |= {"type": "long", "logicalType": "timestamp-millis", "name": "a %<ü>&\n"}

    files.change(edit)
    with (files.directory / "contracts.toml").open("a") as contracts:
        for rule in ("DOC_MISSING", "ENUM_EMPTY"):
            contracts.write(
                f'\n[[waivers]]\nrule = "{rule}"\nfile = "broken.avsc"\nreason = "<known>"\nexpires = 2090-01-31\n'
            )
    (files.directory / "broken.avsc").write_text('{"type": "record", "name": "p.B", "fields": []}')
    return files


def report(form: str, capsys: pytest.CaptureFixture[str], code: int) -> str:
    assert main(["--profile", "strict", "--format", form]) == code
    return capsys.readouterr().out


def test_sarif_is_valid_by_the_official_schema(faulty: ContractFiles, capsys: pytest.CaptureFixture[str]) -> None:
    validate = fastjsonschema.compile(official_schema())
    log = json.loads(report("sarif", capsys, 1))
    validate(log)
    (run,) = log["runs"]
    assert {result["ruleId"] for result in run["results"]} >= {"NAME_INVALID", "DOC_MISSING", "WAIVER_UNUSED"}
    assert sum("suppressions" in result for result in run["results"]) == 1

    run["results"][0]["locations"][0]["physicalLocation"]["region"]["startLine"] = 0
    with pytest.raises(fastjsonschema.JsonSchemaException, match="startLine must be bigger than or equal to 1"):
        validate(log)


def test_sarif_without_findings_is_valid(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SCHEMAS_DIR", str(ContractFiles.make(tmp_path, lambda name: name).directory))
    log = json.loads(report("sarif", capsys, 0))
    fastjsonschema.compile(official_schema())(log)
    assert log["runs"][0]["results"] == []


def test_junit_is_read_by_a_reader(faulty: ContractFiles, capsys: pytest.CaptureFixture[str]) -> None:
    root = JUnitXml.fromstring(report("junit", capsys, 1).encode())
    results = {(suite.name, case.name): [type(result) for result in case.result] for suite in root for case in suite}
    assert results["schemas/transaction.avsc", "NAME_INVALID"] == [Failure]
    assert results["schemas/broken.avsc", "DOC_MISSING"] == [Skipped]
    assert results["schemas/contracts.toml", "WAIVER_UNUSED"] == []
    assert (root.tests, root.failures, root.skipped) == (len(results), 1, 1)
