"""Whether schemas are compatible: what a reader can't read, and where in both schemas.

``incompatibilities`` compares two schemas, ``judge`` a new one with its subject's history at a level, ``losses`` says
what a reader's schema leaves out. No I/O.
"""

from avroguard.compatibility.checking import incompatibilities
from avroguard.compatibility.findings import Direction, Incompatibility, Rule
from avroguard.compatibility.history import Violation, judge
from avroguard.compatibility.losses import losses
from avroguard.compatibility.nodes import Node, Path
from avroguard.compatibility.parsing import Parser, parse

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
