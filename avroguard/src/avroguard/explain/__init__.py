"""What a finding does to data: a small record, written with one schema and read with the other by the real codec."""

from avroguard.explain.demonstrating import Demonstration, demonstrate, demonstrate_change
from avroguard.explain.telling import explain

__all__ = ["Demonstration", "demonstrate", "demonstrate_change", "explain"]
