"""Users and one-time links."""

import re
from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, insert, select, update

from services.console.clock import now_ms
from services.console.security.roles import ADMIN
from services.console.security.secrets import (
    UNKNOWN_USER_HASH,
    hash_password,
    new_token,
    token_hash,
    verify_password,
)
from services.console.storage.tables import links, sessions, users

NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._@-]{1,62}")
NAME_EXPECTED = "2 to 63 characters: letters, digits, and . _ @ -"


@dataclass(frozen=True)
class Link:
    """A one-time link.

    Attributes:
        role: Role of the user that it makes.
        user: Name of the user that it logs in; None: a new user takes a name.
    """

    role: str
    user: str | None


def has_users(connection: Connection) -> bool:
    """Return whether there is any user."""
    return connection.scalar(select(users.c.name).limit(1)) is not None


def create_link(connection: Connection, role: str, lifetime_ms: int, *, user: str | None = None, by: str = "") -> str:
    """Return the token of a new one-time link; its hash is stored."""
    token = new_token()
    connection.execute(
        insert(links).values(
            token_hash=token_hash(token), role=role, user=user, created_by=by or None, expires_at=now_ms() + lifetime_ms
        )
    )
    return token


def find_link(connection: Connection, token: str) -> Link | None:
    """Return the link of a token; None where there is none, or it has expired."""
    row = connection.execute(
        select(links).where(links.c.token_hash == token_hash(token), links.c.expires_at > now_ms())
    ).first()
    return Link(row.role, row.user) if row else None


def use_link(connection: Connection, token: str) -> bool:
    """Use up a link; return whether it was there: of two requests one alone gets it."""
    return connection.execute(delete(links).where(links.c.token_hash == token_hash(token))).rowcount == 1


def create_user(connection: Connection, name: str, role: str, password: str | None, subject: str | None = None) -> bool:
    """Add a user; return whether the name was free."""
    taken = connection.scalar(select(users.c.name).where(func.lower(users.c.name) == name.lower()))
    if taken is not None:
        return False
    connection.execute(
        insert(users).values(
            name=name,
            role=role,
            password=None if password is None else hash_password(password),
            subject=subject,
            disabled=False,
            created_at=now_ms(),
        )
    )
    return True


def check_password(connection: Connection, name: str, password: str) -> str | None:
    """Return the name of the user with a name and a password; None where there is none, or it is disabled."""
    row = connection.execute(select(users).where(users.c.name == name)).first()
    phc = row.password if row is not None and row.password else UNKNOWN_USER_HASH
    right = verify_password(password, phc)
    return row.name if row is not None and row.password and right and not row.disabled else None


def change_user(connection: Connection, name: str, *, role: str, disabled: bool) -> bool:
    """Change role and access of a user and end the sessions; return False where no admin would be left."""
    others = select(func.count()).where(users.c.role == ADMIN, ~users.c.disabled, users.c.name != name)
    if (role != ADMIN or disabled) and not connection.scalar(others):
        return False
    connection.execute(update(users).where(users.c.name == name).values(role=role, disabled=disabled))
    connection.execute(delete(sessions).where(sessions.c.user == name))
    return True
