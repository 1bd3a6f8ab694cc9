"""A ``contracts.toml`` for the schemas that are there. No I/O."""

import json

from avroguard.avro.names import type_name
from avroguard.config.projects import Project

_HEADER = """\
# What each schema promises to its readers and writers; avroguard check compares every change with it.
# Levels: NONE, BACKWARD (new readers read old data), FORWARD (old readers read new data), FULL (both),
# each of the three with _TRANSITIVE for every version since the first tag; FROZEN: docs and aliases alone change.
#
# Where a topic carries a schema, say so instead, and the subject in a registry is orders-value and orders-key:
#
#   [topics.orders]
#   key = "order_key.avsc"
#   value = "order.avsc"
#   compatibility = "BACKWARD"
"""


def initial_contracts(project: Project) -> tuple[str, tuple[str, ...]]:
    """Return the text of the file, and the files that it has no table for.

    Args:
        project: The schemas of a directory without contracts.
    """
    tables, left_out = [_HEADER], list(project.inspection.invalid)
    for contract in project.inspection.contracts.subjects:
        name = project.path_of(contract.schema)
        if type_name(contract.schema.document.json) != contract.subject:  # no name, or that of another file
            left_out.append(name)
            continue
        quoted = json.dumps(name, ensure_ascii=False)
        tables.append(f'[schemas.{quoted}]  # {contract.subject}\ncompatibility = "{contract.compatibility}"\n')
    return "\n".join(tables), tuple(left_out)
