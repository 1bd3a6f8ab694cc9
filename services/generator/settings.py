"""What the generator takes from its environment."""

from pydantic import Field

from services.streaming.settings import ServiceSettings


class GeneratorSettings(ServiceSettings):
    """The generator's settings; the README lists them with their meaning.

    Attributes:
        transactions_per_second: The rate, which is kept whatever happens in between; 0 is as fast as it can.
        accounts: How many accounts take part, so that accounts recur.
        seed: Makes the same ids, accounts and amounts in the same order again; drawn and logged when unset.
        max_transactions: Ends after so many; 0 is never.
    """

    transactions_topic: str = "queueing.transactions"
    transactions_per_second: int = Field(default=1000, ge=0, le=10_000_000)
    accounts: int = Field(default=10_000, ge=2, le=10_000_000)
    seed: int | None = Field(default=None, ge=0, lt=2**128)
    max_transactions: int = Field(default=0, ge=0)
