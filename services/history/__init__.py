"""Evaluates rules on past transactions, as the detector does it, and compares two rules files on them.

blocks.py        transactions in the order of a log, and the truth about them
topic_input.py   the same, read from topics
stages.py        the rules by stage
evaluation.py    the evaluation of all of it
comparison.py    two rules files on the same transactions
result.py        what the comparison comes to
"""

from services.history.blocks import Block, Truth
from services.history.evaluation import History, evaluate_history

__all__ = ["Block", "History", "Truth", "evaluate_history"]
