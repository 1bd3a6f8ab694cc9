"""Explains the verdict of any transaction: evaluates it again from the topics, by the rules that were in force.

rules_history.py   the versions of the rules, from the topic that detectors write them to
stage_logs.py      the logs of stages, as detectors read them
record_place.py    the position, headers and schema of a record
explainer.py       all of it together
"""

from services.explanation.explainer import Explainer, TransactionExplanation

__all__ = ["Explainer", "TransactionExplanation"]
