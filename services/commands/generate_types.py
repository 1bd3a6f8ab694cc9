"""Generator of the Python types of the contracts' records; `--check` fails where they are stale."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import services
from avroguard.avro.schema import shown
from avroguard.cli.running import run
from services.contracts import load_contracts
from services.contracts.python_types import python_types

_COMMAND = "python -m services.commands.generate_types"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(
        prog=_COMMAND,
        description="Write the Python types of the records that contracts.toml names.",
        epilog="exit codes: 0 done or fresh; 1 stale, or a schema that is invalid; 2 wrong usage",
    )
    parser.add_argument("--check", action="store_true", help="change nothing; fail if the module is stale")
    parser.add_argument(
        "--to",
        metavar="FILE",
        type=Path,
        default=Path(services.__file__).parent / "contracts" / "generated_types.py",
        help="the module; by default services/contracts/generated_types.py",
    )
    options = parser.parse_args(arguments)
    return run("generate", lambda: _generate(options.to, check=options.check))


def _generate(module: Path, *, check: bool) -> int:
    contracts = load_contracts()
    schemas = {topic.schema.path: topic.schema for topic in contracts.governed if topic.schema}
    source = python_types(schemas.values())
    fresh = module.is_file() and module.read_text(encoding="utf-8") == source
    if check and not fresh:
        print(f"{shown(module)}: stale: the schemas have changed; run {_COMMAND}")
        return 1
    if not fresh:
        module.write_text(source, encoding="utf-8")
        print(f"{shown(module)}: written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
