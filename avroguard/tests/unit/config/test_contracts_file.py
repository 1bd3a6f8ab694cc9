"""`contracts.toml`: what it says, and what is said about faults in it."""

import re
import shutil
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from avroguard.config.topics import Contracts, load_contracts, read_contracts
from avroguard.config.tree import default_directory
from avroguard.errors import ContractError
from avroguard.levels import Level
from support.contracts_file import GOOD, SCHEMAS, TRANSACTION, Files


def read(content: str | bytes, schema: bytes = TRANSACTION) -> Contracts:
    content = content.encode() if isinstance(content, str) else content
    return read_contracts(Files({"contracts.toml": content, "transaction.avsc": schema}))


def faults(content: str | bytes, schema: bytes = TRANSACTION) -> list[str]:
    """Return the faults of a contracts file; any error but ContractError fails the test."""
    try:
        read(content, schema)
    except ContractError as error:
        return str(error).splitlines()
    return []


def test_the_contracts_of_this_project() -> None:
    contracts = load_contracts()
    assert [topic.name for topic in contracts.governed] == [
        "queueing.transactions",
        "streaming.transactions.legit",
        "streaming.transactions.fraud",
        "streaming.transactions.by-source",
        "streaming.transactions.by-target",
        "streaming.transactions.state",
        "streaming.alerts",
        "streaming.notifications",
        "streaming.silences",
        "streaming.rules",
        "streaming.scores",
        "streaming.decisions",
        "queueing.transactions.labels",
    ]
    assert all(topic.compatibility is Level.FULL_TRANSITIVE for topic in contracts.governed)
    names = {topic.name: topic.required_schema.name for topic in contracts.governed}
    assert names.pop("streaming.alerts") == "payments.Alert"
    assert names.pop("streaming.scores") == "payments.Score"
    for topic in ("streaming.notifications", "streaming.silences", "streaming.decisions", "streaming.rules"):
        assert names.pop(topic) != "payments.Transaction"
    assert names.pop("queueing.transactions.labels") == "payments.Label"
    assert names.pop("streaming.transactions.state") == "payments.WindowState"
    batches = {names.pop(f"streaming.transactions.by-{field}") for field in ("source", "target")}
    assert batches == {"payments.TransactionBatch"}
    assert set(names.values()) == {"payments.Transaction"}
    assert contracts.topic("queueing.transactions.dlq").schema is None
    by_broker = [topic.name for topic in contracts.topics if topic.message_timestamp_type == "LogAppendTime"]
    assert by_broker == ["queueing.transactions"]
    assert [topic.name for topic in contracts.inputs_of("queueing.transactions.dlq")] == [
        "queueing.transactions",
        "streaming.transactions.by-source",
        "streaming.transactions.by-target",
    ]


def test_a_contract_is_read() -> None:
    contracts = read(GOOD)
    topic = contracts.topic("a.b")
    assert (topic.partitions, topic.retention_ms, topic.compatibility) == (3, 12 * 3_600_000, Level.FULL)
    assert (topic.subject, str(topic.place)) == ("a.b-value", "contracts.toml:1")
    assert (topic.message_timestamp_type, topic.dead_letter_topic) == ("LogAppendTime", "raw")
    raw = contracts.topic("raw")
    assert (raw.message_timestamp_type, raw.dead_letter_topic) == ("CreateTime", None)
    assert (contracts.inputs_of("raw"), contracts.inputs_of("a.b")) == ((topic,), ())
    assert (raw.retention_ms, raw.schema, raw.compatibility) == (2 * 86_400_000, None, None)
    with pytest.raises(ContractError, match=r'contracts\.toml: no topic "rwa".*did you mean "raw"\?'):
        contracts.topic("rwa")


def test_the_directory_is_set_by_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCHEMAS_DIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ContractError, match=r"^contracts\.toml: no such file"):
        load_contracts()
    (tmp_path / "contracts.toml").write_text(GOOD.replace("transaction.avsc", "."))
    with pytest.raises(ContractError, match=r"^contracts\.toml:4: topic a\.b: value: no file '\.'"):
        load_contracts()
    (tmp_path / "contracts.toml").write_text(GOOD)
    shutil.copy(SCHEMAS / "transaction.avsc", tmp_path)
    assert [topic.name for topic in load_contracts().topics] == ["a.b", "raw"]


