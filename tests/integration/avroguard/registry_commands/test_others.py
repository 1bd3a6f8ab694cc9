"""`check`, `diff`, `pull` and `drift` with the answers of both registries; none changes anything."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from avroguard.cli import check, diff, drift, pull, register
from avroguard.config.topics import load_contracts
from avroguard.levels import Level
from support.contract_files import ContractFiles, add_field, remove_field
from support.registry_server import Served


@pytest.fixture(autouse=True)
def registered(served: Served, files: ContractFiles, capsys: pytest.CaptureFixture[str]) -> Iterator[None]:
    """v1 of both subjects, and that the commands leave it so."""
    assert register.main([]) == 0
    capsys.readouterr()
    before = served.registry.state()
    request_count = len(served.requests)
    yield
    writes = [
        request
        for request in served.requests[request_count:]
        if request.startswith(("PUT", "DELETE", "POST /subjects/"))
    ]
    assert [request for request in writes if request.count("/") > 2] == []
    assert served.registry.state() == before


def test_check_names_the_version_that_a_change_breaks(
    served: Served, files: ContractFiles, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check.main(["--against", f"registry:{served.url}"]) == 0
    assert capsys.readouterr().out == f"2 subjects checked against the registry at {served.url}: nothing found\n"
    files.change(remove_field("currency"))
    assert check.main(["--against", "registry", "one-value"]) == 1
    output = capsys.readouterr().out
    assert "schemas/transaction.avsc:6:13: READER_FIELD_MISSING_DEFAULT " in output
    assert "(breaks v1 of one-value)" in output
    # A transitive level is judged by every version, so the registry is asked about every one; Karapace one by one.
    checks = {request for request in served.requests if request.startswith("POST /compatibility/")}
    every = {f"POST /compatibility/subjects/{subject}/versions" for subject in files.subjects}
    assert checks == (every | {f"{request}/1" for request in every} if served.registry.karapace else every)


def test_check_of_a_subject_that_is_not_there(
    served: Served, files: ContractFiles, capsys: pytest.CaptureFixture[str]
) -> None:
    files.change_contracts('"one"', '"three"')
    assert check.main(["--against", "registry"]) == 0
    output = capsys.readouterr().out
    assert "SCHEMA_NEW note: three-value is new" in output
    assert "1 of 2 subjects checked" in output


def test_check_hears_the_registrys_own_no(
    served: Served, files: ContractFiles, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    files.change(add_field(name="channel", type=["null", "string"], default=None))
    monkeypatch.setattr(served.registry, "breaks", lambda *_: True)
    assert check.main(["--against", "registry"]) == 1
    assert capsys.readouterr().out.count("REFUSED_BY_REGISTRY") >= 1


def test_diff_of_a_version_with_a_file(
    served: Served, files: ContractFiles, capsys: pytest.CaptureFixture[str]
) -> None:
    assert diff.main(["registry:one-value@1", "schemas/transaction.avsc"]) == 0
    assert capsys.readouterr().out.endswith("the same\n")
    files.change(add_field(name="channel", type="string"))
    assert diff.main(["registry:one-value", "schemas/transaction.avsc"]) == 0
    output = capsys.readouterr().out
    assert "+ field channel of payments.Transaction: string" in output
    assert "new reads old (BACKWARD): no" in output


@pytest.mark.parametrize(
    ("named", "code", "said"),
    [
        ("one-value@99", 1, r"answered 404 (40402): Version 99 not found."),
        ("nobody@1", 1, r"answered 404 (40401): Subject 'nobody' not found."),
        ("one-value@0", 1, r"subject one-value: reading version 0: GET "),
        ("one-value@v1", 2, r"expected registry:SUBJECT or registry:SUBJECT@VERSION"),
    ],
)
def test_diff_of_a_version_that_is_not_there(
    served: Served, capsys: pytest.CaptureFixture[str], named: str, code: int, said: str
) -> None:
    assert diff.main([f"registry:{named}", "schemas/transaction.avsc"]) == code
    output = capsys.readouterr()
    assert said in output.err
    assert output.err.count("\n") == 1
    assert output.out == ""


def test_what_is_pulled_is_what_is_held(
    served: Served, files: ContractFiles, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert pull.main(["one-value", "two-value", "--to", "pulled"]) == 0
    pulled = load_contracts(Path("pulled/contracts.toml"))
    assert [contract.subject for contract in pulled.subjects] == list(files.subjects)
    assert {contract.compatibility for contract in pulled.subjects} == {Level.FULL_TRANSITIVE}
    assert (
        json.loads(Path("pulled/transaction.avsc").read_text()) == served.registry.subjects["one-value"][0].schema.json
    )
    monkeypatch.setenv("SCHEMAS_DIR", "pulled")
    assert drift.main([]) == 0


def test_pulling_what_is_not_there_writes_nothing(served: Served, capsys: pytest.CaptureFixture[str]) -> None:
    assert pull.main(["one-value", "nobody", "--to", "pulled"]) == 1
    output = capsys.readouterr()
    assert "avroguard pull: subject nobody: reading version latest: GET " in output.err
    assert "answered 404 (40401)" in output.err
    assert not Path("pulled").exists()


def test_drift_in_both_directions(served: Served, files: ContractFiles, capsys: pytest.CaptureFixture[str]) -> None:
    assert drift.main([]) == 0
    files.change(add_field(name="channel", type=["null", "string"], default=None))
    files.change_contracts('"two"', '"three"')
    files.change_contracts("FULL_TRANSITIVE", "BACKWARD", 1)
    capsys.readouterr()
    assert drift.main([]) == 1
    output = capsys.readouterr().out
    assert f"NOT_REGISTERED the registry at {served.url} has another schema as the latest version, v1" in output
    assert f"NOT_REGISTERED the registry at {served.url} has no subject three-value" in output
    assert f"NOT_IN_CONTRACTS the registry at {served.url} has the subject two-value" in output
    assert "LEVEL_DIFFERS the registry at" in output
    assert drift.main(["--ignore", "two-*"]) == 1
    assert "NOT_IN_CONTRACTS" not in capsys.readouterr().out


def test_drift_says_what_a_registry_dropped(
    served: Served, files: ContractFiles, capsys: pytest.CaptureFixture[str]
) -> None:
    files.change(lambda schema: schema.update(doc="In other words."))
    assert drift.main(["one-value"]) == (0 if served.registry.apicurio else 1)
    output = capsys.readouterr().out
    if not served.registry.apicurio:
        assert "NOT_REGISTERED" in output
    else:
        assert "NOT_KEPT warning: the registry at" in output
        assert "has other docs or aliases in v1" in output


def test_drift_that_is_lived_with(served: Served, files: ContractFiles, capsys: pytest.CaptureFixture[str]) -> None:
    files.change_contracts('FULL_TRANSITIVE"\n', 'BACKWARD"\n', 1)
    assert drift.main([]) == 1
    contracts = files.directory / "contracts.toml"
    waiver = '\n[[waivers]]\nrule = "LEVEL_DIFFERS"\nsubject = "one-value"\nreason = "later"\nexpires = {}\n'
    text = contracts.read_text()
    contracts.write_text(text + waiver.format("2090-01-31"))
    capsys.readouterr()
    assert drift.main([]) == 0
    assert capsys.readouterr().out.endswith(": 1 waived\n")
    contracts.write_text(text + waiver.format("2001-01-31"))
    assert drift.main([]) == 1
    assert "WAIVER_EXPIRED" in capsys.readouterr().out
