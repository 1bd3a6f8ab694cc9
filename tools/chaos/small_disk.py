"""A file system so small that a broker can fill it, in memory. To mount one takes root."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

from tools.chaos.results import NotRun
from tools.local_cluster.kafka import Broker

SIZE_MB = 600


class SmallDisk:
    """A mounted tmpfs, with ballast that takes all the room there is.

    Args:
        mount: The mount point.
    """

    def __init__(self, mount: Path) -> None:
        self._mount = mount
        self._ballast = mount / "ballast"

    @classmethod
    @contextmanager
    def mounted(cls) -> Iterator[Self]:
        """Mounts one for the length of a `with` block.

        Raises:
            NotRun: This user may not.
        """
        mount = Path(tempfile.mkdtemp(prefix="small-disk-"))
        try:
            options = f"size={SIZE_MB}m"
            done = subprocess.run(
                ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(mount)],
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode:
                raise NotRun(f"mounting a small file system takes root: {done.stderr.strip()}")
            yield cls(mount)
        finally:
            subprocess.run(["umount", "--lazy", str(mount)], capture_output=True, check=False)
            mount.rmdir()

    def take_in(self, broker: Broker) -> None:
        """Moves a broker's data here and starts it again."""
        broker.stop()
        data = broker.process.directory / "data"
        here = self._mount / "data"
        shutil.copytree(data, here)
        shutil.rmtree(data)
        data.symlink_to(here)
        broker.start()
        broker.wait_healthy()

    def fill(self) -> None:
        """Leaves no room at all, however fast others take it."""
        with suppress(OSError), self._ballast.open("ab", buffering=0) as file:
            while True:
                file.write(bytes(1 << 20))

    def free(self) -> None:
        """Gives the room back."""
        self._ballast.unlink(missing_ok=True)
