"""Arguments of services: only `--help`, which lists the settings."""

import os
import subprocess
import sys

import pytest
from pydantic_settings import BaseSettings

from services.contracts import RegistrySettings
from services.detection.settings import DetectorSettings
from services.generator.settings import GeneratorSettings
from services.streaming.arguments import parse_service_arguments, settings_of

FURTHER = {"SCHEMAS_DIR": "The directory of contracts.toml."}
SERVICES = {"services.generator": GeneratorSettings, "services.detector": DetectorSettings}


@pytest.mark.parametrize("settings_class", [*SERVICES.values(), RegistrySettings])
def test_every_setting_has_a_meaning(settings_class: type[BaseSettings]) -> None:
    for setting in settings_of(settings_class):
        assert setting.meaning.endswith("."), setting.variable
        assert "`" not in setting.meaning


def test_defaults_are_those_of_the_class() -> None:
    defaults = {
        setting.variable: setting.default
        for kind in (DetectorSettings, RegistrySettings)
        for setting in settings_of(kind)
    }
    assert defaults["KAFKA_BROKER_URL"] == defaults["SCHEMA_REGISTRY_URL"] == "required"
    assert (defaults["COMMIT_INTERVAL_MS"], defaults["SUSPICIOUS_AMOUNT"], defaults["LOG_TRANSACTIONS"]) == (
        "auto",
        "900",
        "0",
    )
    assert (defaults["METRICS_PORT"], defaults["SCHEMA_REGISTRY_BASIC_AUTH"], defaults["INSTANCE_ID"]) == (
        "",
        "",
        "computed",
    )
    assert defaults["RULES_FILE"].endswith("services/detection/rules.toml")


@pytest.mark.parametrize("name", SERVICES)
def test_help_lists_the_settings(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        parse_service_arguments(name, "What it does.", [SERVICES[name], RegistrySettings], FURTHER, ["--help"])
    assert caught.value.code == 0
    output = capsys.readouterr().out
    assert f"usage: python -m {name} [-h]" in output
    lines = output.splitlines()
    for setting in [*settings_of(SERVICES[name]), *settings_of(RegistrySettings)]:
        shown = f"  {setting.variable} ({setting.default})" if setting.default else f"  {setting.variable}"
        assert lines.count(shown) == 1
        assert setting.meaning.split()[0] in lines[lines.index(shown) + 1]
    assert "  SCHEMAS_DIR" in lines
    assert "  KAFKA_CONFIG_<PROPERTY>" in lines
    assert max(map(len, lines)) <= 120


@pytest.mark.parametrize("arguments", [["--halp"], ["--rate", "5"], ["now"], ["-x"]])
def test_other_arguments_are_refused_in_one_line(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        parse_service_arguments("services.generator", "What it does.", [GeneratorSettings], FURTHER, arguments)
    assert caught.value.code == 2
    output = capsys.readouterr()
    assert output.out == ""
    expected = f"generator: unrecognized arguments: {' '.join(arguments)}; settings come from the environment: "
    assert output.err == expected + "python -m services.generator --help lists them\n"


def test_no_arguments_are_accepted() -> None:
    parse_service_arguments("services.generator", "What it does.", [GeneratorSettings], FURTHER, [])


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_refuses_an_unknown_argument(name: str) -> None:
    unreachable = {
        "KAFKA_BROKER_URL": "127.0.0.1:1",
        "SCHEMA_REGISTRY_URL": "http://127.0.0.1:1",
        "STARTUP_TIMEOUT": "0",
    }
    for argument, code in (("--help", 0), ("--halp", 2)):
        command = [sys.executable, "-m", name, argument]
        done = subprocess.run(
            command, env=os.environ | unreachable, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == code, done.stderr
        assert ("KAFKA_BROKER_URL" in done.stdout) is (code == 0)
        assert len(done.stderr.splitlines()) == (1 if code else 0)
