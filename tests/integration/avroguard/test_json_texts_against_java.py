"""Avro Java reads the files that lint takes for JSON, and refuses those that it doesn't."""

from pathlib import Path

import pytest

from support.json_texts import TEXTS, JsonText
from tests.support.avro_java import avro_java


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: text.name)
def test_avro_java_agrees_about_a_file(text: JsonText, tmp_path: Path) -> None:
    file = tmp_path / "o.avsc"
    file.write_bytes(text.content)
    assert avro_java().reads_file(file) is (text.rules is not None)
