"""The commands that talk to a registry, by name."""

from collections.abc import Callable

from avroguard.cli import check, diff, drift, pull, register

COMMANDS: dict[str, Callable[[], int]] = {
    "avroguard register": lambda: register.main([]),
    "avroguard check": lambda: check.main(["--against", "registry"]),
    "avroguard diff": lambda: diff.main(["registry:one-value@1", "registry:one-value"]),
    "avroguard pull": lambda: pull.main(["one-value", "--to", "pulled", "--all-versions"]),
    "avroguard drift": lambda: drift.main([]),
}
