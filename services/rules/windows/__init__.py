"""Windows over event time: what a partition's transactions were lately, and which rules fire on the next one.

Pure and serialisable: nothing here knows Kafka, files or time of day.
"""

from services.rules.windows.judgement import Firing, Judgement
from services.rules.windows.state import WindowState

__all__ = ["Firing", "Judgement", "WindowState"]
