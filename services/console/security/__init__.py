"""Users, sessions, roles and the audit log."""
