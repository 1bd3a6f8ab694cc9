"""Is a schema acceptable to every parser, and good practice? Rules that need one schema and nothing else. No I/O."""

from avroguard.lint.linting import LINT_FAMILIES, lint_schema

__all__ = ["LINT_FAMILIES", "lint_schema"]
