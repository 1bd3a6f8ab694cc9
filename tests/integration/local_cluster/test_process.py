"""Processes that are found again by id and start time, and ports that are in use."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools.local_cluster.errors import PortInUse
from tools.local_cluster.ports import NOT_EPHEMERAL, free_ports, require_free
from tools.local_cluster.process import ManagedProcess

SLEEP = [sys.executable, "-c", "print('ready', flush=True); import time; time.sleep(60)"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(60)",
]


@pytest.fixture
def managed(tmp_path: Path) -> Iterator[ManagedProcess]:
    process = ManagedProcess("sleeper", tmp_path)
    yield process
    process.kill()


def wait_ready(managed: ManagedProcess) -> None:
    while "ready" not in managed.tail():
        assert managed.find()


def test_another_object_finds_it_and_stops_it(managed: ManagedProcess, tmp_path: Path) -> None:
    pid = managed.start(SLEEP, {}).pid
    other = ManagedProcess("sleeper", tmp_path)
    process = other.find()
    assert process is not None
    assert process.pid == pid
    assert other.stop(10) is True
    assert managed.find() is None
    assert managed.stop(10) is False


def test_a_recycled_id_is_not_ours_and_is_left_alone(managed: ManagedProcess, tmp_path: Path) -> None:
    bystander = ManagedProcess("bystander", tmp_path / "bystander")
    theirs = bystander.start(SLEEP, {})
    try:
        managed.id_file.write_text(json.dumps({"pid": theirs.pid, "started": theirs.create_time() - 100}))
        assert managed.find() is None
        assert managed.stop(1) is False
        managed.kill()
        assert bystander.find() is not None
    finally:
        bystander.kill()


def test_one_that_ignores_the_request_is_ended_all_the_same(managed: ManagedProcess) -> None:
    managed.start(STUBBORN, {})
    wait_ready(managed)
    assert managed.stop(0.2) is True
    assert managed.find() is None


def test_a_paused_one_can_be_stopped(managed: ManagedProcess) -> None:
    managed.start(SLEEP, {})
    managed.pause()
    assert managed.stop(10) is True
    assert managed.find() is None


def test_pausing_what_does_not_run_is_an_error(managed: ManagedProcess) -> None:
    with pytest.raises(ProcessLookupError, match="sleeper does not run"):
        managed.pause()


@pytest.mark.parametrize("record", ["", "{", "[]", '{"pid": "x", "started": 1}', '{"pid": 1}'])
def test_a_broken_id_file_means_that_nothing_runs(managed: ManagedProcess, record: str) -> None:
    managed.id_file.write_text(record)
    assert managed.find() is None


def test_the_log_of_the_start_before_is_kept(managed: ManagedProcess, tmp_path: Path) -> None:
    for word in ("first", "second"):
        managed.start([sys.executable, "-c", f"print({word!r})"], {}).wait(10)
    assert managed.log.read_text() == "second\n"
    assert (tmp_path / "sleeper.log.1").read_text() == "first\n"


def test_free_ports_differ_and_are_never_given_to_outgoing_connections() -> None:
    ports = free_ports(20)
    assert len(set(ports)) == 20
    assert all(port in NOT_EPHEMERAL for port in ports)


def test_a_port_is_given_to_one_process_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    (port,) = free_ports(1)
    monkeypatch.setattr("tools.local_cluster.ports.NOT_EPHEMERAL", range(port, port + 1))
    assert free_ports(1) == []
    other = f"import tools.local_cluster.ports as ports; ports.NOT_EPHEMERAL = range({port}, {port + 1})"
    command = [sys.executable, "-c", f"{other}; print(ports.free_ports(1))"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "[]\n"


def test_a_port_in_use_is_named_with_its_owner_and_the_option() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(PortInUse) as complaint:
            require_free(port, "kafka", "--kafka-port")
    for fact in (str(port), "kafka", "--kafka-port", str(os.getpid())):
        assert fact in str(complaint.value)
    require_free(port, "kafka", "--kafka-port")
