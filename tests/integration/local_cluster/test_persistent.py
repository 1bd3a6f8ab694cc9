"""The cluster that stays: started, stopped, crashed, interrupted; its topics and schema ids outlive all of it."""

import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from services.errors import UsageError
from tools.local_cluster import LocalCluster
from tools.local_cluster.errors import ClusterError, NoSpace, PortInUse
from tools.local_cluster.ports import free_ports

INTERRUPTIBLE = """
import sys
from pathlib import Path
from tools.local_cluster import LocalCluster
from tools.local_cluster.__main__ import main
sys.exit(main(["up", "--kafka-port", sys.argv[2], "--registry-port", sys.argv[3]], LocalCluster(Path(sys.argv[1]))))
"""


def pids(cluster: LocalCluster) -> list[int | None]:
    return [node.pid for node in cluster.status()]


def register(cluster: LocalCluster, subject: str, schema: str) -> int:
    url = cluster.environment()["SCHEMA_REGISTRY_URL"]
    answer = httpx2.post(f"{url}/subjects/{subject}/versions", json={"schema": schema}, trust_env=False)
    return int(answer.raise_for_status().json()["id"])


def schema_of(cluster: LocalCluster, schema_id: int) -> str:
    url = cluster.environment()["SCHEMA_REGISTRY_URL"]
    answer = httpx2.get(f"{url}/schemas/ids/{schema_id}", trust_env=False)
    return str(answer.raise_for_status().json()["schema"])


def write(cluster: LocalCluster, topic: str, value: bytes) -> None:
    servers = {"bootstrap.servers": cluster.environment()["KAFKA_BROKER_URL"]}
    admin = AdminClient(servers)
    for future in admin.create_topics([NewTopic(topic, 1)]).values():
        future.result(30)
    producer = Producer(servers)
    producer.produce(topic, value)
    assert producer.flush(30) == 0


def read(cluster: LocalCluster, topic: str) -> bytes | None:
    servers = cluster.environment()["KAFKA_BROKER_URL"]
    consumer = Consumer({"bootstrap.servers": servers, "group.id": "reader"})
    consumer.assign([TopicPartition(topic, 0, 0)])
    message = consumer.poll(30)
    consumer.close()
    return message.value() if message and not message.error() else None


def test_up_again_changes_nothing(up: LocalCluster) -> None:
    before = pids(up)
    assert LocalCluster(up.root).up() is False
    assert pids(up) == before
    assert all(node.healthy and node.uptime > 0 for node in up.status())


def test_other_ports_while_it_runs_are_refused(up: LocalCluster) -> None:
    before = pids(up)
    with pytest.raises(UsageError, match="down"):
        up.up(kafka_port=free_ports(1)[0])
    assert pids(up) == before


def test_topics_messages_and_schema_ids_survive_down_and_up(up: LocalCluster, unique: Callable[[str], str]) -> None:
    topic, ports = unique("topic"), [node.port for node in up.status()]
    first, second = register(up, f"{topic}-key", '"string"'), register(up, f"{topic}-value", '"long"')
    assert first != second
    write(up, topic, b"kept")

    assert up.down() == ["kafka", "registry"]
    assert [(node.pid, node.healthy) for node in up.status()] == [(None, False)] * 2
    with pytest.raises(ClusterError, match="local-cluster up"):
        up.environment()

    assert up.up() is True
    assert [node.port for node in up.status()] == ports
    assert read(up, topic) == b"kept"
    assert (schema_of(up, first), schema_of(up, second)) == ('"string"', '"long"')
    assert register(up, f"{topic}-again", '"long"') == second
    assert register(up, f"{topic}-new", '"double"') > max(first, second)


def test_a_killed_broker_comes_back_beside_the_running_registry(
    up: LocalCluster,
    unique: Callable[[str], str],
) -> None:
    topic = unique("topic")
    write(up, topic, b"kept")
    kafka, registry = pids(up)
    up.cluster().broker(1).kill()
    assert [node.healthy for node in up.status()] == [False, True]
    assert LocalCluster(up.root).up() is True
    assert pids(up)[0] not in (None, kafka)
    assert pids(up)[1] == registry
    assert read(up, topic) == b"kept"


def test_an_id_given_out_right_before_the_registry_is_killed_stays(
    up: LocalCluster, unique: Callable[[str], str]
) -> None:
    fixed = f'{{"type":"fixed","name":"{unique("F").replace(".", "_").replace("-", "_")}","size":8}}'
    schema_id = register(up, unique("subject"), fixed)
    up.cluster().registry.kill()
    assert up.up() is True
    assert "fixed" in schema_of(up, schema_id)


def test_two_ups_at_the_same_time_start_one_cluster(up: LocalCluster) -> None:
    up.down()
    said: list[str] = []
    with ThreadPoolExecutor(2) as pool:
        started = list(pool.map(lambda _: LocalCluster(up.root).up(say=said.append), range(2)))
    assert sorted(started) == [False, True]
    assert sum("starting" in line for line in said) == 2
    assert any("another command" in line for line in said)


def test_a_port_in_use_is_an_error_before_anything_starts(tmp_path: Path, up: LocalCluster) -> None:
    taken = up.status()[0].port
    other = LocalCluster(tmp_path)
    with pytest.raises(PortInUse, match=rf"{taken} for registry.*--registry-port"):
        other.up(free_ports(1)[0], taken)
    assert pids(other) == [None, None]
    assert not list(tmp_path.glob("*/*.log"))


def test_one_port_for_both_is_refused(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    with pytest.raises(UsageError, match=str(port)):
        LocalCluster(tmp_path).up(port, port)


def test_too_little_disk_is_an_error_before_anything_starts(tmp_path: Path) -> None:
    cluster = LocalCluster(tmp_path, free_space=lambda _path: 100 << 20)
    with pytest.raises(NoSpace, match=r"100 MiB free, \d+ MiB needed"):
        cluster.up(*free_ports(2))
    assert pids(cluster) == [None, None]


def test_an_interrupted_up_leaves_nothing_running_and_the_next_one_works(tmp_path: Path) -> None:
    ports = [str(port) for port in free_ports(2)]
    command = [sys.executable, "-c", INTERRUPTIBLE, str(tmp_path), *ports]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "kafka: starting" in line:
                process.send_signal(signal.SIGINT)
                break
        rest = process.stderr.read()
    assert process.returncode == 130
    assert "Traceback" not in rest
    cluster = LocalCluster(tmp_path)
    assert pids(cluster) == [None, None]
    assert cluster.up() is True
    cluster.down()


def test_a_server_that_fails_to_start_ends_the_other_and_shows_its_log(tmp_path: Path) -> None:
    data = tmp_path / "kafka-1" / "data"
    data.mkdir(parents=True)
    (data / "meta.properties").write_text("version=1\ncluster.id=somebody-elses-cluster\nnode.id=7\n")
    cluster = LocalCluster(tmp_path)
    with pytest.raises(ClusterError, match="kafka ended while starting") as complaint:
        cluster.up(*free_ports(2))
    assert str(tmp_path / "kafka-1" / "kafka.log") in str(complaint.value)
    assert "node" in str(complaint.value).partition("ends with")[2]
    assert pids(cluster) == [None, None]
