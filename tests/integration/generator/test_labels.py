"""Labels of the generator's fraud, read back by an independent reader."""

from collections import defaultdict
from pathlib import Path

from tests.support.confluent import deserialized
from tools.harness.pipeline import Pipeline
from tools.local_cluster import Cluster

LABELS = "queueing.transactions.labels"
MIX = """
[fan-in]
rate = 0.1
payments = [10, 15]
over = ["1s", "1s"]

[rapid-fire]
rate = 0.1
payments = [5, 8]
over = ["0s", "1s"]
"""


def test_labels_tell_which_transactions_belong_to_which_incident(pipeline: Pipeline, tmp_path: Path) -> None:
    mix = tmp_path / "mix.toml"
    mix.write_text(MIX)
    labels = pipeline.prefix + LABELS
    with pipeline.start(
        "generator", SCENARIOS=str(mix), LABELS_TOPIC=labels, SEED="1", ACCOUNTS="500",
        MAX_TRANSACTIONS="6000", TRANSACTIONS_PER_SECOND="2000",
    ) as generator:  # fmt: skip
        assert generator.exit_code() == 0, generator.text

    transactions, truths = pipeline.read(pipeline.input), pipeline.read(labels)
    url = pipeline.cluster.registry_url
    sent = {
        record["id"]: (message.key(), message.partition(), record)
        for message, record in zip(transactions, deserialized(url, transactions), strict=True)
    }
    assert len(sent) == 6000
    incidents = defaultdict(list)
    count = 0
    for message, label in zip(truths, deserialized(url, truths), strict=True):
        key, partition, transaction = sent[label["transaction_id"]]
        assert (message.key(), message.partition()) == (key, partition)
        assert label["fraud"] is True
        incidents[label["scenario"], label["incident"]].append(transaction)
        count += 1
    assert 0.05 * 6000 < count < 0.25 * 6000
    assert generator.events("ended")[0] | {"delivered": 6000, "labels": count} == generator.events("ended")[0]
    assert {scenario for scenario, _ in incidents} == {"fan-in", "rapid-fire"}
    for (scenario, _), transactions in incidents.items():
        if scenario == "fan-in":
            assert len({(transaction["target"], transaction["amount"]) for transaction in transactions}) == 1
        else:
            assert len({transaction["source"] for transaction in transactions}) == 1


def test_the_topic_of_labels_is_needed_only_with_scenarios(cluster: Cluster, tmp_path: Path) -> None:
    pipeline = Pipeline(cluster, tmp_path, create=False, register=False)
    pipeline.create_topics_of(pipeline.input)
    pipeline.register(pipeline.input)
    labels = pipeline.prefix + LABELS
    plain, mixed = (
        pipeline.start("generator", SCENARIOS=scenarios, LABELS_TOPIC=labels, MAX_TRANSACTIONS="10")
        for scenarios in ("", "standard")
    )
    with plain, mixed:
        assert (plain.exit_code(), mixed.exit_code()) == (0, 1), plain.text + mixed.text
    assert mixed.events("stopped")[0]["reason"] == f"topic {labels} does not exist: run scripts/create-topics"
