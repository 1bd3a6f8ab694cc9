"""Location of the pipeline's contracts."""

import os
from pathlib import Path

from avroguard.config.subjects import Contracts
from avroguard.config.topics import load_contracts as load_contracts_file
from avroguard.config.tree import CONTRACTS
from avroguard.errors import ContractError

SCHEMAS_ENVIRONMENT = {"SCHEMAS_DIR": f"The directory of {CONTRACTS}; by default schemas in the working directory."}
"""The environment variables that `load_contracts` reads, with their meaning."""

_CHECKOUT = Path(__file__).parents[2]


def load_contracts(path: Path | None = None) -> Contracts:
    """Read and check ``contracts.toml`` and every schema that it names.

    Args:
        path: The file; by default that of ``SCHEMAS_DIR``, else of ``schemas`` in the working directory, else of
            ``schemas`` beside this package.

    Raises:
        ContractError: One line for each fault, with file and line; partitions and retention are demanded of each topic.
    """
    if path is None:
        local = Path("schemas")
        default = local if local.is_dir() else _CHECKOUT / "schemas"
        path = Path(os.environ.get("SCHEMAS_DIR") or default) / CONTRACTS
    contracts = load_contracts_file(path)
    missing = [
        f"{topic.place}: topic {topic.name}: expected {key}, such as {example}: create-topics makes the topic by it"
        for topic in contracts.topics
        for key, example, value in (
            ("partitions", "partitions = 3", topic.partitions),
            ("retention", 'retention = "7d"', topic.retention_ms),
        )
        if not value
    ]
    if missing:
        raise ContractError("\n".join(missing))
    return contracts
