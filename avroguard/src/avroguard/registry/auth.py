"""Credentials of requests to a registry: read again where they are refused, and tokens of an OAuth server."""

import base64
import time
from collections.abc import Generator

import httpx2

from avroguard.errors import NotAuthorised, Unavailable, UsageError
from avroguard.registry.settings import RegistrySettings

_EARLY_SECONDS = 30.0
"""Seconds before its end from which on a token is replaced."""
_DEFAULT_SECONDS = 300.0
"""Lifetime of a token whose server does not state one."""


class Credentials(httpx2.Auth):
    """The credentials that the settings name.

    Where the registry answers 401, credentials in files are read again, and a token is asked for again: the request is
    repeated once if they are others now. So a rotation needs no restart.

    Args:
        settings: Credentials, and the OAuth server if there is one.
    """

    requires_response_body = True

    def __init__(self, settings: RegistrySettings) -> None:
        self._settings = settings
        self._token = ""
        self._token_ends = 0.0

    def auth_flow(self, request: httpx2.Request) -> Generator[httpx2.Request, httpx2.Response, None]:
        """Send the request with the credentials, once more with others where they are refused."""
        used = yield from self._header()
        if not used:
            yield request
            return
        request.headers["Authorization"] = used
        response = yield request
        if response.status_code != 401:
            return
        self._read_again()
        renewed = yield from self._header()
        if renewed != used:
            request.headers["Authorization"] = renewed
            yield request

    def _header(self) -> Generator[httpx2.Request, httpx2.Response, str]:
        """Return the value of the header; empty where there are no credentials."""
        settings = self._settings
        if settings.bearer_token:
            return f"Bearer {settings.bearer_token.get_secret_value()}"
        if settings.oauth_token_url:
            if time.monotonic() >= self._token_ends:
                yield from self._fetch_token()
            return f"Bearer {self._token}"
        if basic := settings.user_and_password:
            return "Basic " + base64.b64encode(":".join(basic).encode()).decode()
        return ""

    def _fetch_token(self) -> Generator[httpx2.Request, httpx2.Response, None]:
        """Ask the OAuth server for a token by the grant `client_credentials` (RFC 6749, 4.4).

        Raises:
            NotAuthorised: The server refuses the client.
            Unavailable: It answers with something else than a token.
        """
        settings = self._settings
        url = settings.oauth_token_url
        secret = settings.oauth_client_secret.get_secret_value() if settings.oauth_client_secret else ""
        login = base64.b64encode(f"{settings.oauth_client_id}:{secret}".encode()).decode()
        form = {"grant_type": "client_credentials"} | ({"scope": settings.oauth_scope} if settings.oauth_scope else {})
        headers = {"Authorization": f"Basic {login}", "Accept": "application/json"}
        response = yield httpx2.Request("POST", url, data=form, headers=headers)
        if response.status_code in (400, 401, 403):
            raise NotAuthorised(
                f"POST {url} answered {response.status_code}: the OAuth server gives this client no token; "
                "see SCHEMA_REGISTRY_OAUTH_CLIENT_ID, _CLIENT_SECRET and _SCOPE"
            )
        try:
            answer = response.json() if response.is_success else {}
            self._token = str(answer["access_token"])
            lifetime = float(answer.get("expires_in", _DEFAULT_SECONDS))
        except (ValueError, KeyError, TypeError):
            raise Unavailable(f"POST {url} answered {response.status_code} without a token") from None
        self._token_ends = time.monotonic() + max(0.0, lifetime - min(_EARLY_SECONDS, lifetime / 2))

    def _read_again(self) -> None:
        self._token_ends = 0.0
        try:
            self._settings = self._settings.renewed()
        except UsageError:
            return  # the file is being replaced: the refusal stands
