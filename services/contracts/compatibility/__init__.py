"""Whether schemas are compatible: what a reader can't read, and where in both schemas.

``incompatibilities`` compares two schemas, ``judge`` a new one with its subject's history at a level, ``losses`` says
what a reader's schema leaves out. No I/O.
"""

from services.contracts.compatibility.checking import incompatibilities
from services.contracts.compatibility.findings import Direction, Incompatibility, Rule
from services.contracts.compatibility.history import Violation, judge
from services.contracts.compatibility.losses import losses
from services.contracts.compatibility.nodes import Node, Path
from services.contracts.compatibility.parsing import Parser, parse

__all__ = [
    "Direction",
    "Incompatibility",
    "Node",
    "Parser",
    "Path",
    "Rule",
    "Violation",
    "incompatibilities",
    "judge",
    "losses",
    "parse",
]
