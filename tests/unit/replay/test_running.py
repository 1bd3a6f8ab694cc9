"""Order and pace of a replay, and its end."""

from collections.abc import Callable
from pathlib import Path
from threading import Event

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.transaction_files import GOOD, HEADER, reader
from tools.replay.pacer import Pace
from tools.replay.progress import Figures, ReplayProgress
from tools.replay.replay import Replay
from tools.replay.sender import Sent
from tools.transaction_files.blocks import Block, RowError

BAD = GOOD.replace("12.34", "x")


class Sender:
    """Remembers the lines of what it is to send."""

    def __init__(self, stop: Event, limit: int = 10**9) -> None:
        self.sent = Sent()
        self.lines: list[int] = []
        self.finished = 0
        self._stop = stop
        self._limit = limit

    def send(self, block: Block, progress: Callable[[int], None]) -> None:
        part = block.lines[: max(0, self._limit - len(self.lines))].tolist()
        self.lines += part
        self.sent.add(block, slice(len(part)))
        if len(part) < len(block):
            self._stop.set()
        progress(len(part))

    def finish(self) -> None:
        self.finished += 1


class Listener(ReplayProgress):
    def __init__(self) -> None:
        super().__init__(None)
        self.errors: list[RowError] = []
        self.shares: list[float] = []

    def unfit(self, errors: list[RowError]) -> None:
        self.errors += errors

    def progress(self, share: float, rows: int, unfit: int) -> None:  # noqa: ARG002
        self.shares.append(share)


def run(path: Path, max_errors: int, limit: int = 10**9, *more: Path) -> tuple[Replay, Sender, Listener]:
    stop, listener = Event(), Listener()
    sender = Sender(stop, limit)
    replay = Replay(reader(path, None, *more).blocks(), sender, listener, stop)  # type: ignore[arg-type]
    replay.run(max_errors)
    return replay, sender, listener


def file(path: Path, *rows: str) -> Path:
    path.write_text(HEADER + "".join(rows))
    return path


@pytest.mark.parametrize(
    ("max_errors", "lines", "errors", "complete"),
    [
        (0, [2], [3], False),
        (1, [2, 4], [3, 5], False),
        (2, [2, 4, 6], [3, 5, 7], False),
        (3, [2, 4, 6, 8], [3, 5, 7], True),
    ],
)
def test_it_ends_above_max_errors_and_sends_the_rows_before(
    tmp_path: Path, max_errors: int, lines: list[int], errors: list[int], complete: bool
) -> None:
    replay, sender, listener = run(file(tmp_path / "x.csv", *[GOOD, BAD] * 3, GOOD), max_errors)
    assert (sender.lines, [error.line for error in listener.errors]) == (lines, errors)
    assert (replay.unfit, replay.sent.transactions, replay.complete) == (len(errors), len(lines), complete)


def test_it_ends_when_the_sender_was_stopped(tmp_path: Path) -> None:
    path = file(tmp_path / "x.csv", GOOD * 5)
    replay, sender, _ = run(path, 0, 3)
    assert (sender.lines, replay.sent.transactions, replay.complete) == ([2, 3, 4], 3, False)


def test_the_last_row_was_sent_and_then_it_was_stopped(tmp_path: Path) -> None:
    stop = Event()
    stop.set()
    replay = Replay(reader(file(tmp_path / "x.csv", GOOD)).blocks(), Sender(stop), Listener(), stop)  # type: ignore[arg-type]
    replay.run(0)
    assert not replay.complete


def test_a_dry_run_counts_and_sends_nothing(tmp_path: Path) -> None:
    replay = Replay(reader(file(tmp_path / "x.csv", GOOD, BAD, GOOD)).blocks(), None, Listener(), Event())
    replay.run(1)
    replay.finish()
    assert (replay.sent.transactions, replay.unfit, replay.complete) == (2, 1, True)
    assert replay.sent.first_ms == replay.sent.last_ms == 1_522_540_831_000


def test_progress_goes_from_file_to_file(tmp_path: Path) -> None:
    paths = [file(tmp_path / f"{n}.csv", GOOD * n) for n in (1, 2, 3)]
    _, _, listener = run(paths[0], 0, 10**9, *paths[1:])
    assert listener.shares == sorted(listener.shares)
    assert listener.shares[-1] == pytest.approx(1)


@given(
    st.lists(st.lists(st.integers(-(10**12), 10**12)), min_size=1).filter(any),
    st.floats(0.001, 1e6),
)
def test_rows_are_due_in_their_order_and_never_before_their_time(blocks: list[list[int]], speed: float) -> None:
    pace = Pace(speed)
    due = np.concatenate([pace.due(np.array(block, np.int64)) for block in blocks])
    times = np.array([ms for block in blocks for ms in block])
    since = (times - times[0]) / 1000 / speed
    assert due[0] == 0
    assert (np.diff(due) >= 0).all()
    assert due.tolist() == pytest.approx(np.maximum.accumulate(since).tolist())


def test_figures_for_people_and_for_programs() -> None:
    figures = Figures(Sent(2000, 1500, 10, -1, 253_402_300_799_999), 3, 0.5, complete=False, dry=False)
    assert figures.as_text("in", "truth").splitlines() == [
        "2,000 transactions sent to in",
        "1,500 labels sent to truth, 10 of them fraud",
        "3 rows don't fit: each is named above",
        "event times 1969-12-31T23:59:59.999Z to 9999-12-31T23:59:59.999Z",
        "0.5 s, 4,006 rows/s",
        "ended early: what comes after these rows was not read",
    ]
    nothing = Figures(Sent(), 0, 0.0, complete=True, dry=True)
    assert nothing.as_text("in", "truth").splitlines() == [
        "0 transactions would go to in", "0 rows don't fit", "0.0 s, 0 rows/s",
    ]  # fmt: skip
    assert '"first": null' in nothing.as_json()
