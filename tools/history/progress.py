"""Tells people who wait how far it is."""

import sys
from collections.abc import Iterable, Iterator

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from services.history.blocks import Block


def show_progress(blocks: Iterable[Block]) -> Iterator[Block]:
    """The blocks; how many transactions they were so far is shown on standard error, if that is a terminal."""
    if not sys.stderr.isatty():
        yield from blocks
        return
    columns = (SpinnerColumn(), TextColumn("{task.completed:,} transactions judged"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=None)
        for block in blocks:
            yield block
            progress.advance(task, block.rows)
