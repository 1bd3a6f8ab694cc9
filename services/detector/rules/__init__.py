"""What makes a transaction suspicious: rules as data, and the conditions that they are made of."""

from services.detector.rules.simple import (
    Columns,
    Mask,
    Rule,
    default_rules,
    fields_of,
    large_amount,
    scale_of,
    suspicious,
)

__all__ = ["Columns", "Mask", "Rule", "default_rules", "fields_of", "large_amount", "scale_of", "suspicious"]
