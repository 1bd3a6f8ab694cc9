"""Windows over event time: the recent transactions of a partition, and the rules that match the next one.

Pure and serialisable: nothing here knows Kafka, files or time of day.
"""

from services.rules.windows.changes import StateBuilder, Walk, WindowEntries
from services.rules.windows.entries import SHORTEST_ENTRY
from services.rules.windows.evaluation import Evaluation
from services.rules.windows.packed_entries import EncodedEntries
from services.rules.windows.text_column import TextColumn
from services.rules.windows.window_state import StateHead, WindowState

__all__ = [
    "SHORTEST_ENTRY",
    "EncodedEntries",
    "Evaluation",
    "StateBuilder",
    "StateHead",
    "TextColumn",
    "Walk",
    "WindowEntries",
    "WindowState",
]
