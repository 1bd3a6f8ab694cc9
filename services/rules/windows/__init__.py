"""Windows over event time: the recent transactions of a partition, and the rules that match the next one.

Pure and serialisable: nothing here knows Kafka, files or time of day.
"""

from services.rules.windows.changes import StateBuilder, Walk, WindowEntries
from services.rules.windows.evaluation import Evaluation
from services.rules.windows.window_state import StateHead, WindowState

__all__ = ["Evaluation", "StateBuilder", "StateHead", "Walk", "WindowEntries", "WindowState"]
