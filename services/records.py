"""The records of the contracts as the codec delivers them.

Generated from the schemas by `python -m services.contracts.commands.generate`; change those and run it again.
"""

from datetime import datetime
from decimal import Decimal
from typing import TypedDict
from uuid import UUID


# One payment from one account to another, as it was ordered.
class Transaction(TypedDict):
    """The record payments.Transaction."""

    # Identifies the transaction; a repeated id is the same transaction delivered again.
    id: UUID

    # The account that pays: 12 characters of 0-9a-zA-Z.
    source: str

    # The account that receives: 12 characters of 0-9a-zA-Z. The message key.
    target: str

    # What is paid, in units of the currency, exact to the cent.
    amount: Decimal

    # ISO 4217 code of the amount's currency, such as EUR.
    currency: str

    # When the transaction was ordered, in UTC: the event time.
    created_at: datetime
