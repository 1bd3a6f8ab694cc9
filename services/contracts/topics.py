"""Location of the pipeline's contracts."""

import os
from pathlib import Path

from avroguard.config.subjects import Contracts
from avroguard.config.topics import load_contracts as load_contracts_file
from avroguard.config.tree import CONTRACTS

SCHEMAS_ENVIRONMENT = {"SCHEMAS_DIR": f"The directory of {CONTRACTS}; by default schemas in the working directory."}
"""The environment variables that `load_contracts` reads, with their meaning."""

_CHECKOUT = Path(__file__).parents[2]


def load_contracts(path: Path | None = None) -> Contracts:
    """Read and check ``contracts.toml`` and every schema that it names.

    Args:
        path: The file; by default that of ``SCHEMAS_DIR``, else of ``schemas`` in the working directory, else of
            ``schemas`` beside this package.

    Raises:
        ContractError: One line for each fault, with file and line.
    """
    if path is None:
        local = Path("schemas")
        default = local if local.is_dir() else _CHECKOUT / "schemas"
        path = Path(os.environ.get("SCHEMAS_DIR") or default) / CONTRACTS
    return load_contracts_file(path)
