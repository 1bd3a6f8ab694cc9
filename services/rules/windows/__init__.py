"""Windows over event time: what a partition's transactions were lately, and which rules fire on the next one.

Pure and serialisable: nothing here knows Kafka, files or time of day.
"""

from services.rules.windows.results import Evaluation, RuleMatch
from services.rules.windows.window_state import WindowState

__all__ = ["Evaluation", "RuleMatch", "WindowState"]
