"""Options and exit codes that the commands have in common."""

import argparse
import os
import subprocess
import sys
from pathlib import Path

import pytest

from avroguard.cli.options import add_registry_options, registry_settings, select_subjects
from avroguard.cli.running import run
from avroguard.config.subjects import Contracts, SubjectContract
from avroguard.errors import ExpectedError, NotAuthorised, Unavailable, UsageError
from avroguard.levels import Level
from avroguard.places import Place
from support.fake_registry import schema

PLACE = Place("contracts.toml", 1)


def parsed(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_registry_options(parser)
    return parser.parse_args(arguments)


@pytest.mark.parametrize(
    ("arguments", "url", "said"),
    [
        (["--timeout", "soon"], None, "--timeout: input should be a valid number"),
        (["--retries", "-1"], None, "--retries: input should be greater than or equal to 0"),
        (["--registry-url", "ftp://x"], None, "--registry-url: expected http:// or https://"),
        ([], "me:s3cret@x", "registry:URL: expected http:// or https://"),
    ],
)
def test_a_fault_is_told_by_the_name_of_the_option(
    monkeypatch: pytest.MonkeyPatch, arguments: list[str], url: str | None, said: str
) -> None:
    monkeypatch.setenv("SCHEMA_REGISTRY_URL", "http://127.0.0.1:1")
    with pytest.raises(UsageError) as raised:
        registry_settings(parsed(*arguments), url)
    assert str(raised.value).startswith(said)
    assert "s3cret" not in str(raised.value)


def test_a_fault_of_the_environment_is_told_by_the_name_of_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCHEMA_REGISTRY_RETRIES", "many")
    with pytest.raises(UsageError, match=r"^SCHEMA_REGISTRY_RETRIES: "):
        registry_settings(parsed("--timeout", "3", "--registry-url", "http://127.0.0.1:1"))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("orders", 'no subject orders in c.toml; did you mean "orders-value"?'),
        ("ordres-value", 'no subject ordres-value in c.toml; did you mean "orders-value"?'),
        ("zzz", "no subject zzz in c.toml; expected one of orders-value, ex.Money"),
    ],
)
def test_a_subject_that_is_not_there(given: str, said: str) -> None:
    shared = tuple(SubjectContract(name, schema("int"), Level.FULL, PLACE) for name in ("orders-value", "ex.Money"))
    contracts = Contracts((), "c.toml", shared)
    assert [contract.subject for contract in select_subjects(contracts, ["ex.Money"])] == ["ex.Money"]
    with pytest.raises(UsageError) as raised:
        select_subjects(contracts, [given])
    assert str(raised.value) == said


@pytest.mark.parametrize(
    ("error", "code"), [(UsageError("a\nb"), 2), (Unavailable("a\nb"), 3), (NotAuthorised("a\nb"), 4)]
)
def test_each_line_of_an_error_names_the_command(
    capsys: pytest.CaptureFixture[str], error: ExpectedError, code: int
) -> None:
    def fail() -> int:
        raise error

    assert run("drift", fail) == code
    assert capsys.readouterr().err == "drift: a\ndrift: b\n"


def test_a_reader_that_has_seen_enough_gets_no_traceback() -> None:
    program = (
        "import sys; from avroguard.cli.running import run\n"
        "def talk():\n  print('x' * 200_000)\n  return 0\n"
        "sys.exit(run('x', talk))"
    )
    reading, writing = os.pipe()
    os.close(reading)
    root = Path(__file__).parents[4]
    done = subprocess.run(
        [sys.executable, "-c", program], stdout=writing, stderr=subprocess.PIPE, cwd=root, check=False
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, b"")
