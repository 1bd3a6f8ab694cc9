"""Schema compatibility: what a reader can't read, with the position in both schemas.

``incompatibilities`` compares two schemas, ``history_incompatibilities`` a new schema with its subject's history at a
level, ``losses`` lists what a reader's schema leaves out. No I/O.
"""

from avroguard.compatibility.comparison import incompatibilities
from avroguard.compatibility.history import directions_of, history_incompatibilities
from avroguard.compatibility.incompatibility import Direction, Incompatibility, Rule
from avroguard.compatibility.losses import losses
from avroguard.compatibility.nodes import Node
from avroguard.compatibility.parsing import Parser, parse

__all__ = [
    "Direction",
    "Incompatibility",
    "Node",
    "Parser",
    "Rule",
    "directions_of",
    "history_incompatibilities",
    "incompatibilities",
    "losses",
    "parse",
]
