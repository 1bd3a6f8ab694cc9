"""A detector takes over from one that was killed in a transaction."""

from confluent_kafka import Consumer, Producer, TopicPartition

from tools.harness.pipeline import Pipeline


def test_offsets_of_an_open_transaction_delay_no_successor(pipeline: Pipeline) -> None:
    with pipeline.start("detector", INSTANCE_ID="only") as detector:
        detector.wait_for("rebalance", change="assigned")
        assert detector.stop() == 0
    brokers = {"bootstrap.servers": pipeline.cluster.bootstrap_servers}
    member = Consumer({**brokers, "group.id": pipeline.group})
    killed = Producer({**brokers, "transactional.id": f"{pipeline.group}.only", "transaction.timeout.ms": 60_000})
    killed.init_transactions(30)
    killed.begin_transaction()
    offsets = [TopicPartition(pipeline.input, number, 0) for number in range(4)]
    killed.send_offsets_to_transaction(offsets, member.consumer_group_metadata(), 30)  # and neither commits nor aborts
    pipeline.produce(pipeline.transactions(10))
    with pipeline.start("detector", INSTANCE_ID="only", STARTUP_TIMEOUT="20") as detector:
        legit, fraud, dead = pipeline.wait_for_outputs(10)
        assert (len(legit) + len(fraud), len(dead)) == (10, 0)
        assert detector.stop() == 0
    member.close()
