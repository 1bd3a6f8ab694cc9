"""Ends an ephemeral cluster together with its owner: a process that outlives the owner and knows it by a pipe."""

import shutil
import sys
from pathlib import Path

from tools.local_cluster.process import ManagedProcess


def main(root: Path) -> None:
    """Wait until the owner closes its end of standard input or dies, then end its servers and remove their files."""
    sys.stdin.read()
    for id_file in root.glob("*/process.json"):
        ManagedProcess(id_file.parent.name, id_file.parent).kill()
    shutil.rmtree(root, ignore_errors=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
