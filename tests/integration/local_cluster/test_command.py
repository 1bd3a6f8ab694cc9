"""Output and exit codes of ``scripts/local-cluster``."""

import subprocess
import sys
from pathlib import Path

import pytest

from tools.local_cluster import LocalCluster
from tools.local_cluster.__main__ import main
from tools.local_cluster.ports import free_ports

SCRIPT = Path(__file__).resolve().parents[3] / "scripts" / "local-cluster"


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> LocalCluster:
    return LocalCluster(tmp_path_factory.mktemp("stopped"))


def test_env_is_for_eval(up: LocalCluster, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["env"], up) == 0
    printed = capfd.readouterr().out
    kafka, registry = (node.port for node in up.status())
    script = f'{printed}\necho "$KAFKA_BROKER_URL $SCHEMA_REGISTRY_URL"'
    shown = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True).stdout
    assert shown.split() == [f"127.0.0.1:{kafka}", f"http://127.0.0.1:{registry}/apis/ccompat/v7"]


def test_status_and_up_of_a_running_cluster(up: LocalCluster, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status"], up) == 0
    kafka, registry = capsys.readouterr().out.splitlines()
    for line, node in zip((kafka, registry), up.status(), strict=True):
        for fact in (node.name, node.version, "healthy", f"port {node.port}", f"pid {node.pid}", "up "):
            assert fact in line
    assert main(["up"], up) == 0
    captured = capsys.readouterr()
    assert "already up" in captured.err
    assert captured.out == ""


def test_logs_of_one_server_or_both(up: LocalCluster, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["logs", "registry"], up) == 0
    registry = capsys.readouterr().out
    assert "apicurio" in registry.lower()
    assert "KafkaRaftServer" not in registry
    assert main(["logs"], up) == 0
    assert len(capsys.readouterr().out.splitlines()) > len(registry.splitlines())


def test_what_is_not_up_is_an_error_for_env_and_status(
    stopped: LocalCluster, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["env"], stopped) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "scripts/local-cluster up" in captured.err
    assert main(["status"], stopped) == 1
    assert capsys.readouterr().out.count("not running") == 2
    assert main(["down"], stopped) == 0
    assert "nothing to stop" in capsys.readouterr().err


@pytest.mark.parametrize("port", ["0", "65536", "-1", "x", "٣"])
def test_a_port_that_is_none_is_wrong_usage(
    stopped: LocalCluster, capsys: pytest.CaptureFixture[str], port: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["up", f"--kafka-port={port}"], stopped)
    assert ended.value.code == 2
    assert "1 to 65535" in capsys.readouterr().err


def test_up_on_a_taken_port_exits_1_with_one_line(
    up: LocalCluster, stopped: LocalCluster, capsys: pytest.CaptureFixture[str]
) -> None:
    taken = up.status()[0].port
    assert main(["up", "--kafka-port", str(taken), "--registry-port", str(free_ports(1)[0])], stopped) == 1
    error = capsys.readouterr().err
    assert str(taken) in error
    assert "--kafka-port" in error
    assert "Traceback" not in error


def test_logs_are_followed(up: LocalCluster) -> None:
    code = (
        "import sys; from pathlib import Path; from tools.local_cluster import LocalCluster;"
        "from tools.local_cluster.__main__ import main;"
        "sys.exit(main(['logs', 'kafka', '--follow'], LocalCluster(Path(sys.argv[1]))))"
    )
    log = up.logs()["kafka"]
    with subprocess.Popen([sys.executable, "-c", code, str(up.root)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        with log.open("a") as file:
            file.write("a line that came later\n")
        assert any("a line that came later" in line for line in process.stdout)
        process.terminate()
    assert process.returncode == 130


def test_the_script_works_from_any_directory(tmp_path: Path) -> None:
    shown = subprocess.run([SCRIPT, "--help"], cwd=tmp_path, capture_output=True, text=True, check=True)
    for verb in ("up", "down", "status", "logs", "env"):
        assert verb in shown.stdout
