"""The independent reader finds what is lost, doubled, in the wrong place or out of order."""

from tools.chaos.faults.coordinators import coordinating_partition
from tools.chaos.plain_reader import compare
from tools.chaos.report import summarise
from tools.chaos.results import Result, Tally
from tools.chaos.runner import plan


class Record:
    """A message as far as the judgement looks at it."""

    def __init__(self, value: bytes, partition: int, offset: int) -> None:
        self._fields = (value, partition, offset)

    def value(self) -> bytes:
        return self._fields[0]

    def partition(self) -> int:
        return self._fields[1]

    def offset(self) -> int:
        return self._fields[2]


def topic(*values: bytes) -> list[Record]:
    return [Record(value, 0, offset) for offset, value in enumerate(values)]


def judge(value: bytes) -> tuple[str, str]:
    return value.decode(), "fraud" if value.startswith(b"f") else "legit"


INPUTS = topic(b"l1", b"f1", b"??", b"l2", b"l3")


def tally(legit: list[Record], fraud: list[Record], dead: list[Record]) -> Tally:
    return compare(INPUTS, {"legit": legit, "fraud": fraud, "dead": dead}, [b"??"], judge)


def test_everything_in_its_place() -> None:
    result_tally = tally(topic(b"l1", b"l2", b"l3"), topic(b"f1"), topic(b"??"))
    assert result_tally == Tally(messages=5)
    assert result_tally.holds


def test_missing() -> None:
    assert tally(topic(b"l1", b"l3"), topic(b"f1"), topic()) == Tally(messages=5, missing=2)


def test_doubled() -> None:
    result_tally = tally(topic(b"l1", b"l2", b"l3", b"l3"), topic(b"f1"), topic(b"??"))
    assert (result_tally.doubled, result_tally.missing, result_tally.holds) == (1, 0, False)


def test_something_that_was_never_put_in_is_one_too_many() -> None:
    assert tally(topic(b"l1", b"l2", b"l3", b"l9"), topic(b"f1"), topic(b"??")).doubled == 1


def test_in_the_wrong_topic() -> None:
    result_tally = tally(topic(b"l1", b"l2", b"l3", b"f1"), topic(b"??"), topic())
    assert (result_tally.misplaced, result_tally.missing, result_tally.doubled, result_tally.holds) == (2, 0, 0, False)


def test_out_of_order() -> None:
    assert tally(topic(b"l2", b"l1", b"l3"), topic(b"f1"), topic(b"??")) == Tally(messages=5, disordered=1)


def test_an_id_that_the_generator_wrote_twice_is_doubled() -> None:
    inputs = topic(b"l1", b"l1")
    result_tally = compare(inputs, {"legit": topic(b"l1", b"l1"), "fraud": [], "dead": []}, [], judge)
    assert result_tally == Tally(messages=2, doubled=1)


def test_an_open_transaction_breaks_the_promise() -> None:
    assert not Tally(messages=1, open_transactions=1).holds


def result(proof: str = "seen", problem: str = "", tally: Tally | None = None, recovery: float | None = 1.0) -> Result:
    return Result("fault", 1, 0.5, proof, tally or Tally(messages=10), problem, recovery, 9.0)


def test_only_what_is_proven_and_whole_is_ok() -> None:
    assert result().verdict == "ok"
    assert result(proof="", problem="it did not happen").verdict == "not run"
    assert result(problem="exit code 3").verdict == "VIOLATED"
    assert result(proof="", tally=Tally(missing=1)).verdict == "VIOLATED"


def test_rounds_add_up() -> None:
    (summary,) = summarise([result(), result(proof=""), result(tally=Tally(missing=2), recovery=3.0)])
    assert (summary.rounds, summary.proven, summary.not_run, summary.violated) == (3, 2, 1, 1)
    assert (summary.messages, summary.missing, summary.worst_recovery) == (20, 2, 3.0)


def test_kills_get_all_rounds_and_others_a_fifth() -> None:
    rounds = list(plan(["detector-killed", "broker-killed"], 10, seed=7))
    assert rounds[:2] == [("detector-killed", 7), ("detector-killed", 8)]
    assert [seed for name, seed in rounds if name == "broker-killed"] == [7, 8]
    assert list(plan(["broker-killed"], 3, seed=1)) == [
        ("broker-killed", 1),
        ("broker-killed", 2),
        ("broker-killed", 3),
    ]


def test_coordinators_are_found_by_the_hash_that_java_gives_a_string() -> None:
    assert coordinating_partition("hello", 2**31) == 99162322
    assert coordinating_partition("polygenelubricants", 50) == 0  # its hash is the smallest integer, which has no abs
