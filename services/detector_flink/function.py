"""The function of Flink SQL that evaluates Arrow batches of records."""

import os
from collections.abc import Mapping
from typing import Any

import pandas as pd
from pyflink.table import DataTypes
from pyflink.table.udf import FunctionContext, ScalarFunction, udf

from services.detector_flink.batch_evaluator import BatchEvaluator, message_of


class EvaluateBatch(ScalarFunction):  # type: ignore[misc]
    """Evaluates batches. Each worker has one; Flink makes a new one after each failure.

    Args:
        environment: The environment variables of the settings, as they were where the job was started.
        rules_text: The rules.
        model_files: The contents of the model files that they name.
    """

    def __init__(self, environment: Mapping[str, str], rules_text: str, model_files: Mapping[str, bytes]) -> None:
        self._environment = dict(environment)
        self._rules_text = rules_text
        self._model_files = dict(model_files)
        self._evaluator: BatchEvaluator | None = None

    def is_deterministic(self) -> bool:
        """Return False: Flink must call it once for each record."""
        return False

    def open(self, function_context: FunctionContext) -> None:  # noqa: ARG002 - Flink's signature
        """Build what evaluates."""
        from services.detector_flink.worker import build_evaluator  # noqa: PLC0415 - the client doesn't need it

        os.environ.update(self._environment)
        self._evaluator = build_evaluator(self._rules_text, self._model_files)

    def eval(self, *columns: pd.Series) -> pd.Series:
        """Return for each record what is to be written: all of it for the last one of the batch."""
        if self._evaluator is None:
            raise RuntimeError("not opened")
        topics, partitions, offsets, times, keys, values, names, contents = columns
        milliseconds = times.astype("datetime64[ms, UTC]").astype("int64")
        messages = list(
            map(
                message_of,
                topics,
                partitions.tolist(),
                offsets.tolist(),
                milliseconds.tolist(),
                keys,
                values,
                names,
                contents,
            )
        )
        result: list[Any] = [None] * len(messages)
        result[-1] = self._evaluator.evaluate(messages)
        return pd.Series(result, dtype=object)


def evaluate_batch(environment: Mapping[str, str], rules_text: str, model_files: Mapping[str, bytes]) -> Any:
    """Return the function for Flink."""
    return udf(
        EvaluateBatch(environment, rules_text, model_files),
        result_type=DataTypes.ARRAY(DataTypes.ARRAY(DataTypes.BYTES())),
        func_type="pandas",
        deterministic=False,
    )
