"""Runs a command on a cluster of its own, which ends with the command: ``python -m tools.with_cluster COMMAND ...``.

The command finds the cluster by ``KAFKA_BROKER_URL`` and ``SCHEMA_REGISTRY_URL``; its exit code is passed on.
"""

import os
import subprocess
import sys

from services.errors import ExpectedError
from tools.local_cluster import ephemeral


def main() -> int:
    """Run the command line's command; its exit code."""
    command = sys.argv[1:]
    if not command:
        print("usage: python -m tools.with_cluster COMMAND [ARGUMENT ...]", file=sys.stderr)
        return 2
    try:
        with ephemeral() as cluster:
            code = subprocess.run(command, env=os.environ | cluster.environment(), check=False).returncode
    except ExpectedError as error:
        print(f"with_cluster: {error}", file=sys.stderr)
        return error.exit_code
    except OSError as error:
        print(f"with_cluster: {command[0]}: {error.strerror}", file=sys.stderr)
        return 127  # as shells report a command that can't be run
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main())
