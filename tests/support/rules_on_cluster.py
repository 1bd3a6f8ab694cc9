"""Rules for a detector on a pipeline, and the alerts that it wrote."""

from typing import Any

from tests.support.confluent import deserialized
from tools.harness.pipeline import Pipeline


def rules(pipeline: Pipeline, *texts: str) -> dict[str, str]:
    """Write a rules file; return the setting that names it."""
    path = pipeline.directory / "rules.toml"
    path.write_text("\n".join(texts))
    return {"RULES_FILE": str(path)}


def alerts(pipeline: Pipeline) -> list[dict[str, Any]]:
    """Return all alerts, as Confluent's deserializer reads them."""
    return deserialized(pipeline.cluster.registry_url, pipeline.read(pipeline.alerts))
