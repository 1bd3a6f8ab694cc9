"""Login at an OpenID Connect provider, which is a real HTTP server with keys of its own."""

import base64
import hashlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey
from sqlalchemy import select

from services.console.security.oidc import IdentityProvider
from services.console.security.people import create_user
from services.console.storage.tables import users
from tests.support.console import URL, Desk, desk


@dataclass
class Provider:
    """A provider; what its next token says can be changed."""

    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "1", "use": "sig", "alg": "RS256"}))
    signing_key: RSAKey | None = None
    claims: dict[str, Any] = field(default_factory=dict)
    challenge: str = ""
    nonce: str = ""

    def __post_init__(self) -> None:
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path.endswith("openid-configuration"):
                    names = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "keys"}
                    addresses = {name: f"{provider.issuer}/{path}" for name, path in names.items()}
                    self.answer({"issuer": provider.issuer} | addresses)
                else:
                    self.answer(KeySet([provider.key]).as_dict(private=False))

            def do_POST(self) -> None:
                form = parse_qs(self.rfile.read(int(self.headers["content-length"])).decode())
                digest = hashlib.sha256(form["code_verifier"][0].encode()).digest()
                right = base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == provider.challenge
                client = self.headers["authorization"] == f"Basic {base64.b64encode(b'console:secret').decode()}"
                if not (right and client and form["code"] == ["good"]):
                    self.answer({"error": "invalid_grant"}, 400)
                    return
                claims = {"iss": provider.issuer, "aud": "console", "sub": "42", "exp": int(time.time()) + 60,
                          "nonce": provider.nonce, "preferred_username": "olga", "roles": ["analyst"]}  # fmt: skip
                token = jwt.encode(
                    {"alg": "RS256", "kid": "1"}, claims | provider.claims, provider.signing_key or provider.key
                )
                self.answer({"id_token": token, "access_token": "x", "token_type": "Bearer"})

            def answer(self, body: Any, status: int = 200) -> None:
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.end_headers()
                self.wfile.write(json.dumps(body).encode())

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.issuer = f"http://127.0.0.1:{self.server.server_port}"
        Thread(target=self.server.serve_forever, daemon=True).start()

    def authorize(self, address: str) -> str:
        """Return the state with which the provider would send the browser back."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        assert (query["client_id"], query["redirect_uri"]) == ("console", f"{URL}/login/callback")
        self.challenge, self.nonce = query["code_challenge"], query["nonce"]
        return query["state"]


@pytest.fixture
def provider() -> Iterator[Provider]:
    made = Provider()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def here(provider: Provider, tmp_path: Path) -> Iterator[Desk]:
    identity = IdentityProvider(provider.issuer, "console", "secret", f"{URL}/login/callback", "roles")
    with desk(f"sqlite:///{tmp_path}/oidc.db", oidc_issuer=provider.issuer, identity=identity) as made:
        yield made


def log_in(here: Desk, provider: Provider, code: str = "good", state: str | None = None) -> Any:
    browser = here.visitor()
    assert "Log in with your organisation" in browser.get("/login").text
    issued = provider.authorize(browser.get("/login/provider").headers["location"])
    return browser.get("/login/callback", params={"code": code, "state": issued if state is None else state})


def names(here: Desk) -> list[tuple[str, str]]:
    with here.console.read() as connection:
        return [(row.name, row.role) for row in connection.execute(select(users).order_by(users.c.name))]


def test_a_person_logs_in_at_the_provider(here: Desk, provider: Provider) -> None:
    assert log_in(here, provider).headers["location"] == "/"
    assert names(here) == [("olga", "analyst")]
    provider.claims = {"roles": ["lead", "viewer"]}
    assert log_in(here, provider).headers["location"] == "/"
    assert names(here) == [("olga", "lead")]


def test_a_local_user_of_the_same_name_is_not_taken_over(here: Desk, provider: Provider) -> None:
    with here.console.write() as connection:
        create_user(connection, "olga", "admin", None)
    log_in(here, provider)
    assert names(here) == [("olga", "admin"), ("olga-2", "analyst")]


WRONG: list[dict[str, Any]] = [
    {"iss": "https://evil.example"},
    {"aud": "another"},
    {"exp": 1},
    {"nonce": "replayed"},
    {"roles": []},
    {"roles": ["root"]},
]


@pytest.mark.parametrize("claims", WRONG)
def test_a_token_that_proves_nothing_logs_nobody_in(here: Desk, provider: Provider, claims: dict[str, Any]) -> None:
    provider.claims = claims
    assert log_in(here, provider).status_code == 403
    assert names(here) == []


def test_a_token_of_another_key_logs_nobody_in(here: Desk, provider: Provider) -> None:
    provider.signing_key = RSAKey.generate_key(2048, {"kid": "1"})
    assert log_in(here, provider).status_code == 403


def test_a_login_that_began_elsewhere_is_refused(here: Desk, provider: Provider) -> None:
    assert log_in(here, provider, state="another").status_code == 400
    assert here.visitor().get("/login/callback?code=good&state=x").status_code == 400
    assert log_in(here, provider, code="bad").status_code == 403


def test_a_provider_that_is_away_is_named(here: Desk, provider: Provider) -> None:
    provider.server.shutdown()
    provider.server.server_close()
    answer = here.visitor().get("/login/provider")
    assert answer.status_code == 503
    assert "OIDC_ISSUER" in answer.text
