"""Passwords and tokens: only their hashes are stored."""

import hashlib
import os
import secrets
from threading import BoundedSemaphore

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

# The parameters that OWASP's cheat sheet on password storage recommends: 19 MiB, 2 iterations, 1 lane.
_ITERATIONS, _MEMORY_KIB, _LANES = 2, 19_456, 1

MIN_PASSWORD, MAX_PASSWORD = 10, 200

# A flood of logins takes no more memory and cores than this.
_AT_ONCE = BoundedSemaphore(2)


def hash_password(password: str) -> str:
    """Return the Argon2id hash of a password, as a PHC string with its parameters and salt."""
    with _AT_ONCE:
        return Argon2id(
            salt=os.urandom(16), length=32, iterations=_ITERATIONS, lanes=_LANES, memory_cost=_MEMORY_KIB
        ).derive_phc_encoded(password.encode())


UNKNOWN_USER_HASH = hash_password(secrets.token_urlsafe())
"""Checked where there is no such user, so that the time of an answer does not tell."""


def verify_password(password: str, phc: str) -> bool:
    """Return whether a password has a hash."""
    with _AT_ONCE:
        try:
            Argon2id.verify_phc_encoded(password.encode(), phc)
        except InvalidKey:
            return False
        return True


def password_problem(password: str, name: str) -> str | None:
    """Return what is wrong with a new password; None if nothing is."""
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        return f"The password needs {MIN_PASSWORD} to {MAX_PASSWORD} characters."
    if name and name.lower() in password.lower():
        return "The password must not contain the name."
    if len(set(password)) < 5:
        return "The password needs at least 5 different characters."
    return None


def new_token() -> str:
    """Return a random token of 256 bits."""
    return secrets.token_urlsafe(32)


def token_hash(token: str) -> str:
    """Return the hash under which a token is stored. It has 256 random bits, so it needs no slow hash."""
    return hashlib.sha256(token.encode()).hexdigest()
