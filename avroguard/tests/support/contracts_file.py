"""A contracts file that is right, and a directory in memory to read it from."""

from pathlib import Path

SCHEMAS = Path(__file__).parents[3] / "schemas"
GOOD = """\
[topics."a.b"]
partitions = 3
retention = "12h"
value = "transaction.avsc"
compatibility = "FULL"
message_timestamp_type = "LogAppendTime"
dead_letter_topic = "raw"

[topics.raw]
partitions = 1
retention = "2d"
value = "bytes"
"""


TRANSACTION = (SCHEMAS / "transaction.avsc").read_bytes()


class Files(dict[str, bytes]):
    """A directory in memory."""

    def read(self, name: str) -> bytes | None:
        return self.get(name)

    def shown(self, name: str) -> str:
        return name

    def schema_files(self) -> list[str]:
        return sorted(name for name in self if name.endswith(".avsc"))
