"""Rules for single schemas: acceptable to every parser, and good practice. No I/O but in `files`."""

from avroguard.lint.schema_lint import LINT_FAMILIES, lint_schema

__all__ = ["LINT_FAMILIES", "lint_schema"]
