"""The state store of a window over labels: labels are added to it, and transactions only evaluated."""

import numpy as np

from services.rules.model import LABEL, Columns, Mask
from services.rules.windows.row_batch import RowBatch, RowSelection
from services.rules.windows.window_store import WindowStore


class LabelStore(WindowStore):
    """The labels of a window by the key of their transactions.

    The time of an entry is that from which its label counts.
    """

    def prepare(self, columns: Columns) -> None:
        """Give labels a slot in entries, and check that the window's condition is known.

        Raises:
            ValueError: It is not.
        """
        super().prepare(columns if LABEL in columns else {**columns, LABEL: np.zeros(1, np.bool_)})

    def add(self, batch: RowBatch) -> None:
        """Add labels; transactions are in no window over labels."""
        if batch.of_labels:
            super().add(batch)

    def _record(self, batch: RowBatch) -> tuple[RowSelection, Mask | None]:
        if batch.of_labels:
            return super()._record(batch)
        nothing = np.zeros(batch.rows, np.bool_)
        return batch.select_shared("nothing", nothing), nothing
