"""One such broker for all tests here."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.secure_cluster import SecureCluster, secure_cluster
from tools.harness.pipeline import Pipeline


@pytest.fixture(scope="session")
def secure() -> Iterator[SecureCluster]:
    with secure_cluster() as started:
        yield started


@pytest.fixture
def secured(secure: SecureCluster, tmp_path: Path) -> Pipeline:
    """A pipeline on it, whose services go by the plaintext listener unless they are told otherwise."""
    return Pipeline(secure.cluster, tmp_path)
