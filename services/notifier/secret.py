"""Secrets: a notifications file says where they are, never what they are."""

import os
from dataclasses import dataclass
from pathlib import Path

from services.errors import UsageError


@dataclass(frozen=True)
class Secret:
    """Place of a secret; it is read each time it is used, so that it can be changed.

    Attributes:
        place: File and line that name it, for messages.
        variable: The environment variable that has it; empty where a file does.
        path: The file that has it.
    """

    place: str
    variable: str = ""
    path: str = ""

    def reveal(self) -> str:
        """Return the secret.

        Raises:
            UsageError: It is not there.
        """
        if self.variable:
            value = os.environ.get(self.variable, "")
            if not value:
                raise UsageError(f"{self.place}: the environment has no {self.variable}; expected the secret in it")
            return value
        try:
            value = Path(self.path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            cause = error.strerror if isinstance(error, OSError) else "not UTF-8"
            raise UsageError(f"{self.place}: {self.path} can't be read: {cause}; expected the secret in it") from None
        if not value:
            raise UsageError(f"{self.place}: {self.path} is empty; expected the secret in it")
        return value
