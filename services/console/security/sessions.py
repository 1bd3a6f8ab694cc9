"""Sessions: a random token in a cookie, its hash in the database."""

from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, select

from services.console.clock import now_ms
from services.console.security.roles import allows
from services.console.security.secrets import new_token, token_hash
from services.console.storage.tables import sessions, users


@dataclass(frozen=True)
class Session:
    """A person who is logged in.

    Attributes:
        user: Name.
        role: Role, as it is now.
        csrf: Token that each form carries.
    """

    user: str
    role: str
    csrf: str

    def may(self, needed: str) -> bool:
        """Return whether the person's role includes another one."""
        return allows(self.role, needed)


def create_session(connection: Connection, user: str, lifetime_ms: int) -> str:
    """Return the token of a new session. It is always a new one: none can be handed over before a login."""
    token, now = new_token(), now_ms()
    connection.execute(delete(sessions).where(sessions.c.expires_at < now))
    connection.execute(
        insert(sessions).values(
            token_hash=token_hash(token), user=user, csrf=new_token(), created_at=now, expires_at=now + lifetime_ms
        )
    )
    return token


def find_session(connection: Connection, token: str) -> Session | None:
    """Return the session of a token; None where it has ended, or its user may not log in any more."""
    row = connection.execute(
        select(users.c.name, users.c.role, sessions.c.csrf)
        .join(users, users.c.name == sessions.c.user)
        .where(sessions.c.token_hash == token_hash(token), sessions.c.expires_at > now_ms(), ~users.c.disabled)
    ).first()
    return Session(*row) if row else None


def end_session(connection: Connection, token: str) -> None:
    """End a session."""
    connection.execute(delete(sessions).where(sessions.c.token_hash == token_hash(token)))
