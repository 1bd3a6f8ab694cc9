"""Roles: each may do what those before it may."""

VIEWER, ANALYST, LEAD, ADMIN = "viewer", "analyst", "lead", "admin"
ROLES = (VIEWER, ANALYST, LEAD, ADMIN)


def allows(role: str, needed: str) -> bool:
    """Return whether a role includes another one."""
    return role in ROLES and ROLES.index(role) >= ROLES.index(needed)


def highest(names: object) -> str | None:
    """Return the highest role among names, such as those of an identity provider; None where none is one."""
    values = [names] if isinstance(names, str) else names if isinstance(names, list) else []
    known = [role for role in ROLES if role in values]
    return known[-1] if known else None
