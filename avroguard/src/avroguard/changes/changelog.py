"""Changelog of schemas since a version, as Markdown for a pull request. No I/O."""

from collections.abc import Sequence
from dataclasses import dataclass

from avroguard.changes.deployment import deployment_order
from avroguard.changes.differences import Kind, differences
from avroguard.config.subjects import SubjectContract
from avroguard.findings import Finding

_VERBS = {Kind.ADDED: "Added", Kind.REMOVED: "Removed", Kind.CHANGED: "Changed"}


@dataclass(frozen=True)
class SubjectChange:
    """Change of one subject.

    Attributes:
        contract: The subject as it is now.
        before: Its schema before, as plain JSON data.
        findings: The findings of the change, with explanations.
    """

    contract: SubjectContract
    before: object
    findings: tuple[Finding, ...]


def changelog(label: str, changes: Sequence[SubjectChange], others: Sequence[Finding]) -> str:
    """The changes as Markdown.

    Args:
        label: The contracts that they are compared with.
        changes: The subjects that have a schema there and here; those without a difference are left out.
        others: The findings of new, removed and not compared subjects.
    """
    sections = [section for change in changes if (section := _section(change))]
    listed = [f"- {_escaped(finding.message)} (`{finding.place}`)" for finding in others]
    rest = ["\n".join(["## New, gone or not compared", "", *listed])] if listed else []
    return "\n\n".join([f"# Schema changes since {label}", *(sections + rest or ["No schema has changed."])]) + "\n"


def _section(change: SubjectChange) -> str:
    schema = change.contract.schema
    parts = differences(change.before, schema.json)
    if not parts:
        return ""
    lines = [f"## {change.contract.subject}", "", f"`{schema.path}`, at {change.contract.compatibility}", ""]
    lines += [f"- {_VERBS[part.kind]} {_escaped(part.part)}: {_escaped(part.detail)}" for part in parts]
    order = deployment_order(change.before, schema.json)
    lines += ["", f"**Deployment:** {order}."]
    for finding in change.findings:
        mark = "Breaks" if finding.fails else "Waived" if finding.waived else "Note"
        lines += ["", f"**{mark}:** {finding.rule} at `{finding.place}`: {_escaped(finding.advice)}"]
        if finding.explanation:
            lines += ["", "```text", finding.explanation.replace("```", "'''").rstrip("\n"), "```"]
    return "\n".join(lines)


def _escaped(text: str) -> str:
    """A text whose characters Markdown and HTML leave alone."""
    for character in "\\`*_[]|":
        text = text.replace(character, f"\\{character}")
    return " ".join(text.replace("<", "&lt;").split())