def test_schemas_below_the_working_directory_go_before_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SCHEMAS_DIR", raising=False)
    monkeypatch.chdir(tmp_path)
    assert default_directory() == Path()
    (tmp_path / "schemas").mkdir()
    assert default_directory() == Path("schemas")


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ("partitions = 3", "partitons = 3", 2, 'topic a.b: unknown key "partitons"; did you mean "partitions"?'),
        ("partitions = 3", "zzz = 3", 2, 'unknown key "zzz"; expected one of partitions, retention'),
        ("partitions = 3", "partitions = 0", 2, "found 0"),
        ("partitions = 3", "partitions = true", 2, "found true"),
        ("partitions = 3", 'partitions = "3"', 2, 'found "3"'),
        ("partitions = 1", "partitions = 1.5", 10, "topic raw: partitions"),
        ('"12h"', '"12w"', 3, 'retention: expected hours or days such as "12h" or "7d", found "12w"'),
        ('"12h"', "12", 3, "found 12"),
        ('"12h"', '"-1h"', 3, 'found "-1h"'),
        ('"12h"', "[]", 3, "found an array"),
        ('"transaction.avsc"', '"transactoin.avsc"', 4, "value: no file 'transactoin.avsc'"),
        ('"transaction.avsc"', '"a\\u0000b"', 4, "value: no file"),
        ('"transaction.avsc"', "{}", 4, "value: expected a schema file"),
        ('"FULL"', '"FUL"', 5, 'compatibility: expected one of NONE, .* found "FUL"; did you mean "FULL"?'),
        ('"FULL"', '"full"', 5, 'did you mean "FULL"?'),
        ('compatibility = "FULL"\n', "", 1, "compatibility: expected one of .* found nothing"),
        ('value = "bytes"', 'value = "bytes"\ncompatibility = "NONE"', 13, "raw bytes have none; remove it"),
        ('"LogAppendTime"', '"CreateTim"', 6, 'found "CreateTim"; did you mean "CreateTime"?'),
        (
            '"LogAppendTime"',
            "[]",
            6,
            "message_timestamp_type: expected one of CreateTime, LogAppendTime, found an array",
        ),
        ('= "raw"', "= 1", 7, "dead_letter_topic: expected the name of a topic of this file, found 1"),
        ('= "raw"', '= ""', 7, 'found ""'),
        ('= "raw"', '= "rwa"', 7, 'dead_letter_topic: no topic "rwa" in this file; did you mean "raw"?'),
        ('= "raw"', '= "a.b"', 7, 'a dead letter is any bytes, expected value = "bytes" of topic a.b'),
        ('value = "bytes"', 'value = "bytes"\ndead_letter_topic = "raw"', 13, "expected another topic than this one"),
        ("[topics.raw]", "[topic.raw]", 9, 'unknown key "topic"; expected tables'),
        ("[topics.raw]", "[topics.'r w']", 9, '"r w" is no topic name'),
        ("[topics.raw]", "[topics]\nraw = 1\n[x]", 1, None),
        ("[topics.raw]", "[topics.raw", 9, "not TOML: "),
        ("partitions = 3", "partitions = 3\npartitions = 4", 3, "not TOML: "),
    ],
)
def test_a_fault_is_told_with_its_line(old: str, new: str, line: int, said: str | None) -> None:
    assert old in GOOD
    messages = faults(GOOD.replace(old, new, 1))
    assert messages
    if said is not None:
        assert any(re.match(rf"contracts\.toml:{line}(:\d+)?: ", fault) for fault in messages), messages
        assert any(re.search(said.replace("?", r"\?").replace("[", r"\["), fault) for fault in messages), messages


def test_a_broken_schema_is_told_once_however_many_topics_carry_it() -> None:
    messages = faults(GOOD + GOOD.replace("a.b", "c").replace("raw", "other"), b'{"type": "record", "name": "R"}')
    assert messages == ['transaction.avsc:1:1: not Avro: expected an attribute "fields" (an array) in this record']


def test_bytes_that_are_no_text() -> None:
    assert faults(b"# ok\n\xff") == ["contracts.toml:2: not UTF-8; save the file as UTF-8"]


tokens = ["[", "]", '"', "=", "\n", ".", "topics", "[topics.x]\n", "1", "true", "{}", "[[", "a = 1\n", "9" * 5000, "\0"]


@given(st.integers(0, len(GOOD)), st.integers(0, 30), st.sampled_from(tokens) | st.binary(max_size=3))
@example(0, 1000, "")
@example(0, 1000, "x = " + "[" * 5000)
def test_a_corrupted_file_is_read_or_refused_with_its_line(start: int, removed: int, added: str | bytes) -> None:
    content = GOOD.encode()
    inserted = added if isinstance(added, bytes) else added.encode()
    for fault in faults(content[:start] + inserted + content[start + removed :]):
        assert re.match(r"contracts\.toml:\d+", fault), fault
