import re

import pytest

from tools.locks.install import explain, main

RETRY = (
    "WARNING: Retrying (Retry(total={left}, connect=None, read=None, redirect=None, status=None)) after connection "
    "broken by 'NewConnectionError(...)': /simple/a/\n"
)
MISSING = (
    "ERROR: Could not find a version that satisfies the requirement a==1.0 (from versions: {offered})\n"
    "ERROR: No matching distribution found for a==1.0\n"
)
HASHES = """\
ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE. If you have updated the package versions, ...
    a==1.0 from file:///index/a/a-1.0-py3-none-any.whl#sha256=aa (from -r lock.txt (line 1)):
        Expected sha256 bb
             Got        aa
"""


@pytest.mark.parametrize(
    ("output", "code", "said"),
    [
        (MISSING.format(offered="1.1, 1.2"), 1, r"does not offer a==1\.0 of lock\.txt .*\(offered: 1\.1, 1\.2\)"),
        (MISSING.format(offered="none"), 1, r"\(offered: none\).*withdrawn.*scripts/lock"),
        (RETRY.format(left=4) + MISSING.format(offered="1.1"), 1, r"does not offer a==1\.0"),
        (RETRY.format(left=0) + MISSING.format(offered="none"), 3, "can't be reached"),
        (
            "ERROR: Exception:\npip._vendor.urllib3.exceptions.ReadTimeoutError: Read timed out.\n",
            3,
            "can't be reached",
        ),
        (HASHES, 1, r"serves another file as a==1\.0"),
        ("ERROR: No space left on device\n", 1, r"could not install lock\.txt"),
    ],
    ids=["withdrawn", "gone", "a retry helped", "no answer", "answers too late", "other content", "anything else"],
)
def test_what_pip_says_becomes_a_reason_and_an_exit_code(output: str, code: int, said: str) -> None:
    actual, explanation = explain(output, "lock.txt")
    assert actual == code
    assert re.search(said, explanation)


@pytest.mark.parametrize("arguments", [[], ["--help"]])
def test_a_lock_has_to_be_named(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    assert "usage" in capsys.readouterr().err
