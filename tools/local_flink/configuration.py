"""Configuration of a local Flink cluster. Pure."""

from dataclasses import dataclass

# What Flink needs of Java 17 and later, as its own conf/config.yaml has it for what runs here.
_OPENED = ("lang", "net", "io", "nio", "lang.reflect", "text", "time", "util", "util.concurrent",
           "util.concurrent.atomic", "util.concurrent.locks")  # fmt: skip

JVM_OPTIONS = (
    "--add-exports=java.rmi/sun.rmi.registry=ALL-UNNAMED",
    "--add-exports=java.security.jgss/sun.security.krb5=ALL-UNNAMED",
    "--add-opens=java.base/sun.nio.ch=ALL-UNNAMED",
    *(f"--add-opens=java.base/java.{package}=ALL-UNNAMED" for package in _OPENED),
)  # fmt: skip

LOG4J = """\
rootLogger.level = ${sys:level}
rootLogger.appenderRef.console.ref = console
appender.console.name = console
appender.console.type = CONSOLE
appender.console.target = SYSTEM_ERR
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{HH:mm:ss,SSS} %-5p %c{1} %m%n
"""


@dataclass(frozen=True)
class Program:
    """A program of Flink.

    Attributes:
        main_class: Its class.
        heap_mb: Its heap, in MiB.
        options: Its further options of Java.
        level: The least level that it logs.
    """

    main_class: str
    heap_mb: int
    options: tuple[str, ...] = ()
    level: str = "INFO"

    def command(self, java: str, directory: str, *arguments: str) -> list[str]:
        """Return the command that runs it: Java by itself, as Flink's scripts start two more to find out its options.

        Args:
            java: Path of Java.
            directory: Has `conf` and `lib`.
            arguments: Its further arguments.
        """
        conf = f"{directory}/conf"
        return [
            java, f"-Xmx{self.heap_mb}m", "-XX:+UseSerialGC", *self.options, *JVM_OPTIONS, f"-Dlevel={self.level}",
            f"-Dlog4j.configurationFile=file:{conf}/log4j.properties", "-classpath", f"{directory}/lib/*",
            self.main_class, *arguments,
        ]  # fmt: skip


_QUICK_START = ("-XX:TieredStopAtLevel=1",)
_RUNTIME = "org.apache.flink.runtime"
CLIENT = Program("org.apache.flink.client.cli.CliFrontend", 256, _QUICK_START, level="WARN")
JOB_MANAGER = Program(f"{_RUNTIME}.entrypoint.StandaloneSessionClusterEntrypoint", 400, _QUICK_START)
TASK_MANAGER = Program(f"{_RUNTIME}.taskexecutor.TaskManagerRunner", 400)


@dataclass(frozen=True)
class FlinkPlan:
    """Settings of a local cluster.

    Attributes:
        rpc_port: Port of the JobManager for TaskManagers.
        rest_port: Port of the JobManager for clients.
        state_directory: Directory of checkpoints and savepoints.
    """

    rpc_port: int
    rest_port: int
    state_directory: str


def configuration(plan: FlinkPlan) -> dict[str, str]:
    """Return the configuration: one slot a TaskManager, and as little memory as Java and Arrow batches need."""
    return {
        "jobmanager.rpc.address": "localhost",
        "jobmanager.rpc.port": str(plan.rpc_port),
        "jobmanager.bind-host": "localhost",
        "taskmanager.host": "localhost",
        "taskmanager.bind-host": "localhost",
        "taskmanager.numberOfTaskSlots": "1",
        # What Flink's scripts would derive from the size of the process.
        "taskmanager.cpu.cores": "1",
        "taskmanager.memory.framework.heap.size": "128m",
        "taskmanager.memory.framework.off-heap.size": "128m",
        "taskmanager.memory.jvm-metaspace.size": "256m",
        "taskmanager.memory.jvm-overhead.min": "64m",
        "taskmanager.memory.jvm-overhead.max": "64m",
        "taskmanager.memory.task.heap.size": "272m",
        "taskmanager.memory.task.off-heap.size": "0",
        "taskmanager.memory.managed.size": "128m",
        "taskmanager.memory.network.min": "32mb",
        "taskmanager.memory.network.max": "32mb",
        "rest.address": "localhost",
        "rest.bind-address": "localhost",
        "rest.port": str(plan.rest_port),
        # A killed TaskManager is noticed within seconds.
        "heartbeat.interval": "2000",
        "heartbeat.timeout": "10000",
        "cluster.registration.error-delay": "1000",
        "io.tmp.dirs": f"{plan.state_directory}/temporary",
        "web.tmpdir": f"{plan.state_directory}/temporary",
        "execution.checkpointing.dir": f"file://{plan.state_directory}/checkpoints",
        "execution.checkpointing.savepoint-dir": f"file://{plan.state_directory}/savepoints",
    }


def as_yaml(properties: dict[str, str]) -> str:
    """Return a configuration as the file that Flink reads: flat names are as good as nested ones."""
    return "".join(f'{name}: "{value}"\n' for name, value in properties.items())
