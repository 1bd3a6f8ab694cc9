"""The audit log: who did what, from where; and the limit of failed logins that follows from it."""

from sqlalchemy import Connection, func, insert, or_, select, update

from services.console.clock import MINUTE, now_ms
from services.console.storage.tables import audit

LOGIN_FAILED = "login failed"
LOGIN_LIMIT = 5
LOGIN_LIMIT_ADDRESS = 20
LOGIN_WINDOW_MS = 10 * MINUTE


def record(connection: Connection, user: str, action: str, subject: str, address: str) -> None:
    """Add an entry.

    Args:
        connection: In a transaction that writes.
        user: Name of the user; of a failed login the one that was typed.
        action: What was done, such as `login`.
        subject: What it was done to.
        address: The address that the request came from.
    """
    connection.execute(
        insert(audit).values(at=now_ms(), user=user[:64], action=action, object=subject[:1000], address=address[:64])
    )


def too_many_failures(connection: Connection, user: str, address: str) -> bool:
    """Return whether a user, or an address, failed to log in too often in the last ten minutes."""
    recent = (audit.c.action == LOGIN_FAILED) & (audit.c.at > now_ms() - LOGIN_WINDOW_MS)
    by_user, by_address = connection.execute(
        select(
            func.count().filter(audit.c.user == user[:64]),
            func.count().filter(audit.c.address == address[:64]),
        ).where(recent, or_(audit.c.user == user[:64], audit.c.address == address[:64]))
    ).one()
    return bool(by_user >= LOGIN_LIMIT or by_address >= LOGIN_LIMIT_ADDRESS)


def forget_failures(connection: Connection, user: str, address: str) -> None:
    """Take back what a login that succeeded was counted as, and its user's failures from the same address."""
    connection.execute(
        update(audit)
        .where(
            audit.c.action == LOGIN_FAILED,
            audit.c.user == user[:64],
            audit.c.address == address[:64],
            audit.c.at > now_ms() - LOGIN_WINDOW_MS,
        )
        .values(action="login failed before")
    )
