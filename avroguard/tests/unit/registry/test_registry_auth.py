"""Credentials are read again where they are refused; tokens come from an OAuth server."""

import base64
from pathlib import Path
from urllib.parse import parse_qs

import httpx2
import pytest

from avroguard.errors import NotAuthorised, Unavailable, UsageError
from avroguard.registry.client import Registry
from avroguard.registry.settings import RegistrySettings

TOKENS = "http://oauth.test/token"
OAUTH = {"oauth_token_url": TOKENS, "oauth_client_id": "detector", "oauth_client_secret": "s3cret"}


class Server:
    """A registry that knows one password or token, and an OAuth server that gives new tokens."""

    def __init__(self, accepted: str, *, lifetime: float = 3600) -> None:
        self.accepted = accepted
        self.lifetime = lifetime
        self.given = 0
        self.requests: list[httpx2.Request] = []
        self.authorisations: list[str | None] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        self.authorisations.append(request.headers.get("Authorization"))
        if str(request.url) == TOKENS:
            self.given += 1
            return httpx2.Response(200, json={"access_token": f"t{self.given}", "expires_in": self.lifetime})
        accepted = request.headers.get("Authorization") == self.accepted
        return httpx2.Response(200, json=["AVRO"]) if accepted else httpx2.Response(401)

    def registry(self, **settings: object) -> Registry:
        url = "http://schemas.test"
        return Registry(RegistrySettings.load(url=url, retries=0, **settings), transport=httpx2.MockTransport(self))


def basic(login: str) -> str:
    return "Basic " + base64.b64encode(login.encode()).decode()


def ask(registry: Registry) -> None:
    registry.ping()


def test_a_password_that_was_changed_in_its_file_is_read_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    login = tmp_path / "login"
    login.write_text("detector:first")
    monkeypatch.setenv("SCHEMA_REGISTRY_BASIC_AUTH_FILE", str(login))
    server = Server(basic("detector:first"))
    with server.registry() as registry:
        ask(registry)
        server.accepted = basic("detector:second")
        with pytest.raises(NotAuthorised):
            ask(registry)
        assert len(server.requests) == 2  # the same password is not tried twice
        login.unlink()
        with pytest.raises(NotAuthorised):
            ask(registry)
        login.write_text("detector:second")
        ask(registry)
        ask(registry)
        assert server.authorisations[3:] == [
            basic("detector:first"), basic("detector:second"), basic("detector:second"),
        ]  # fmt: skip


def test_credentials_that_were_given_are_not_replaced_by_a_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "login").write_text("detector:right")
    monkeypatch.setenv("SCHEMA_REGISTRY_BASIC_AUTH_FILE", str(tmp_path / "login"))
    server = Server(basic("detector:right"))
    with server.registry(basic_auth="") as registry, pytest.raises(NotAuthorised):
        ask(registry)
    assert "Authorization" not in server.requests[0].headers


def test_a_token_is_fetched_once_while_it_lasts() -> None:
    server = Server("Bearer t1")
    with server.registry(**OAUTH, oauth_scope="registry") as registry:
        ask(registry)
        ask(registry)
    assert server.given == 1
    (request,) = (request for request in server.requests if str(request.url) == TOKENS)
    assert request.headers["Authorization"] == basic("detector:s3cret")
    assert parse_qs(request.content.decode()) == {"grant_type": ["client_credentials"], "scope": ["registry"]}


def test_a_token_that_has_ended_is_replaced() -> None:
    server = Server("Bearer t1", lifetime=0)
    with server.registry(**OAUTH) as registry:
        ask(registry)
        server.accepted = "Bearer t2"
        ask(registry)
    assert server.given == 2


def test_a_token_that_is_refused_is_replaced() -> None:
    server = Server("Bearer t1")
    with server.registry(**OAUTH) as registry:
        ask(registry)
        server.accepted = "Bearer t2"  # the registry has revoked the first
        ask(registry)
        server.accepted = "none"
        with pytest.raises(NotAuthorised, match="401"):
            ask(registry)


@pytest.mark.parametrize(
    ("answer", "error", "text"),
    [
        (httpx2.Response(401, json={"error": "invalid_client"}), NotAuthorised, "gives this client no token"),
        (httpx2.Response(200, json={"token": "x"}), Unavailable, "answered 200 without a token"),
        (httpx2.Response(500, text="<html>"), Unavailable, "answered 500 without a token"),
    ],
)
def test_an_oauth_server_that_gives_no_token_is_named(
    answer: httpx2.Response, error: type[Exception], text: str
) -> None:
    registry = Registry(RegistrySettings.load(url="http://schemas.test", retries=0, **OAUTH),
                        transport=httpx2.MockTransport(lambda _request: answer))  # fmt: skip
    with registry, pytest.raises(error, match=text) as failure:
        ask(registry)
    assert "s3cret" not in str(failure.value)


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        (
            {"oauth_token_url": TOKENS},
            "expected SCHEMA_REGISTRY_OAUTH_CLIENT_ID and SCHEMA_REGISTRY_OAUTH_CLIENT_SECRET",
        ),
        (OAUTH | {"basic_auth": "a:b"}, "BASIC_AUTH and SCHEMA_REGISTRY_OAUTH_TOKEN_URL: set one of them, not both"),
        (OAUTH | {"oauth_token_url": "ftp://x"}, "SCHEMA_REGISTRY_OAUTH_TOKEN_URL: expected http:// or https://"),
    ],
)
def test_settings_that_do_not_fit_together_are_refused(settings: dict[str, str], text: str) -> None:
    with pytest.raises(UsageError, match=text):
        RegistrySettings.load(url="http://schemas.test", **settings)
