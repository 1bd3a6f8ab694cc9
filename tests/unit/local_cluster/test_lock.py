import pytest

from tools.local_cluster.errors import LockError
from tools.local_cluster.lock import LOCK_FILE, Artifact, parse_lock

SUM = "a" * 64


def test_a_jar_and_an_archive_are_told_apart_by_their_coordinates() -> None:
    parts = parse_lock(
        f'[kafka]\n"org.x:tool:1.0" = {{ sha256 = "{SUM}", size = 5 }}\n'
        f'[registry]\n"org.x:app:tar.gz:all:2.0" = {{ sha256 = "{SUM}", size = 7 }}\n'
    )
    assert parts["kafka"].artifacts == (Artifact("org.x", "tool", "jar", "", "1.0", SUM, 5),)
    assert parts["kafka"].artifacts[0].filename == "tool-1.0.jar"
    assert parts["kafka"].artifacts[0].path == "org/x/tool/1.0/tool-1.0.jar"
    assert parts["registry"].artifacts[0].filename == "app-2.0-all.tar.gz"
    assert parts["registry"].size == 7


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[kafka", "not TOML"),
        (f'[kafka]\n"org.x:tool" = {{ sha256 = "{SUM}", size = 5 }}', '"org.x:tool": expected'),
        (f'[kafka]\n"org.x:tool:1.0" = "{SUM}"', '"org.x:tool:1.0": expected'),
        (f'[kafka]\n"org.x:tool:1.0" = {{ sha256 = "{SUM}" }}', '"org.x:tool:1.0": expected'),
        ('[kafka]\n"org.x:tool:1.0" = { sha256 = "beef", size = 5 }', "64 lower-case hex digits"),
        (f'[kafka]\n"org.x:tool:1.0" = {{ sha256 = "{SUM.upper()}", size = 5 }}', "64 lower-case hex digits"),
        *(
            (f'[kafka]\n"org.x:tool:{version}" = {{ sha256 = "{SUM}", size = 5 }}', "expected one released version")
            for version in ("LATEST", "RELEASE", "1.0-SNAPSHOT", "[1.0,2.0)", "")
        ),
    ],
)
def test_a_lock_of_another_form_is_refused_with_the_place(text: str, complaint: str) -> None:
    with pytest.raises(LockError, match="artifacts.lock.toml") as refusal:
        parse_lock(text)
    assert complaint in str(refusal.value)


def test_the_committed_lock_pins_both_parts_and_names_no_address() -> None:
    text = LOCK_FILE.read_text(encoding="utf-8")
    parts = parse_lock(text)
    assert "://" not in text
    assert [artifact.name for artifact in parts["registry"].artifacts] == ["apicurio-registry-app"]
    kafka = {artifact.name: artifact.version for artifact in parts["kafka"].artifacts}
    assert kafka["kafka_2.13"] == kafka["kafka-clients"] == "4.1.0"
    assert all(artifact.size > 0 for part in parts.values() for artifact in part.artifacts)
