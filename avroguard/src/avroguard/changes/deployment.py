"""Order in which a change of a schema can be deployed. No I/O."""

from avroguard.compatibility import incompatibilities
from avroguard.levels import Level

_ANY, _READERS, _WRITERS = (
    "readers and writers deploy in any order",
    "readers deploy first, then writers",
    "writers deploy first, then readers",
)
_BY_LEVEL = {
    Level.BACKWARD: _READERS,
    Level.BACKWARD_TRANSITIVE: _READERS,
    Level.FORWARD: _WRITERS,
    Level.FORWARD_TRANSITIVE: _WRITERS,
    Level.FULL: _ANY,
    Level.FULL_TRANSITIVE: _ANY,
    Level.FROZEN: _ANY,
}


def order_at(level: Level) -> str:
    """Return who deploys first, in words, where changes are compatible at a level; empty for the level NONE."""
    return _BY_LEVEL.get(level, "")


def deployment_order(old: object, new: object) -> str:
    """Say who deploys first, in words, by who can read whom.

    Args:
        old: The schema before, as plain JSON data.
        new: The schema after.

    Raises:
        ContractError: One of the two is no Avro schema.
    """
    backward, forward = not incompatibilities(new, old), not incompatibilities(old, new)
    if backward and forward:
        return _ANY
    if backward:
        return _READERS
    if forward:
        return _WRITERS
    return "no order of deployment is safe"
