"""Explanation of a finding in words: what was written, what is read, who must be deployed first. No I/O."""

from avroguard.changes.breakages import Breakage
from avroguard.compatibility import Direction, incompatibilities
from avroguard.explain.demonstrations import Demonstration, Outcome, demonstrate, demonstrate_change
from avroguard.explain.display import shown
from avroguard.levels import Level


def explain(breakage: Breakage) -> str:
    """Explain a finding in a few lines: a value, what becomes of it, and in which order to deploy."""
    change = breakage.change
    if not change.is_semantic:
        backward = change.direction is Direction.BACKWARD
        reader, writer = (breakage.new, breakage.old.schema) if backward else (breakage.old.schema, breakage.new)
        names = ("the new schema", breakage.old.label) if backward else (breakage.old.label, "the new schema")
        lines = [*_demonstration_lines(demonstrate(reader, writer, change), *names), _broken_order(breakage)]
    else:
        demonstration = demonstrate_change(breakage.old.schema, breakage.new, change)
        lines = [
            *_demonstration_lines(demonstration, "the new schema", breakage.old.label),
            "no order of deployment helps: both sides see it",
        ]
    safe = f"safe once mended ({change.fix}): " if change.fix else "safe once mended: "
    return "".join(f"{line}\n" for line in (*lines, f"{safe}{_order(breakage.level)}"))


def _demonstration_lines(demonstration: Demonstration, reader: str, writer: str) -> list[str]:
    match demonstration.outcome:
        case Outcome.FAILS:
            return [
                f"written with {writer}: {shown(demonstration.written)}",
                f"read with {reader}: fails: {demonstration.reason}",
            ]
        case Outcome.CHANGES:
            read = f"read with {reader}: {shown(demonstration.read)}"
            return [f"written with {writer}: {shown(demonstration.written)}", read, f"({demonstration.reason})"]
    return [f"no record shows it: {demonstration.reason}"]


def _broken_order(breakage: Breakage) -> str:
    """Describe what the order of deployment could and could not do for the change as it is."""
    new, old = breakage.new, breakage.old.schema
    if breakage.change.direction is Direction.BACKWARD:
        text = f"readers with the new schema fail on what {breakage.old.label} wrote and is still in the topic"
        other = not incompatibilities(old, new)
        return f"{text}; readers with {breakage.old.label} would read the new one's" if other else text
    text = f"readers with {breakage.old.label} fail on what the new schema writes"
    other = not incompatibilities(new, old)
    return f"{text}; only with every consumer deployed before the first producer they never meet it" if other else text


def _order(level: Level) -> str:
    """Return who is deployed first at a level. Source: Confluent's "Schema Evolution and Compatibility"."""
    if level.backward and level.forward:
        return f"{level}: deploy producers and consumers in any order"
    if level.backward:
        return f"{level}: deploy consumers first, then producers"
    if level.forward:
        return f"{level}: deploy producers first, then consumers"
    return f"{level}: nothing is promised in either order"
