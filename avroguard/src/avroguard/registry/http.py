"""One HTTP exchange with a registry, tried again where that may help, with errors that name the endpoint.

What the registries in use answer differs in everything but the status (Confluent's and Apicurio's were compared), and
error bodies may be empty or not JSON. So callers branch on status and error code; texts are for people only.
"""

import random
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import httpx2

from avroguard.errors import ContractError, FatalError, NotAuthorised, Unavailable, UsageError
from avroguard.registry.auth import Credentials
from avroguard.registry.settings import RegistrySettings

NO_REASON = "no reason given"
_MEDIA_TYPE = "application/vnd.schemaregistry.v1+json"
_FIRST_PAUSE = 0.2  # seconds before the first retry; doubled for each further one
_LONGEST_PAUSE = 5.0
# What to do about a refusal, by Confluent's error code, or by the status for registries without such codes.
_TODO = {
    409: "; avroguard check --against registry says what is incompatible, and where",
    422: "; the registry takes what it was sent for invalid: avroguard lint may say why",
    42202: "; expected a version from 1 on, or latest",
    42205: "; it is not in mode READWRITE, as a whole or for this subject: see GET /mode",
}


_NO_LEADER = (50003, 50004)
"""Confluent's codes for a request that could not be forwarded to the leader, or not as there is none."""


@dataclass(frozen=True)
class Reply:
    """An answer of a registry: a success, or a refusal that the caller has to understand.

    Attributes:
        what: The purpose, with the subject: ``subject s: registering schemas/transaction.avsc``.
        endpoint: The request, as messages name it: ``GET http://registry:8081/subjects``.
        status: The HTTP status, below 500 and neither 401 nor 403.
        body: The parsed JSON; None where there was none.
    """

    what: str
    endpoint: str
    status: int
    body: Any

    @property
    def ok(self) -> bool:
        """Return whether the registry did what the request asks."""
        return 200 <= self.status < 300

    @property
    def error_code(self) -> int | None:
        """The registry's own code, whose first three digits are the status; None where it gave none."""
        code = self.body.get("error_code") if isinstance(self.body, dict) else None
        return code if isinstance(code, int) else None

    @property
    def message(self) -> str:
        """The registry's own message, in one line."""
        text = self.body.get("message") or self.body.get("detail") if isinstance(self.body, dict) else self.body
        return " ".join(str(text).split())[:1000] if text else NO_REASON

    @property
    def missing(self) -> bool:
        """Return whether the registry knows the request but not its object (404 with one of the codes 404xx).

        A 404 without such a code comes from something that is no registry API at all.
        """
        return self.status == 404 and (self.error_code or 0) >= 40401

    @property
    def unknown_path(self) -> bool:
        """Return whether the registry, or another server there, does not know the request at all."""
        return self.status == 404 and not self.missing

    def expect(self, shape: Callable[[Any], bool]) -> Any:
        """Return the body of a success, of the shape that the API promises.

        Raises:
            FatalError: It is a refusal, or of another shape.
        """
        if not self.ok:
            raise self.refusal()
        if not shape(self.body):
            raise ContractError(f"{self.what}: {self.endpoint} answered with something else than the API promises")
        return self.body

    def refusal(self) -> FatalError:
        """The error for a reply that the caller has no use for."""
        if self.unknown_path:
            return UsageError(
                f"{self.what}: {self.endpoint} answered 404: SCHEMA_REGISTRY_URL is not the base of a registry's "
                "Confluent API (Apicurio's ends in /apis/ccompat/v7)"
            )
        code = f" ({self.error_code})" if self.error_code else ""
        todo = _TODO.get(self.error_code or 0) or _TODO.get(self.status, "")
        return ContractError(f"{self.what}: {self.endpoint} answered {self.status}{code}: {self.message}{todo}")


class _Fault(NamedTuple):
    """The reason why no reply came, and the registry's own code for it."""

    text: str
    code: int | None = None


