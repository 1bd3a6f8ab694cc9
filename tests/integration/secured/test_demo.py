"""The whole pipeline on the secured cluster: each service with its own user and the least ACLs."""

import json
import os
import subprocess
import sys

from confluent_kafka.admin import AdminClient

from services.contracts import load_contracts
from tools.acls.__main__ import acls_of
from tools.acls.broker import compare
from tools.acls.programs import programs
from tools.local_cluster import Cluster, LocalCluster

DEMO = """
import sys
from pathlib import Path
from tools.demo.__main__ import main
from tools.local_cluster import LocalCluster
root = sys.argv.pop(1)
sys.exit(main(LocalCluster(Path(root))))
"""


def test_it_counts_every_transaction_once_and_shows_who_is_refused(local: LocalCluster, secured: Cluster) -> None:
    command = [sys.executable, "-c", DEMO, str(local.root), "--secure", "--duration", "3", "--rate", "500", "--json"]
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("KAFKA_", "SCHEMA_REG"))}
    done = subprocess.run(command, env=inherited, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert summary["generated"] == summary["legit"] + summary["fraud"] > 500
    assert (summary["duplicates"], summary["missing"], summary["unexpected"], summary["dead_letter"]) == (0, 0, 0, 0)
    assert summary["refused"] == [
        "a plaintext client",
        "an unknown user",
        "the generator, to read what it writes",
        "a stranger at the registry",
    ]
    needed = acls_of(programs(load_contracts()))
    assert compare(AdminClient(secured.client_config()), needed).missing == []


def test_secure_is_refused_where_the_environment_names_a_cluster(secured: Cluster) -> None:
    command = [sys.executable, "-m", "tools.demo", "--secure", "--json"]
    done = subprocess.run(
        command, env={**os.environ, **secured.environment()}, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "--secure is for the local cluster" in done.stderr
