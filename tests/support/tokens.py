"""An OAuth server of a test's own: it gives signed tokens for the grant `client_credentials`."""

import base64
import json
import time
import urllib.parse
from pathlib import Path

from joserfc import jwt
from joserfc.jwk import RSAKey

from tests.support.http_server import HttpServer

AUDIENCE = "kafka"


class TokenSigner:
    """The key of an OAuth server.

    Args:
        directory: Takes the file of the public key.
    """

    def __init__(self, directory: Path) -> None:
        self._key = RSAKey.generate_key(2048, {"kid": "1", "use": "sig", "alg": "RS256"})
        self.keys = directory / "jwks.json"
        self.keys.write_text(json.dumps({"keys": [self._key.as_dict(private=False)]}))

    def token(self, subject: str, lifetime: float) -> str:
        """Return a token for a user that ends after `lifetime` seconds."""
        now = int(time.time())
        claims = {"sub": subject, "aud": AUDIENCE, "iss": "https://oauth.test", "iat": now, "exp": now + int(lifetime)}
        return jwt.encode({"alg": "RS256", "kid": "1"}, claims, self._key)


class TokenServer(HttpServer):
    """The token endpoint.

    Args:
        signer: Signs the tokens.
        user: User that they are for.
        lifetime: Seconds for which a token lasts.
    """

    def __init__(self, signer: TokenSigner, user: str, lifetime: float) -> None:
        super().__init__(self._give_token)
        self._signer = signer
        self._user = user
        self._lifetime = lifetime

    def _give_token(self, _path: str, body: bytes) -> str:
        form = dict(urllib.parse.parse_qsl(body.decode()))
        if form.get("grant_type") != "client_credentials":
            return '400 {"error": "unsupported_grant_type"}'
        token = self._signer.token(self._user, self._lifetime)
        return f"200 {json.dumps({'access_token': token, 'token_type': 'Bearer', 'expires_in': self._lifetime})}"


def basic(client: str, secret: str) -> str:
    """Return the header by which a client logs in."""
    return "Basic " + base64.b64encode(f"{client}:{secret}".encode()).decode()
