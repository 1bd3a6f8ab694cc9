"""Effect of a finding on data: a small record, written with one schema and read with the other."""

from avroguard.explain.demonstrations import Demonstration, demonstrate, demonstrate_change
from avroguard.explain.explanation import explain

__all__ = ["Demonstration", "demonstrate", "demonstrate_change", "explain"]
