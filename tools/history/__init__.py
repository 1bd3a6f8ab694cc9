"""Judges transactions of the past, from a generated stream, a topic or a file, as the detector would have done it.

What `scripts/evaluate` and `scripts/backtest` have in common.
"""

from tools.history.blocks import Block, Truth
from tools.history.evaluation import Found, History, judge_history

__all__ = ["Block", "Found", "History", "Truth", "judge_history"]
