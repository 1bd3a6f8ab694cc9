"""Explanations of verdicts: how a transaction stands to each condition and limit of each rule. Pure, like all rules."""

from services.rules.explanation.checks import Check, limit_of, measured
from services.rules.explanation.evaluation import LogPart, explain
from services.rules.explanation.verdict import Explanation, ModelExplanation, RuleExplanation, as_json

__all__ = [
    "Check",
    "Explanation",
    "LogPart",
    "ModelExplanation",
    "RuleExplanation",
    "as_json",
    "explain",
    "limit_of",
    "measured",
]
