"""Metadata and rules: registered where they are kept, else said to be dropped, and no drift afterwards."""

import json
from typing import Any

import pytest

from avroguard.cli import check, drift, register
from support.contract_files import ContractFiles, add_field
from support.registry_server import Served

OPTIONAL = add_field(name="channel", type=["null", "string"], default=None)
DROPPED = "the registry keeps no metadata and no rules: those of the contract are not in it"
NO_RULES = "the registry dropped the rules of the contract, as Confluent's Community edition does"
RULES = '{ domainRules = [{ name = "check", type = "CEL", tags = ["PII", "A"], expr = "true" }] }'


@pytest.fixture(autouse=True)
def registered(served: Served, files: ContractFiles, capsys: pytest.CaptureFixture[str]) -> None:
    """v1 of both subjects, without metadata."""
    assert register.main([]) == 0
    capsys.readouterr()


def say(files: ContractFiles, key: str, value: str) -> None:
    """Have the contracts ask for metadata or rules."""
    file = files.directory / "contracts.toml"
    lines = [line for line in file.read_text().splitlines() if not line.startswith(key)]
    file.write_text("\n".join(lines).replace('value = "transaction', f'{key} = {value}\nvalue = "transaction'))


def owner(name: str) -> str:
    return f'{{ properties = {{ owner = "{name}" }} }}'


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    """Register; what is printed for each subject, without the subject."""
    assert register.main([*arguments]) == 0, capsys.readouterr()
    return [line.split(maxsplit=1)[1] for line in capsys.readouterr().out.splitlines()]


def properties(served: Served, subject: str) -> list[Any]:
    """The properties of each version of a subject."""
    versions = served.registry.subjects[subject]
    return [version.body.get("metadata", {}).get("properties") for version in versions]


def test_metadata_that_are_added_later_are_registered_once(
    served: Served, files: ContractFiles, capsys: pytest.CaptureFixture[str]
) -> None:
    say(files, "metadata", owner("us"))
    keeps = served.registry.confluent
    planned = "CHANGED v2, new metadata" if keeps else f"UNCHANGED v1 id 1, {DROPPED}"
    assert run(capsys, "--dry-run") == [f"{planned} (dry run)"] * 2
    assert run(capsys) == ["CHANGED v2 id 2, new metadata" if keeps else f"UNCHANGED v1 id 1, {DROPPED}"] * 2
    assert run(capsys) == ["UNCHANGED v2 id 2" if keeps else f"UNCHANGED v1 id 1, {DROPPED}"] * 2
    assert drift.main([]) == 0
    output = capsys.readouterr().out
    assert ("has other metadata in v1, or keeps none" in output) is not keeps
    assert "NOT_THE_LATEST" not in output


def test_metadata_of_a_type_that_others_refer_to_take_one_run(
    served: Served, files: ContractFiles, capsys: pytest.CaptureFixture[str]
) -> None:
    money = {"type": "record", "name": "Money", "namespace": "ex", "fields": [{"name": "cents", "type": "long"}]}
    order = {"type": "record", "name": "Order", "namespace": "ex", "fields": [{"name": "sum", "type": "Money"}]}
    for name, schema in (("money", money), ("order", order)):
        (files.directory / f"{name}.avsc").write_text(json.dumps(schema))
    contracts = files.directory / "contracts.toml"
    text = (
        '[topics.order]\npartitions = 1\nretention = "7d"\nvalue = "order.avsc"\ncompatibility = "FULL"\n\n'
        '[schemas."money.avsc"]\nsubject = "money"\ncompatibility = "FULL"\n'
    )
    contracts.write_text(text)
    run(capsys)
    contracts.write_text(f"{text}metadata = {owner('us')}\n")
    assert drift.main(["--ignore", "*"]) == 0
    capsys.readouterr()
    for _ in range(2):
        first, second = run(capsys)
        assert second.startswith("UNCHANGED v1 id ")
    assert first.startswith("UNCHANGED")
    assert drift.main(["--ignore", "*"]) == 0
    capsys.readouterr()
    assert run(capsys, "--dry-run", "--detailed-exitcode") == [f"{first} (dry run)", f"{second} (dry run)"]

    money["fields"].append({"name": "currency", "type": "string", "default": "EUR"})  # type: ignore[attr-defined]
    (files.directory / "money.avsc").write_text(json.dumps(money))
    assert [line.split()[0] for line in run(capsys)] == ["CHANGED", "CHANGED"]
    assert [line.split()[0] for line in run(capsys)] == ["UNCHANGED", "UNCHANGED"]
    latest = len(served.registry.subjects["money"])
    assert served.registry.subjects["order-value"][-1].references[0]["version"] == latest


