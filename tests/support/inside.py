"""A detector in a thread of this process, with parts that are wrapped where they are made."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from threading import Event, Thread
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from services.contracts import Registry, RegistrySettings, load_contracts
from services.detection import assembly
from services.detection.metrics import NAMESPACE, DetectorMetrics
from services.detection.rule_versions import RuleVersions
from services.detection.settings import DetectorSettings
from services.detection.topics import DetectorTopics
from services.detector import __main__ as root
from services.detector.startup import checked_topics
from services.rules.loading import constants_of, load_rules
from services.rules.topology import build_topology
from services.streaming.clients import KafkaClients
from services.streaming.metrics import LoopMetrics
from services.streaming.progress import LoopProgress
from services.streaming.settings import librdkafka_properties
from tools.harness.pipeline import Pipeline

Wrap = Callable[[Any], Any]


@contextmanager
def detector(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, rules: str, wrap: Mapping[str, Wrap], **settings: str
) -> Iterator[LoopProgress]:
    """Run a detector until the context ends; what it does is said by its progress.

    Args:
        pipeline: Its topics.
        monkeypatch: Undoes what is wrapped.
        rules: Of its rules file.
        wrap: By the name of a class that the assembly makes an object of, or `consumer` or `producer`, what
            makes something else of each such object.
        settings: Further environment variables.
    """
    path = pipeline.directory / "rules.toml"
    path.write_text(rules)
    for name, value in (pipeline.environment | {"RULES_FILE": str(path)} | settings).items():
        monkeypatch.setenv(name, value)
    for name, wrapper in wrap.items():
        owner: Any = KafkaClients if name in {"consumer", "producer"} else assembly
        monkeypatch.setattr(owner, name, _wrapping(getattr(owner, name), wrapper))
    chosen = DetectorSettings()  # type: ignore[call-arg]
    topics = DetectorTopics.of(chosen, load_contracts(pipeline.schemas / "contracts.toml"))
    clients = KafkaClients(chosen, librdkafka_properties(os.environ), "inside")
    progress, stop = LoopProgress(), Event()
    configs = checked_topics(clients, chosen, topics, progress, stop)
    versions = RuleVersions(
        build_topology(load_rules(path, topics.schema, constants_of(chosen.suspicious_amount)), topics.stages)
    )
    failures: list[BaseException] = []
    with Registry(RegistrySettings.load(url=pipeline.cluster.registry_url)) as registry:
        handler = assembly.build_handler(
            settings=chosen, topics=topics, clients=clients, registry=registry, versions=versions,
            metrics=DetectorMetrics(CollectorRegistry()), progress=progress, stop=stop,
            limits={name: config.max_message_bytes for name, config in configs.items()},
        )  # fmt: skip
        loop = root._loop(
            settings=chosen, topics=topics, clients=clients, configs=configs, handler=handler, versions=versions,
            metrics=LoopMetrics(CollectorRegistry(), NAMESPACE), progress=progress, stop=stop,
        )  # fmt: skip

        def run() -> None:
            try:
                loop.run()
            except BaseException as error:  # noqa: BLE001 - raised below
                failures.append(error)

        thread = Thread(target=run)
        thread.start()
        try:
            yield progress
        finally:
            stop.set()
            thread.join()
    assert not failures


def _wrapping(make: Callable[..., Any], wrapper: Wrap) -> Callable[..., Any]:
    return lambda *arguments, **named: wrapper(make(*arguments, **named))
