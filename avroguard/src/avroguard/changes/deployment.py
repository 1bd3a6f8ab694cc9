"""Order in which a change of a schema can be deployed. No I/O."""

from avroguard.compatibility import incompatibilities


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
        return "readers and writers deploy in any order"
    if backward:
        return "readers deploy first, then writers"
    if forward:
        return "writers deploy first, then readers"
    return "no order of deployment is safe"