class Http:
    """Requests to a registry.

    Args:
        settings: Address, credentials, timeout and retries.
        transport: Transport of the requests; for tests.
    """

    def __init__(self, settings: RegistrySettings, transport: httpx2.BaseTransport | None = None) -> None:
        self._bases = settings.base_urls
        self._retries = settings.retries
        self._timeout = settings.timeout
        self._leader_deadline = 0.0
        self._client = httpx2.Client(
            auth=Credentials(settings),
            headers={"Accept": f"{_MEDIA_TYPE}, application/json"},
            timeout=settings.timeout,
            transport=transport,
            trust_env=True,
            verify=ssl.create_default_context(cafile=str(settings.ca_file)) if settings.ca_file else True,
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def wait_for_leader(self, seconds: float) -> None:
        """Retry for that long every request that the registry answers with having no leader to forward it to."""
        self._leader_deadline = time.monotonic() + seconds

    def request(self, method: str, path: str, what: str, json: Any = None) -> Reply:
        """Ask the registry, trying again after a pause where it doesn't answer or answers with a fault of its own.

        Args:
            method: The HTTP method.
            path: The path after the base URL, beginning with a slash, quoted.
            what: The purpose with the subject: the beginning of every error.
            json: The body to send.

        Raises:
            Unavailable: If no try gave an answer (no connection, timeout, 408, 429, 5xx, not JSON).
            NotAuthorised: On 401 and 403.
        """
        attempt = 0
        fault = _Fault("")
        while True:
            for base in self._bases:
                answer = self._try(method, base + path, what, json)
                if isinstance(answer, Reply):
                    return answer
                fault = answer
            leader_may_come = fault.code in _NO_LEADER and time.monotonic() < self._leader_deadline
            if attempt >= self._retries and not leader_may_come:
                break
            pause = min(_FIRST_PAUSE * 2**attempt, _LONGEST_PAUSE)
            attempt += 1
            time.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - spreads retries, guards nothing
        tries = f"{attempt + 1} times" if attempt else "once"
        urls = ", ".join(self._bases)
        raise Unavailable(f"{what}: {fault.text} (tried {tries}); is the schema registry up at {urls}?")

    def _try(self, method: str, url: str, what: str, json: Any) -> Reply | _Fault:
        """One exchange: the reply, or why none came."""
        endpoint = f"{method} {url}"
        headers = {"Content-Type": _MEDIA_TYPE} if json is not None else {}
        try:
            response = self._client.request(method, url, json=json, headers=headers)
        except httpx2.TimeoutException:
            return _Fault(f"{endpoint}: no answer within {self._timeout:g} s")
        except httpx2.HTTPError as error:
            hint = " (set SCHEMA_REGISTRY_CA_FILE)" if "CERTIFICATE_VERIFY_FAILED" in str(error) else ""
            return _Fault(f"{endpoint}: {str(error) or type(error).__name__}{hint}")
        return _understood(what, endpoint, response)


def _understood(what: str, endpoint: str, response: httpx2.Response) -> Reply | _Fault:
    """Return the reply to be handed to the caller, or what is wrong with it if another try may mend it."""
    status = response.status_code
    if status in (401, 403):
        cause = "the credentials are missing or wrong" if status == 401 else "the credentials may not do this"
        raise NotAuthorised(
            f"{what}: {endpoint} answered {status}: {cause}; "
            "set SCHEMA_REGISTRY_BASIC_AUTH (user:password), _BEARER_TOKEN or _OAUTH_TOKEN_URL"
        )
    if 300 <= status < 400:
        return _Fault(f"{endpoint} answered {status}: it redirects elsewhere, which a registry does not")
    try:
        reply = Reply(what, endpoint, status, response.json())
    except ValueError:
        reply = Reply(what, endpoint, status, None)
        if status < 300:
            return _Fault(f"{endpoint} answered {status} with something that is not JSON")
    if status < 500 and status not in (408, 429):
        return reply
    code = f" ({reply.error_code})" if reply.error_code else ""
    reason = "" if reply.message == NO_REASON else f": {reply.message}"
    return _Fault(
        f"{f'{endpoint} answered {status} {response.reason_phrase}'.rstrip()}{code}{reason}", reply.error_code
    )
