from pathlib import Path

import pytest

from avroguard.errors import UsageError
from avroguard.registry.settings import RegistrySettings


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("URL", "BASIC_AUTH", "BEARER_TOKEN", "CA_FILE", "TIMEOUT", "RETRIES"):
        monkeypatch.delenv(f"SCHEMA_REGISTRY_{name}", raising=False)
        monkeypatch.delenv(f"SCHEMA_REGISTRY_{name}_FILE", raising=False)


def test_the_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCHEMA_REGISTRY_URL", "https://me:pw@one.test:8081/api/ , http://two.test")
    monkeypatch.setenv("SCHEMA_REGISTRY_TIMEOUT", "2.5")
    monkeypatch.setenv("SCHEMA_REGISTRY_RETRIES", "0")
    settings = RegistrySettings.load()
    assert settings.base_urls == ("https://one.test:8081/api", "http://two.test")
    assert settings.user_and_password == ("me", "pw")
    assert (settings.timeout, settings.retries) == (2.5, 0)


def test_empty_credentials_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCHEMA_REGISTRY_BASIC_AUTH", "")
    monkeypatch.setenv("SCHEMA_REGISTRY_BEARER_TOKEN", "")
    monkeypatch.setenv("SCHEMA_REGISTRY_CA_FILE", "")
    settings = RegistrySettings.load(url="http://one.test")
    assert settings.user_and_password is None
    assert (settings.bearer_token, settings.ca_file) == (None, None)


def test_secrets_are_read_from_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "auth").write_text("me:pass word\n")
    (tmp_path / "url").write_text("http://one.test\n")
    monkeypatch.setenv("SCHEMA_REGISTRY_BASIC_AUTH_FILE", str(tmp_path / "auth"))
    monkeypatch.setenv("SCHEMA_REGISTRY_URL_FILE", str(tmp_path / "url"))
    settings = RegistrySettings.load()
    assert settings.base_urls == ("http://one.test",)
    assert settings.user_and_password == ("me", "pass word")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"URL": ""}, "SCHEMA_REGISTRY_URL: not set; expected the registry's URL"),
        ({"URL": " , "}, "SCHEMA_REGISTRY_URL: not set"),
        ({"URL": "me:s3cret@one.test"}, "SCHEMA_REGISTRY_URL: expected http:// or https://"),
        ({"URL": "ftp://me:s3cret@one.test"}, "SCHEMA_REGISTRY_URL: expected http:// or https://"),
        ({"URL": "http://me:s3cret@one.test:port"}, "SCHEMA_REGISTRY_URL: not a URL"),
        ({"URL": "http://"}, "SCHEMA_REGISTRY_URL: expected http:// or https://, a host"),
        ({"BASIC_AUTH": "s3cret"}, "SCHEMA_REGISTRY_BASIC_AUTH: expected user:password"),
        ({"BEARER_TOKEN": "s3cret\n"}, "SCHEMA_REGISTRY_BEARER_TOKEN: expected printable ASCII characters"),
        ({"BASIC_AUTH": "me:s3cret", "BEARER_TOKEN": "s3cret"}, "set one of them, not both"),
        ({"TIMEOUT": "0"}, "SCHEMA_REGISTRY_TIMEOUT: input should be greater than 0"),
        ({"TIMEOUT": "inf"}, "SCHEMA_REGISTRY_TIMEOUT: input should be a finite number"),
        ({"TIMEOUT": "soon"}, "SCHEMA_REGISTRY_TIMEOUT: input should be a valid number"),
        ({"RETRIES": "-1"}, "SCHEMA_REGISTRY_RETRIES: input should be greater than or equal to 0"),
        (
            {"CA_FILE": "nowhere.pem"},
            "SCHEMA_REGISTRY_CA_FILE: nowhere.pem: expected certificates in PEM: No such file",
        ),
        ({"CA_FILE": __file__}, "SCHEMA_REGISTRY_CA_FILE: "),
        ({"BEARER_TOKEN_FILE": "nowhere"}, "SCHEMA_REGISTRY_BEARER_TOKEN_FILE: cannot read nowhere: No such file"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named_and_no_secret_told(
    given: dict[str, str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in ({"URL": "http://one.test"} | given).items():
        monkeypatch.setenv(f"SCHEMA_REGISTRY_{name}", value)
    with pytest.raises(UsageError) as caught:
        RegistrySettings.load()
    assert str(caught.value).startswith(said) or said in str(caught.value)
    assert "s3cret" not in str(caught.value)
    assert caught.value.exit_code == 2


def test_every_wrong_setting_has_a_line_of_its_own() -> None:
    with pytest.raises(UsageError) as caught:
        RegistrySettings.load(url="http://one.test", timeout=-1, retries="x")
    assert [line.split(":")[0] for line in str(caught.value).splitlines()] == [
        "SCHEMA_REGISTRY_TIMEOUT",
        "SCHEMA_REGISTRY_RETRIES",
    ]


def test_secrets_are_in_no_representation() -> None:
    settings = RegistrySettings.load(url="http://me:s3cret@one.test", basic_auth="me:s3cret")
    assert "s3cret" not in f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()}"


@pytest.mark.parametrize(
    ("url", "context"),
    [
        ("http://one.test", "."),
        ("http://one.test/contexts/.", "."),
        ("http://one.test/contexts/.ctx2/", ".ctx2"),
        ("http://me:pw@one.test/api/contexts/%3A.ctx2%3A", ".ctx2"),
        ("http://one.test/contexts/ctx2, http://two.test/contexts/.ctx2", ".ctx2"),
        ("http://one.test/contexts/.ctx2/apis/ccompat/v7", "."),
    ],
)
def test_the_url_chooses_a_context(url: str, context: str) -> None:
    assert RegistrySettings.load(url=url).context == context


def test_urls_of_different_contexts_are_refused() -> None:
    with pytest.raises(UsageError, match=r"SCHEMA_REGISTRY_URL: the URLs choose different contexts \(., .ctx2\)"):
        RegistrySettings.load(url="http://one.test/contexts/.ctx2,http://two.test")
