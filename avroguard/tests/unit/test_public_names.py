import subprocess
import sys

import pytest

import avroguard


def test_every_public_name_is_there() -> None:
    for name in avroguard.__all__:
        assert getattr(avroguard, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        getattr(avroguard, "nonsense")  # noqa: B009 - reading it is the test


def test_files_are_read_without_an_http_client() -> None:
    code = (
        "import sys; from avroguard import load_contracts; load_contracts; "
        "sys.exit(bool({'httpx2', 'numpy', 'pydantic'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
