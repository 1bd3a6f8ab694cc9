"""Proposal of a profile by the first rows of a file: what each column seems to be, and what a person has to decide."""

from tools.transaction_files.guessing.proposal import Proposal, propose

__all__ = ["Proposal", "propose"]
