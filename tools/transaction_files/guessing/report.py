"""A proposal as people see it: the columns, what to decide, the first transactions, and what to do next."""

import shlex
from pathlib import Path

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from tools.transaction_files.guessing.proposal import Proposal
from tools.transaction_files.preview import first_transactions
from tools.transaction_files.profile import ISO, NAMES, Profile, Source

_SHOWN = 34
_UNUSED = 12


def report(proposal: Proposal, written: Path | None) -> RenderableType:
    """Return the report.

    Args:
        proposal: The proposal.
        written: The file that the profile was written to; None for a shipped one.
    """
    parts: list[RenderableType] = [Text.assemble((str(proposal.path), "bold"), f": {proposal.description}")]
    if proposal.shipped:
        parts += [
            Text.assemble(
                "This is the layout of the profile ", (proposal.shipped, "bold"), f": {proposal.profile.about}"
            )
        ]
    parts += [Text(), _fields(proposal)]
    if proposal.unused:
        more = f" and {len(proposal.unused) - _UNUSED} more" if len(proposal.unused) > _UNUSED else ""
        parts += [Text(f"not used: {', '.join(proposal.unused[:_UNUSED])}{more}", style="dim")]
    if proposal.block is not None and proposal.reader is not None:
        parts += [Text(), *_rows(proposal)]
    if proposal.doubts:
        parts += [Text(), Text("to check", style="yellow bold")]
        parts += [Text(f"  {doubt}", style="yellow") for doubt in proposal.doubts]
    return Group(*parts, Text(), *_next(proposal, written))


def _fields(proposal: Proposal) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 3, 0, 0))
    for name in ("field", "from", "in the file", "read as"):
        table.add_column(name, no_wrap=name != "read as")
    profile = proposal.profile
    for name in NAMES:
        if name in profile.fields:
            example = proposal.examples.get(name, "")
            table.add_row(
                Text(name, style="bold"), Text(_origin(profile.fields[name])), Text(_short(example)),
                Text(", ".join(_forms(name, profile))),
            )  # fmt: skip
    return table


def _origin(source: Source) -> str:
    return " + ".join(source.columns) if source.columns else f"always {source.value!r}"


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."


def _forms(name: str, profile: Profile) -> list[str]:
    """Return how the cells of a field are read, in words."""
    source = profile.fields[name]
    forms = [f"{text} = {meaning}" for text, meaning in list(source.values.items())[:3]]
    forms += ["..."] if len(source.values) > 3 else []
    if source.prefix:
        forms.append(f"with {source.prefix} before it")
    if source.default:
        forms.append(f"{source.default!r} where empty")
    if name in {"amount", "debit", "credit"}:
        forms += ["decimal comma"] if profile.decimal == "," else []
        forms += ["in the smallest unit"] if profile.minor_units else []
        forms += [f"{profile.paid_out} is paid out"] if profile.paid_out and name == "amount" else []
    if name == "created_at":
        forms += [form for form in profile.times if form != ISO]
        forms += [f"since {profile.start:%Y-%m-%d}"] if profile.start else []
        forms += [f"in {profile.zone}"] if profile.zone != "UTC" else ["in UTC where no zone is named"]
    return forms


def _rows(proposal: Proposal) -> list[RenderableType]:
    block, reader = proposal.block, proposal.reader
    if block is None or reader is None:
        return []
    unfit, rows = len(block.errors), len(block) + len(block.errors)
    left_out = f", {block.left_out:,} left out" if block.left_out else ""
    parts: list[RenderableType] = [
        Text(
            f"of the first {rows + block.left_out:,} rows {len(block):,} are transactions{left_out}, "
            f"{unfit:,} don't fit"
        )
    ]
    parts += [Text(f"  {error}", style="red") for error in block.errors[:3]]
    return [*parts, Text(), first_transactions(block, reader.readers.amounts.scale)] if len(block) else parts


def _next(proposal: Proposal, written: Path | None) -> list[RenderableType]:
    name = proposal.shipped or str(written)
    lines: list[RenderableType] = []
    if written is not None:
        lines.append(Text.assemble("written: ", (str(written), "bold"), "; change it where it is wrong"))
    command = f"scripts/replay {shlex.quote(str(proposal.path))} --profile {shlex.quote(name)} --dry-run"
    return [*lines, Text.assemble("next: ", (command, "bold"))]
