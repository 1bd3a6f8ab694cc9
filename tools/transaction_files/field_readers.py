"""Readers of the fields: for each field the function from a cell to the contract's value, as a profile says."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.contracts import Schema
from services.errors import ContractError, UsageError
from tools.transaction_files import cells
from tools.transaction_files.accounts import Accounts
from tools.transaction_files.amounts import AmountForm, AmountReader
from tools.transaction_files.cells import Read, Remembered, Unfit
from tools.transaction_files.currencies import currency, decimals_of
from tools.transaction_files.extra_fields import ExtraField, extra_fields
from tools.transaction_files.profile import ISO, NAMES, NEGATIVE, Profile
from tools.transaction_files.times import plain_times, time_reader

_AMOUNTS = 100_000  # remembered: most cells of a file come again


@dataclass(frozen=True)
class FieldReaders:
    """Readers of all fields of a profile.

    Attributes:
        by_name: For each field but amounts the reader of its cells.
        amount: Reads the cell of an amount, given the currency of its row; below 0 where the cell says so.
        plain_amount: Reads it where the currency makes no difference; None where it does.
        plain_times: Reads a column of times at once, or returns None if it can't; None where times need a form.
        amounts: What was seen in amounts.
        accounts: What was seen in accounts.
        extras: The fields of the contract beyond those of every contract, by name.
    """

    by_name: dict[str, Read]
    amount: Callable[[str, bytes], int]
    plain_amount: Read | None
    plain_times: Callable[[Sequence[str]], NDArray[np.int64] | None] | None
    amounts: AmountReader
    accounts: Accounts
    extras: dict[str, ExtraField]


def field_readers(profile: Profile, schema: Schema) -> FieldReaders:
    """Return the readers for a profile and the schema of a transaction.

    Raises:
        ContractError: If the schema has no amount or time as files do.
        UsageError: If the profile names a field, a form of times or a zone that there isn't.
    """
    amounts = AmountReader(*_precision_and_scale(schema), AmountForm(profile.decimal, profile.round))
    accounts = Accounts()
    start_ms = int(profile.start.timestamp() * 1000) if profile.start else 0
    reads: dict[str, Read] = {
        "id": cells.identifier,
        "source": accounts.reader("source", profile.source("source").prefix).__getitem__,
        "target": accounts.reader("target", profile.source("target").prefix).__getitem__,
        "currency": currency,
        "created_at": time_reader(profile.times, profile.zone, start_ms),
        "fraud": cells.fraud,
        "scenario": cells.name_reader(),
        "incident": cells.name_reader(),
        "direction": cells.is_paid_out,
    }
    extras = extra_fields(schema)
    if unknown := sorted(set(profile.fields) - {*NAMES, *extras}):
        raise UsageError(f"no field {', '.join(unknown)}; there are {', '.join((*NAMES, *extras))}")
    reads |= {name: extra.reader(amounts.form, profile.times, profile.zone) for name, extra in extras.items()}
    by_name = {}
    for name, read in reads.items():
        source = profile.source(name)
        full = cells.with_values(read, source.values, source.default)
        comes_again = name in {"currency", "fraud", "direction"} or full is not read
        by_name[name] = Remembered(full).__getitem__ if comes_again else full
    has_plain_times = profile.times == (ISO,) and profile.zone == "UTC" and by_name["created_at"] is reads["created_at"]
    return FieldReaders(
        by_name,
        _amount_reader(amounts, minor_units=profile.minor_units),
        None if profile.minor_units else Remembered(amounts, _AMOUNTS).__getitem__,
        plain_times if has_plain_times else None,
        amounts,
        accounts,
        extras,
    )


def _precision_and_scale(schema: Schema) -> tuple[int, int]:
    types = {field["name"]: field["type"] for field in schema.json.get("fields", ())}
    match types.get("amount"), types.get("created_at"):
        case {"logicalType": "decimal", "precision": int(digits), "scale": int(scale)}, {
            "logicalType": "timestamp-millis"
        } if digits <= 18:
            return digits, scale
    raise ContractError(
        f"{schema.path}: expected an amount that is a decimal of at most 18 digits with a scale, and a created_at "
        "that is a timestamp-millis"
    )


def _amount_reader(amounts: AmountReader, *, minor_units: bool) -> Callable[[str, bytes], int]:
    """Return the reader of an amount's cell and its currency; below 0 where the cell says so."""
    if minor_units:
        by_currency: dict[bytes, Remembered] = {}

        def in_minor_units(cell: str, code: bytes) -> int:
            if code not in by_currency:
                by_currency[code] = Remembered(partial(amounts, units=decimals_of(code)), _AMOUNTS)
            return int(by_currency[code][cell])

        return in_minor_units
    remembered = Remembered(amounts, _AMOUNTS)

    def in_units(cell: str, code: bytes) -> int:
        try:
            return int(remembered[cell])
        except Unfit as error:
            if code and decimals_of(code) > amounts.scale and "digits after the point" in str(error):
                raise Unfit(
                    f"{error} ({code.decode()} has {decimals_of(code)} decimals; docs/bring-your-own-data.md says what "
                    "the contract needs)"
                ) from None
            raise

    return in_units


def outgoing(profile: Profile, amount: int) -> tuple[int, bool]:
    """Return an amount without its sign, and whether the source pays it.

    Raises:
        Unfit: If it has a sign, and the profile doesn't say what that means.
    """
    if profile.paid_out:
        return abs(amount), (amount < 0) == (profile.paid_out == NEGATIVE) or not amount
    if amount < 0:
        raise Unfit("0 or more (if the sign says who pays: --signed negative, or --signed positive)")
    return amount, True


def debit_or_credit(debit: int | None, credit: int | None) -> tuple[int, bool]:
    """Return the amount that stands in one of two columns, and whether it is paid out.

    Raises:
        Unfit: If both or none have one.
    """
    if debit and credit:
        raise Unfit("an amount in one of debit and credit, not in both")
    if debit is None and credit is None:
        raise Unfit("an amount in one of debit and credit")
    if credit and not debit:
        return abs(credit), False
    return abs(debit or 0), debit is not None or not credit


def movement(profile: Profile, amounts: dict[str, int | None], direction: Any) -> tuple[int, bool]:
    """Return the amount of a row, and whether the source pays it; see `outgoing` and `debit_or_credit`."""
    if profile.has_debit_and_credit:
        return debit_or_credit(amounts.get("debit"), amounts.get("credit"))
    amount = amounts.get("amount") or 0
    return (abs(amount), bool(direction)) if direction is not None else outgoing(profile, amount)
