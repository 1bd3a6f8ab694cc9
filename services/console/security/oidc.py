"""OpenID Connect: the authorization code flow with PKCE (RFC 7636).

Source: https://openid.net/specs/openid-connect-core-1_0.html
"""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import httpx2
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from services.errors import Unavailable

ALGORITHMS = ["RS256", "ES256", "EdDSA"]
_LEEWAY = 60


class Untrusted(Exception):  # noqa: N818 - reads as what happened
    """The provider's answer does not prove who the person is; the text says why."""


@dataclass(frozen=True)
class Person:
    """A person, as the provider names them.

    Attributes:
        subject: Issuer and subject: what never changes.
        name: A name to show.
        roles: The claim with roles, as it is.
    """

    subject: str
    name: str
    roles: Any


class IdentityProvider:
    """A provider of OpenID Connect.

    Args:
        issuer: Its issuer.
        client_id: The id of the console there.
        client_secret: Its secret.
        redirect_uri: Address to which the provider sends people back.
        role_claim: The claim that has roles.
    """

    def __init__(self, issuer: str, client_id: str, client_secret: str, redirect_uri: str, role_claim: str) -> None:
        self._issuer = issuer
        self._client_id = client_id
        self._client_secret = client_secret
        self._redirect_uri = redirect_uri
        self._role_claim = role_claim
        self._metadata: Mapping[str, Any] | None = None
        self._http = httpx2.Client(timeout=10)

    def login_address(self, state: str, nonce: str, verifier: str) -> str:
        """Return the address at the provider to which a person goes.

        Raises:
            Unavailable: The provider does not answer.
        """
        digest = hashlib.sha256(verifier.encode()).digest()
        query = {
            "response_type": "code",
            "client_id": self._client_id,
            "redirect_uri": self._redirect_uri,
            "scope": "openid profile",
            "state": state,
            "nonce": nonce,
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        return f"{self._known()['authorization_endpoint']}?{urlencode(query)}"

    def person(self, code: str, nonce: str, verifier: str) -> Person:
        """Return who a code stands for.

        Raises:
            Untrusted: The token is not one of this provider for this console and this login.
            Unavailable: The provider does not answer.
        """
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._redirect_uri,
            "code_verifier": verifier,
        }
        known = self._known()
        try:
            answer = self._http.post(known["token_endpoint"], data=form, auth=(self._client_id, self._client_secret))
            if answer.status_code != 200:
                raise Untrusted("the provider does not accept the code")
            keys = KeySet.import_key_set(self._http.get(known["jwks_uri"]).raise_for_status().json())
            token = jwt.decode(str(answer.json()["id_token"]), keys, algorithms=ALGORITHMS)
            jwt.JWTClaimsRegistry(
                leeway=_LEEWAY,
                iss={"essential": True, "value": self._issuer},
                aud={"essential": True, "value": self._client_id},
                exp={"essential": True},
                sub={"essential": True},
                nonce={"essential": True, "value": nonce},
            ).validate(token.claims)
        except httpx2.HTTPError as error:
            raise Unavailable(f"OIDC_ISSUER: {self._issuer} does not answer: {type(error).__name__}") from error
        except (JoseError, KeyError, TypeError, ValueError) as error:
            raise Untrusted(f"the token is not valid: {error}") from error
        claims = token.claims
        name = str(claims.get("preferred_username") or claims.get("email") or claims["sub"])
        return Person(f"{self._issuer}\n{claims['sub']}", name, claims.get(self._role_claim))

    def _known(self) -> Mapping[str, Any]:
        """Return the provider's metadata, asked for once."""
        if self._metadata is None:
            address = f"{self._issuer.rstrip('/')}/.well-known/openid-configuration"
            try:
                metadata = self._http.get(address).raise_for_status().json()
            except (httpx2.HTTPError, ValueError) as error:
                raise Unavailable(f"OIDC_ISSUER: {address} does not answer: {type(error).__name__}") from error
            if metadata.get("issuer") != self._issuer:
                raise Unavailable(f"OIDC_ISSUER: {address} is of the issuer {metadata.get('issuer')}")
            self._metadata = metadata
        return self._metadata
