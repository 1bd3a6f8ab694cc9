"""Offsets of the projection: rows of the database, so that they change with what was projected or not at all."""

from collections.abc import Mapping

from sqlalchemy import Connection, insert, select, update

from services.console.storage.tables import offsets

Partition = tuple[str, int]


class Overtaken(Exception):  # noqa: N818 - reads as what happened
    """Another console has projected these records already: the offsets have to be read again."""


def read_offsets(connection: Connection) -> dict[Partition, int]:
    """Return the next offset by topic and partition."""
    rows = connection.execute(select(offsets.c.topic, offsets.c.partition, offsets.c.next_offset))
    return {(topic, partition): next_offset for topic, partition, next_offset in rows}


def advance(connection: Connection, before: Mapping[Partition, int], after: Mapping[Partition, int]) -> None:
    """Set offsets, if they are still those that reading began with.

    Args:
        connection: In the transaction of the projected rows.
        before: The offsets that the console knows; 0 for a partition that was never read.
        after: The new ones.

    Raises:
        Overtaken: Another console changed them; the transaction has to be rolled back.
    """
    for (topic, partition), next_offset in after.items():
        known = before.get((topic, partition))
        if known is None:
            connection.execute(insert(offsets).values(topic=topic, partition=partition, next_offset=next_offset))
            continue
        changed = connection.execute(
            update(offsets)
            .where(offsets.c.topic == topic, offsets.c.partition == partition, offsets.c.next_offset == known)
            .values(next_offset=next_offset)
        )
        if changed.rowcount != 1:
            raise Overtaken
