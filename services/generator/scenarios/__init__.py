"""Traffic with labelled fraud: accounts with habits, and incidents of several scenarios.

Pure: no clock, no I/O, no Kafka; the same for the same seed. ``docs/scenarios.md`` describes each scenario.
"""

from services.generator.scenarios.fraud import (
    AccountTakeover,
    CompromisedReceiver,
    FanIn,
    HonestChange,
    RapidFire,
    Scenario,
    SpendingChange,
    Structuring,
)
from services.generator.scenarios.parsing import HARD, STANDARD, read_scenarios
from services.generator.scenarios.stream import Block, labelled_stream
from services.generator.scenarios.traffic import LabelledTraffic, LabelledTransactions, require_accounts

__all__ = [
    "HARD",
    "STANDARD",
    "AccountTakeover",
    "Block",
    "CompromisedReceiver",
    "FanIn",
    "HonestChange",
    "LabelledTraffic",
    "LabelledTransactions",
    "RapidFire",
    "Scenario",
    "SpendingChange",
    "Structuring",
    "labelled_stream",
    "read_scenarios",
    "require_accounts",
]
