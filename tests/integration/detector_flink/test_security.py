"""The job on brokers that ask who it is: logged in over TLS, with the password in a file and nowhere else."""

from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.support.secure_cluster import USERS, SecureCluster, secure_cluster
from tools.harness.pipeline import Pipeline
from tools.harness.waiting import wait_for
from tools.local_flink.cluster import FlinkCluster

pytestmark = pytest.mark.flink

PATIENCE = 300.0


@pytest.fixture(scope="module")
def secure() -> Iterator[SecureCluster]:
    with secure_cluster() as cluster:
        yield cluster


def test_the_password_is_read_where_it_is_used(secure: SecureCluster, flink: FlinkCluster, tmp_path: Path) -> None:
    pipeline = Pipeline(secure.cluster, tmp_path)
    password = tmp_path / "password"
    password.write_text(USERS["admin"])
    login = secure.environment(
        "SASL_SSL", "admin", KAFKA_CONFIG_SASL_PASSWORD="", KAFKA_CONFIG_SASL_PASSWORD_FILE=str(password)
    )
    values = pipeline.transactions(500)
    pipeline.produce(values, keyed=True)
    job = flink.submit(pipeline.environment | login, 2)

    def done() -> int:
        return len(pipeline.read(pipeline.legit)) + len(pipeline.read(pipeline.fraud))

    wait_for(lambda: done() >= 500, lambda: f"{done()} of 500 verdicts", PATIENCE, pause=1)
    told = b""
    for what in ("", "/config", "/plan", "/checkpoints/config", "/exceptions"):
        told += httpx2.get(f"{flink.url}/jobs/{job}{what}", timeout=5, trust_env=False).content
    savepoint = flink.stop_job(job)
    assert done() == 500
    assert Path(savepoint.removeprefix("file:")).is_dir()
    files = [path for path in flink.directory.rglob("*") if path.is_file() and not path.is_symlink()]
    assert any(path.suffix == ".log" for path in files)
    secret = USERS["admin"].encode()
    assert not [path for path in files if secret in path.read_bytes()]
    assert secret not in told
