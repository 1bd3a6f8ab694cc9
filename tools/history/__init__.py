"""Evaluation of rules on past transactions, from a generated stream, a topic or a file, as the detector does it.

What `scripts/evaluate` and `scripts/backtest` have in common.
"""

from tools.history.blocks import Block, Truth
from tools.history.evaluation import History, evaluate_history

__all__ = ["Block", "History", "Truth", "evaluate_history"]
