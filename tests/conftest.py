"""Fixtures of all tests: a real cluster, made once per session when the first test needs it, and unused names."""

import itertools
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog
from hypothesis import settings

from tools.harness.pipeline import Pipeline
from tools.local_cluster import Cluster, ephemeral

# `scripts/test --unit` looks at a few examples in seconds, everything else at many, always the same ones: a failure is
# the fault of the change at hand. `HYPOTHESIS_PROFILE=search` looks at new ones (weekly: a workflow). No test is timed.
settings.register_profile("many", max_examples=50, deadline=None, derandomize=True)
settings.register_profile("few", max_examples=15, deadline=None, derandomize=True)
settings.register_profile("search", max_examples=2000, deadline=None, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "many"))

# Brokers of tests live for seconds to minutes: the second compiler would cost more than its code saves.
os.environ.setdefault("JDK_JAVA_OPTIONS", "-XX:TieredStopAtLevel=1")

_numbers = itertools.count(1)

END_TO_END = Path(__file__).parent / "end_to_end"


@pytest.fixture(autouse=True)
def _logging_of_its_own() -> Iterator[None]:
    """Undoes what a test sets up: a later one would log to the standard error that was captured for the earlier one."""
    yield
    structlog.reset_defaults()


@pytest.fixture(autouse=True)
def _services_without_coverage(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Spares services of end-to-end tests from being traced, which doubles what they cost: others cover their code."""
    if request.path.is_relative_to(END_TO_END):
        for variable in [name for name in os.environ if name.startswith("COVERAGE_")]:
            monkeypatch.delenv(variable)


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """One broker and a registry of this test session alone; see tools.local_cluster for what it has."""
    with ephemeral() as started:
        yield started


@pytest.fixture(scope="session")
def fragile_cluster() -> Iterator[Cluster]:
    """One whose broker may be killed without harm to other tests; it runs again after each of them."""
    with ephemeral() as started:
        yield started


@pytest.fixture
def fragile(fragile_cluster: Cluster, tmp_path: Path) -> Pipeline:
    """A pipeline on a broker that may be killed."""
    fragile_cluster.start()
    return Pipeline(fragile_cluster, tmp_path)


@pytest.fixture
def unique(request: pytest.FixtureRequest) -> Callable[[str], str]:
    """Make a name that no other test of the session uses: ``unique("topic")``; also for groups and subjects."""
    test = re.sub("[^a-zA-Z0-9]+", "-", request.node.name).strip("-")[:60]
    return lambda purpose: f"{purpose}.{test}.{next(_numbers)}"


@pytest.fixture
def bare(cluster: Cluster, tmp_path: Path) -> Pipeline:
    """A pipeline without topics and subjects, for services that never come to look for them."""
    return Pipeline(cluster, tmp_path, create=False, register=False)


@pytest.fixture
def pipeline(cluster: Cluster, tmp_path: Path) -> Pipeline:
    """Topics, subjects and a consumer group of this test alone, on the session's cluster."""
    return Pipeline(cluster, tmp_path)
