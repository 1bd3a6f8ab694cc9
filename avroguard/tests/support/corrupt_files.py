"""Schema and contracts files with bytes and values gone wrong: ``python -m support.corrupt_files --files 10000``."""

import argparse
import contextlib
import io
import json
import re
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random

from avroguard.cli.lint import main as lint
from support.avro_corruptions import corrupted

SCHEMAS = Path(__file__).parents[3] / "schemas"
WAIVER = b"""
[[waivers]]
rule = "DOC_MISSING"
file = "transaction.avsc"
reason = "known"
expires = 2090-01-31
"""
TOKENS = [b'"', b"{", b"}", b"[", b"]", b":", b",", b"=", b"\n", b"\0", b"\xff", b"\xe2\x82", b"\\u", b"\\ud800",
          b"null", b"true", b"1e999", b"-", b"9" * 200, b"[" * 300, b"{\"a\":" * 200, b'"type":', b"[[waivers]]\n",
          b"1979-05-27", b"'''", b"#", b"\r", b"\xef\xbb\xbf", b"nan", b"inf"]  # fmt: skip
PLACE = re.compile(r"(?P<file>[^:\n]+):(?P<line>[1-9]\d*)(:[1-9]\d*)?: [A-Z_]+ ")


def contents(seed: int, count: int) -> Iterator[tuple[bytes, bytes]]:
    """A contracts file and a schema file, one of which has something wrong in it."""
    random = Random(seed)
    toml = (SCHEMAS / "contracts.toml").read_bytes() + WAIVER
    avsc = (SCHEMAS / "transaction.avsc").read_bytes()
    schemas = corrupted(seed, count)
    for schema in schemas:
        match random.randrange(4):
            case 0:
                yield toml, json.dumps(schema, indent=random.choice([None, 1])).encode()
            case 1:
                yield _changed(toml, random), avsc
            case _:
                yield toml, _changed(avsc, random)


def _changed(content: bytes, random: Random) -> bytes:
    for _ in range(random.choice([1, 1, 2, 3])):
        start = random.randrange(len(content) + 1)
        end = min(len(content), start + random.choice([0, 0, 1, 1, 5, 40, 400]))
        match random.randrange(4):
            case 0:
                piece = random.choice(TOKENS)
            case 1:
                piece = random.randbytes(random.randrange(4))
            case 2:
                copied = random.randrange(len(content) + 1)
                piece = content[copied : copied + random.randrange(60)]
            case _:
                piece = b""
        content = content[:start] + piece + content[end:]
    return content


def lint_all(seed: int, count: int) -> Counter[int]:
    """Lint each pair of files by the command; returns how often it ended with which exit code.

    Raises:
        AssertionError: If it ends with a traceback, or with a line that does not say where the fault is.
    """
    codes: Counter[int] = Counter()
    with tempfile.TemporaryDirectory() as directory, contextlib.chdir(directory):
        shutil.copytree(SCHEMAS, ".", dirs_exist_ok=True)
        for toml, avsc in contents(seed, count):
            Path("contracts.toml").write_bytes(toml)
            Path("transaction.avsc").write_bytes(avsc)
            output, errors = io.StringIO(), io.StringIO()
            with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
                code = lint(["."])
            *findings, _ = output.getvalue().splitlines()
            for finding in findings:
                place = PLACE.match(finding)
                assert place, (finding, toml, avsc)
                assert int(place["line"]) <= Path(place["file"]).read_bytes().count(b"\n") + 1, (finding, toml, avsc)
            assert errors.getvalue() == "", (errors.getvalue(), toml, avsc)
            assert code in (0, 1), (code, toml, avsc)
            assert findings or code == 0
            codes[code] += 1
    return codes


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000)
    arguments = parser.parse_args()
    sys.stdout.write(f"seed {arguments.seed}\n")
    sys.stdout.flush()
    sys.stdout.write(f"exit codes {dict(lint_all(arguments.seed, arguments.files))}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
