from decimal import Decimal

import numpy as np
import pytest

from services.contracts import load_contracts
from services.detector.rules import Rule, default_rules, fields_of, large_amount, scale_of, suspicious
from services.errors import ContractError


def fired(threshold: str, scale: int, *amounts: int) -> list[bool]:
    rule = large_amount(Decimal(threshold), scale)
    return rule.fires({"amount": np.array(amounts, dtype=np.int64)}).tolist()


def test_an_amount_is_suspicious_from_the_threshold_on() -> None:
    assert fired("900", 2, 89_999, 90_000, 90_001, -90_000) == [False, True, True, False]


@pytest.mark.parametrize(("threshold", "scale"), [("900.001", 2), ("900.009", 2)])
def test_a_threshold_finer_than_the_amounts_is_met_by_the_next_amount(threshold: str, scale: int) -> None:
    assert fired(threshold, scale, 90_000, 90_001) == [False, True]


def test_a_transaction_is_suspicious_when_any_rule_fires() -> None:
    rules = [
        Rule("low", ("amount",), lambda columns: columns["amount"] < 10),
        Rule("high", ("amount", "currency"), lambda columns: columns["amount"] > 20),
    ]
    assert suspicious(rules, {"amount": np.array([5, 15, 25])}, 3).tolist() == [True, False, True]
    assert suspicious([], {}, 2).tolist() == [False, False]
    assert fields_of(rules) == ("amount", "currency")


def test_the_scale_comes_from_the_contract() -> None:
    schema = load_contracts().topic("queueing.transactions").required_schema.json
    assert scale_of(schema, "amount") == 2
    (rule,) = default_rules(Decimal(900), 2)
    assert rule.fields == ("amount",)
    with pytest.raises(ContractError, match="no decimal field currency"):
        scale_of(schema, "currency")
    with pytest.raises(ContractError, match="no decimal field nothing"):
        scale_of(schema, "nothing")
