import subprocess
import sys

import pytest

import services.contracts


def test_every_name_of_the_face_is_there() -> None:
    for name in services.contracts.__all__:
        assert getattr(services.contracts, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        getattr(services.contracts, "nonsense")  # noqa: B009 - reading it is the test


def test_files_are_read_without_an_http_client_or_a_numpy() -> None:
    code = (
        "import sys; from services.contracts import load_contracts; load_contracts(); "
        "sys.exit(bool({'httpx2', 'numpy', 'pydantic'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
