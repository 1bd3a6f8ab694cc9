"""Settings of the schema registry: its URL and credentials, from the environment or from files."""

import os
import ssl
from pathlib import Path
from typing import Any, Self
from urllib.parse import SplitResult, unquote, urlsplit

from pydantic import Field, PrivateAttr, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from avroguard.errors import UsageError
from avroguard.registry.contexts import context_of

_PREFIX = "SCHEMA_REGISTRY_"
_ALSO_FROM_FILE = ("url", "basic_auth", "bearer_token", "oauth_client_secret")


class RegistrySettings(BaseSettings):
    """Settings of the registry; each is ``SCHEMA_REGISTRY_`` and its name in capitals.

    The URL and the secrets may be read from a file instead: ``SCHEMA_REGISTRY_URL_FILE``.

    Attributes:
        url: Base URL of the Confluent API, or several of one registry, separated by commas, tried in turn. A user and
            password in it are used for basic auth, which is why it counts as a secret. One that ends in
            ``/contexts/.name`` chooses a context of Confluent's registry.
        basic_auth: ``user:password``.
        bearer_token: The token alone, without ``Bearer``.
        oauth_token_url: URL of an OAuth server that gives tokens for the client below.
        oauth_client_id: Id of the client there.
        oauth_client_secret: Its secret.
        oauth_scope: Scope to ask for; empty for none.
        ca_file: Certificates in PEM to trust instead of the system's.
        timeout: Seconds to wait for a connection, and for each part of an answer.
        retries: Number of retries of a failed request.
    """

    model_config = SettingsConfigDict(env_prefix=_PREFIX, frozen=True, extra="ignore", hide_input_in_errors=True)

    url: SecretStr = Field(default=SecretStr(""), validate_default=True)
    basic_auth: SecretStr | None = None
    bearer_token: SecretStr | None = None
    oauth_token_url: str = ""
    oauth_client_id: str = ""
    oauth_client_secret: SecretStr | None = None
    oauth_scope: str = ""
    ca_file: Path | None = None
    timeout: float = Field(default=10.0, gt=0, allow_inf_nan=False)
    retries: int = Field(default=3, ge=0, le=100)
    _given: dict[str, Any] = PrivateAttr(default_factory=dict)

    @classmethod
    def load(cls, **given: Any) -> Self:
        """Read the settings; what is given goes before the environment.

        Raises:
            UsageError: One line for each setting that can't be used, none with a secret in it.
        """
        try:
            settings = cls(**given)
            settings._given = given
            return settings
        except ValidationError as error:
            lines = [
                f"{_PREFIX}{str(fault['loc'][0]).upper()}: {_lower(fault['msg'])}" if fault["loc"] else fault["msg"]
                for fault in error.errors(include_input=False, include_url=False)
            ]
            raise UsageError("\n".join(line.replace("Value error, ", "") for line in lines)) from None

    def renewed(self) -> Self:
        """Return the settings as they are now, with secrets read from their files again; raises as `load`."""
        return type(self).load(**self._given)

    @model_validator(mode="before")
    @classmethod
    def _read_files(cls, values: dict[str, Any]) -> dict[str, Any]:
        read = dict(values)
        for name in _ALSO_FROM_FILE:
            variable = f"{_PREFIX}{name.upper()}_FILE"
            path = os.environ.get(variable)
            if not path or name in values:
                continue
            try:
                read[name] = Path(path).read_text(encoding="utf-8").strip()
            except (OSError, ValueError) as error:
                reason = error.strerror if isinstance(error, OSError) else "not a text file"
                raise ValueError(f"{variable}: cannot read {path}: {reason}") from None
        return read

    @field_validator("url")
    @classmethod
    def _check_url(cls, url: SecretStr) -> SecretStr:
        parts = [part.strip() for part in url.get_secret_value().split(",") if part.strip()]
        if not parts:
            raise ValueError("not set; expected the registry's URL, such as http://127.0.0.1:8081")
        for part in parts:
            try:
                split = urlsplit(part)
                port = split.port
            except ValueError:
                raise ValueError("not a URL; expected one such as http://127.0.0.1:8081") from None
            if split.scheme not in ("http", "https") or not split.hostname or port == 0:
                raise ValueError("expected http:// or https://, a host and maybe a port and a path")
        return url

    @field_validator("basic_auth")
    @classmethod
    def _check_basic_auth(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None or not value.get_secret_value():
            return None
        if ":" not in value.get_secret_value():
            raise ValueError("expected user:password")
        return value

    @field_validator("bearer_token")
    @classmethod
    def _check_bearer_token(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None or not value.get_secret_value():
            return None
        if not value.get_secret_value().isascii() or not value.get_secret_value().isprintable():
            raise ValueError("expected printable ASCII characters")
        return value

    @field_validator("ca_file")
    @classmethod
    def _check_ca_file(cls, path: Path | None) -> Path | None:
        if path is None or path == Path():
            return None
        try:
            ssl.create_default_context(cafile=str(path))
        except (OSError, ssl.SSLError) as error:
            raise ValueError(f"{path}: expected certificates in PEM: {error.strerror or error}") from None
        return path

    @model_validator(mode="after")
    def _one_identity(self) -> Self:
        names = ("basic_auth", "bearer_token", "oauth_token_url")
        chosen = [f"{_PREFIX}{name.upper()}" for name in names if getattr(self, name)]
        if len(chosen) > 1:
            raise ValueError(f"{' and '.join(chosen)}: set one of them, not {'both' if len(chosen) == 2 else 'all'}")
        if self.oauth_token_url and not (self.oauth_client_id and self.oauth_client_secret):
            raise ValueError(
                f"{_PREFIX}OAUTH_TOKEN_URL: expected {_PREFIX}OAUTH_CLIENT_ID and {_PREFIX}OAUTH_CLIENT_SECRET with it"
            )
        return self

    @field_validator("oauth_token_url")
    @classmethod
    def _check_token_url(cls, url: str) -> str:
        if url and urlsplit(url).scheme not in ("http", "https"):
            raise ValueError("expected http:// or https://, a host and maybe a port and a path")
        return url

    @model_validator(mode="after")
    def _one_context(self) -> Self:
        contexts = {context_of(url) for url in self.base_urls}
        if len(contexts) > 1:
            names = ", ".join(sorted(contexts))
            raise ValueError(f"{_PREFIX}URL: the URLs choose different contexts ({names}): expected one for all")
        return self

    @property
    def context(self) -> str:
        """The context that the URL chooses; ``.`` is the default one."""
        return context_of(self.base_urls[0])

    @property
    def base_urls(self) -> tuple[str, ...]:
        """The base URLs without credentials and without a slash at the end: safe to print."""
        return tuple(
            f"{split.scheme}://{split.netloc.rpartition('@')[2]}{split.path.rstrip('/')}" for split in self._split
        )

    @property
    def user_and_password(self) -> tuple[str, str] | None:
        """User and password of basic auth: ``SCHEMA_REGISTRY_BASIC_AUTH``, or those of the first URL with a user."""
        if self.basic_auth:
            user, _, password = self.basic_auth.get_secret_value().partition(":")
            return user, password
        for split in self._split:
            if split.username is not None:
                return unquote(split.username), unquote(split.password or "")
        return None

    @property
    def _split(self) -> tuple[SplitResult, ...]:
        parts = self.url.get_secret_value().split(",")
        return tuple(urlsplit(part.strip()) for part in parts if part.strip())


def _lower(message: str) -> str:
    return message.removeprefix("Value error, ")[:1].lower() + message.removeprefix("Value error, ")[1:]
