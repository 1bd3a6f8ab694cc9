"""Commands with a URL that chooses a context of Confluent's registry."""

from collections.abc import Iterator

import httpx2
import pytest

from avroguard.cli import check, drift, pull, register
from support.contract_files import SCHEMAS, ContractFiles, add_field
from support.registry_replay import CONFLUENT
from support.registry_server import Served, serving
from support.registry_variants import RegistryOfContexts


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch, impatient: None) -> Iterator[Served]:
    with serving(CONFLUENT, RegistryOfContexts) as server:
        monkeypatch.setenv("SCHEMA_REGISTRY_URL", f"{server.url}/contexts/.ctx2")
        yield server


def test_what_is_registered_in_a_context_is_no_drift(
    served: Served, files: ContractFiles, capsys: pytest.CaptureFixture[str]
) -> None:
    assert register.main([]) == 0
    assert [line.split()[1] for line in capsys.readouterr().out.splitlines()] == ["NEW", "NEW"]
    listed = httpx2.get(f"{served.url}/contexts/.ctx2/subjects").json()
    assert sorted(listed) == [":.ctx2:one-value", ":.ctx2:two-value"]
    assert httpx2.get(f"{served.url}/subjects").json() == []
    assert drift.main([]) == 0
    assert "nothing found" in capsys.readouterr().out
    assert register.main([]) == 0
    assert [line.split()[1] for line in capsys.readouterr().out.splitlines()] == ["UNCHANGED", "UNCHANGED"]


def test_drift_still_finds_what_the_contracts_lack(
    served: Served, files: ContractFiles, capsys: pytest.CaptureFixture[str]
) -> None:
    assert register.main([]) == 0
    files.change_contracts('"two"', '"three"')
    capsys.readouterr()
    assert drift.main([]) == 1
    output = capsys.readouterr().out
    assert "NOT_IN_CONTRACTS" in output
    assert "has the subject two-value, which the contracts don't have" in output


def test_references_and_verdicts_are_of_the_context(
    served: Served, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SCHEMAS_DIR", str(SCHEMAS))
    for status in ("NEW", "UNCHANGED"):
        assert register.main([]) == 0, capsys.readouterr().err
        assert {line.split()[1] for line in capsys.readouterr().out.splitlines()} == {status}
    assert check.main(["--against", "registry"]) == 0
    assert drift.main([]) == 0, capsys.readouterr().out
    assert served.registry.subjects == {}


def test_pull_writes_plain_names(served: Served, files: ContractFiles, capsys: pytest.CaptureFixture[str]) -> None:
    files.change(add_field(name="channel", type=["null", "string"], default=None))
    assert register.main([]) == 0
    assert pull.main(["one-value", "--to", "pulled"]) == 0, capsys.readouterr().err
    text = (files.directory.parent / "pulled" / "contracts.toml").read_text()
    assert '[topics."one"]' in text
    assert "ctx2" not in text
