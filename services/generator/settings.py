"""Settings of the generator."""

import sys
from typing import Annotated, Any

from pydantic import Field, ValidationInfo, field_validator
from pydantic_settings import NoDecode

from services.errors import UsageError
from services.generator.scenarios import Scenario, read_scenarios, require_accounts
from services.streaming.settings import ServiceSettings


class GeneratorSettings(ServiceSettings):
    """The generator's settings; docs/settings.md lists them with their meaning.

    Attributes:
        transactions_topic: Topic of the transactions.
        transactions_per_second: Rate, which holds on average over any delays; 0 is as fast as possible.
        accounts: Number of accounts that take part, so that accounts recur.
        seed: Seed of ids, accounts and amounts: the same seed gives the same ones; drawn and logged when unset.
        max_transactions: Number of transactions after which the generator ends; 0 is never.
        scenarios: Fraud that is mixed into the accounts' ordinary payments; none for plain random transactions.
        labels_topic: Topic of the labels, the ground truth of fraud, if there are scenarios.
        trace_sample_ratio: Share of the transactions that are traced, where traces are exported.
    """

    transactions_topic: str = "queueing.transactions"
    transactions_per_second: int = Field(default=1000, ge=0, le=10_000_000)
    accounts: int = Field(default=10_000, ge=2, le=10_000_000)
    seed: int | None = Field(default=None, ge=0, lt=2**128)
    max_transactions: int = Field(default=0, ge=0)
    scenarios: Annotated[tuple[Scenario, ...], NoDecode] = ()
    labels_topic: str = "queueing.transactions.labels"
    trace_sample_ratio: float = Field(default=0.001, ge=0, le=1)

    @field_validator("scenarios", mode="before")
    @classmethod
    def _read_scenarios(cls, value: Any, info: ValidationInfo) -> Any:
        if not isinstance(value, str):
            return value
        try:
            scenarios = read_scenarios(value)
            require_accounts(scenarios, info.data.get("accounts", sys.maxsize))
        except UsageError as error:
            raise ValueError(str(error)) from None
        return scenarios