def test_metadata_put_back_to_an_older_version_are_a_rollback(
    served: Served, files: ContractFiles, capsys: pytest.CaptureFixture[str]
) -> None:
    if not served.registry.confluent:
        return
    for name in ("us", "them"):
        say(files, "metadata", owner(name))
        run(capsys)
    say(files, "metadata", owner("us"))
    before = served.registry.state()
    assert register.main([]) == 1
    assert "the registry has this schema with these metadata and rules as v2, but v3 is the latest" in (
        capsys.readouterr().out
    )
    assert run(capsys, "--allow-rollback") == ["ROLLBACK v2 id 2, the latest is v3"] * 2
    assert served.registry.state() == before


def test_rules_that_are_dropped_are_said_to_be_and_stop_nothing(
    served: Served, files: ContractFiles, capsys: pytest.CaptureFixture[str]
) -> None:
    say(files, "ruleSet", RULES)
    dropped = f"UNCHANGED v1 id 1, {NO_RULES if served.registry.confluent else DROPPED}"
    for _ in range(2):
        assert run(capsys) == [dropped] * 2
    files.change(OPTIONAL)
    changed = f"CHANGED v2 id 2, {NO_RULES if served.registry.confluent else DROPPED}"
    assert run(capsys) == [changed] * 2
    assert drift.main([]) == 0
    assert capsys.readouterr().out.count("has other ruleSet in v2, or keeps none") == 2


def test_rules_are_kept_by_other_editions(
    served: Served, files: ContractFiles, capsys: pytest.CaptureFixture[str]
) -> None:
    if not served.registry.confluent:
        return
    served.registry.keeps_rules = True
    say(files, "ruleSet", RULES)
    assert run(capsys) == ["CHANGED v2 id 2, new rules"] * 2
    assert run(capsys) == ["UNCHANGED v2 id 2"] * 2
    assert drift.main([]) == 0
    assert "NOT_KEPT" not in capsys.readouterr().out


@pytest.mark.parametrize("whose", ["one-value", None])
def test_metadata_that_the_registrys_configuration_adds_are_no_difference(
    served: Served, files: ContractFiles, capsys: pytest.CaptureFixture[str], whose: str | None
) -> None:
    if not served.registry.confluent:
        return
    served.registry.config[whose] = {
        "defaultMetadata": {"properties": {"owner": "nobody", "team": "a"}},
        "overrideMetadata": {"properties": {"owner": "them", "stage": "live"}},
    }
    say(files, "metadata", owner("us"))
    assert run(capsys, "one-value") == ["CHANGED v2 id 2, new metadata"]
    assert properties(served, "one-value") == [None, {"owner": "them", "team": "a", "stage": "live"}]
    assert run(capsys, "one-value") == ["UNCHANGED v2 id 2"]
    assert drift.main(["one-value"]) == 0
    assert "NOT_KEPT" not in capsys.readouterr().out


def test_a_compatibility_group_is_compared_with_itself_alone(
    served: Served, files: ContractFiles, capsys: pytest.CaptureFixture[str]
) -> None:
    if not served.registry.confluent:
        return
    served.registry.config[None] = {"compatibilityGroup": "major"}
    say(files, "metadata", '{ properties = { major = "1" } }')
    run(capsys)
    files.change(add_field(name="channel", type="string"))
    assert register.main([]) == 1
    assert "INCOMPATIBLE" in capsys.readouterr().out
    say(files, "metadata", '{ properties = { major = "2" } }')
    assert check.main(["--against", "registry"]) == 1, "the group has no version yet: nothing was compared"
    assert check.main(["--against", "registry", "--allow-none"]) == 0, capsys.readouterr().out
    capsys.readouterr()
    assert [line.split()[:2] for line in run(capsys)] == [["CHANGED", "v3"]] * 2
    files.change(add_field(name="place", type="string"))
    assert check.main(["--against", "registry"]) == 1
    assert "(breaks v3 of one-value" in capsys.readouterr().out
