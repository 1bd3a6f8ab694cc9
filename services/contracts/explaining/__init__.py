"""What a finding does to data: a small record, written with one schema and read with the other by the real codec."""

from services.contracts.explaining.demonstrating import Demonstration, demonstrate, demonstrate_change
from services.contracts.explaining.telling import explain

__all__ = ["Demonstration", "demonstrate", "demonstrate_change", "explain"]
