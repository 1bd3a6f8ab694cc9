"""Submits the job to a Flink cluster; run by Flink's client: `flink run --pyModule services.detector_flink`."""

import os

from pyflink.table import EnvironmentSettings, TableEnvironment

from services.contracts import SCHEMAS_ENVIRONMENT, RegistrySettings, load_contracts
from services.detection.settings import DetectorSettings
from services.detection.topics import DetectorTopics
from services.detector_flink import statements
from services.detector_flink.function import evaluate_batch
from services.detector_flink.java_properties import java_properties
from services.detector_flink.settings import FlinkSettings
from services.rules.loading import constants_of, load_rules
from services.rules.models.loading import beside, model_files
from services.rules.topology import build_topology, require_labels
from services.streaming.arguments import parse_service_arguments
from services.streaming.lifecycle import run_service
from services.streaming.logs import configure_logging
from services.streaming.settings import KAFKA_CONFIG_PREFIX, load_settings

DESCRIPTION = "Submit the detector as a job to a Flink cluster: evaluate transactions by the rules, exactly once."


def main() -> int:
    """Submit the job; return the exit code."""
    configure_logging("detector-flink")
    settings = load_settings(FlinkSettings, RegistrySettings)
    topics = DetectorTopics.of(settings, load_contracts())
    rules = load_rules(settings.rules_file, topics.schema, constants_of(settings.suspicious_amount))
    # The job reads no labels.
    require_labels(build_topology(rules, topics.stages), written=())
    job = statements.JobTopics(
        read=[topic.name for topic in topics.read],
        written=[
            *topics.repartition,
            *(topic.name for topic in (*topics.written, topics.dead_letters, *topics.kept, *topics.optional)),
        ],
        group=settings.consumer_group,
    )
    client = java_properties(os.environ) | {"bootstrap.servers": settings.kafka_broker_url}
    environment = TableEnvironment.create(EnvironmentSettings.in_streaming_mode())
    for name, value in _configuration(settings).items():
        environment.get_config().set(name, value)
    read = beside(settings.rules_file)
    models = {name: read(name) for name in model_files(rules.text.encode())}
    function = evaluate_batch(_environment_of_settings(), rules.text, models)
    environment.create_temporary_system_function(statements.FUNCTION, function)
    environment.execute_sql(statements.source(job, client))
    environment.execute_sql(statements.sink(job, client, settings.transaction_timeout_ms))
    result = environment.execute_sql(statements.insert())
    print(f"JOB {result.get_job_client().get_job_id()}")  # noqa: T201 - what a script reads
    return 0


def _configuration(settings: FlinkSettings) -> dict[str, str]:
    """Return Flink's configuration of the job."""
    return {
        "pipeline.name": f"detector {settings.consumer_group}",
        # Without it, each output row is copied with all outputs of its batch.
        "pipeline.object-reuse": "true",
        "table.local-time-zone": "UTC",
        "python.execution-mode": "process",
        "python.fn-execution.bundle.size": str(settings.batch_rows),
        "python.fn-execution.bundle.time": str(settings.batch_ms),
        "python.fn-execution.arrow.batch.size": str(settings.batch_rows),
        "execution.checkpointing.interval": f"{settings.checkpoint_interval_ms}ms",
        "execution.checkpointing.externalized-checkpoint-retention": "RETAIN_ON_CANCELLATION",
    }


def _environment_of_settings() -> dict[str, str]:
    """Return the environment variables that workers read their settings from; `java_properties` refused secrets."""
    classes = (FlinkSettings, DetectorSettings, RegistrySettings)
    names = {
        (settings.model_config.get("env_prefix", "") + name).upper()
        for settings in classes
        for name in settings.model_fields
    }
    names |= {f"{name}_FILE" for name in names} | {"SCHEMAS_DIR", "STAGE_TOPICS"}
    return {name: value for name, value in os.environ.items() if name in names or name.startswith(KAFKA_CONFIG_PREFIX)}


if __name__ == "__main__":
    parse_service_arguments(
        "services.detector_flink", DESCRIPTION, [FlinkSettings, RegistrySettings], SCHEMAS_ENVIRONMENT
    )
    run_service(main)
