"""LightGBM where it can be imported, for tests that compare with it or train with it."""

from importlib import import_module
from typing import Any

import pytest


def import_lightgbm() -> Any:
    """Return the module; where it or the OpenMP runtime that it takes is missing, skip the calling test file."""
    try:
        return import_module("lightgbm")
    except (ImportError, OSError) as error:
        reason = f"LightGBM can't be imported ({error}): scripts/install --training, apt-get install libgomp1"
        return pytest.skip(reason, allow_module_level=True)
