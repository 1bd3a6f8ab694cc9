"""The search for poison records, driven as by the loop: all are found, and the other records committed once."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import log2
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from services.errors import PoisonError
from services.streaming.poison_search import PoisonSearch, UnprocessableError
from services.streaming.positions import Partition, RecordPosition, next_offsets, position_of

BATCH = 100


@dataclass(frozen=True)
class Record:
    """A stub of a consumed message, as far as the search uses it."""

    place: RecordPosition

    def topic(self) -> str:
        return self.place[0]

    def partition(self) -> int:
        return self.place[1]

    def offset(self) -> int:
        return self.place[2]


@dataclass
class Loop:
    """A loop without clients: a transaction of one or several batches, all of it or nothing.

    Attributes:
        sizes: Number of records of each partition.
        fails: Records that an exception is raised for.
        refused: Records that the commit fails for.
        named: Records that the handler names itself.
        dead_refused: Records whose dead letter is refused, too, unless it is bare.
    """

    random: Random
    sizes: Sequence[int]
    fails: frozenset[RecordPosition] = frozenset()
    refused: frozenset[RecordPosition] = frozenset()
    named: frozenset[RecordPosition] = frozenset()
    dead_refused: frozenset[RecordPosition] = frozenset()
    search: PoisonSearch = field(default_factory=lambda: PoisonSearch(BATCH))
    committed: Counter[RecordPosition] = field(default_factory=Counter)
    dead: Counter[RecordPosition] = field(default_factory=Counter)
    bare: set[RecordPosition] = field(default_factory=set)
    errors: dict[RecordPosition, PoisonError] = field(default_factory=dict)
    tries: int = 0

    def __post_init__(self) -> None:
        self.positions: dict[Partition, int] = {("in", number): 0 for number in range(len(self.sizes))}

    @property
    def done(self) -> bool:
        return all(self.positions["in", number] == size for number, size in enumerate(self.sizes))

    def transaction(self, owned: frozenset[int]) -> None:
        """One transaction: read from the committed positions, handle, commit or not."""
        self.tries += 1
        if self.search.active and owned:
            self.search.retain([("in", number) for number in owned])
        read = dict(self.positions)
        records_read: list[Record] = []
        batches = self.random.choice([1, 1, 3])
        for _ in range(batches):
            records = self._read(read, owned)
            if not records:
                break
            records_read += records
            poison = self.search.poison(records)  # type: ignore[arg-type]
            batch = [record for index, record in enumerate(records) if index not in poison]
            if named := {position_of(record): PoisonError("named") for record in batch if record.place in self.named}:  # type: ignore[arg-type]
                self.search.mark_poison(named)
                return
            if any(record.place in self.fails for record in batch):
                self.search.failed(next_offsets(batch), len(batch), ValueError("unforeseen"))  # type: ignore[arg-type]
                return
            if self.search.active:
                break
        if not records_read:
            return
        poison = self.search.poison(records_read)  # type: ignore[arg-type]
        ends = next_offsets(records_read)  # type: ignore[arg-type]
        if any(self._is_refused(record, index in poison) for index, record in enumerate(records_read)):
            self.search.failed(ends, len(records_read), ValueError("refused"))
            return
        for index, record in enumerate(records_read):
            (self.dead if index in poison else self.committed)[record.place] += 1
            if index in poison:
                self.errors[record.place] = poison[index]
                if self.search.is_refused_dead_letter(record):  # type: ignore[arg-type]
                    self.bare.add(record.place)
        self.search.committed(ends, len(records_read))
        self.positions |= ends

    def _is_refused(self, record: Record, is_dead: bool) -> bool:
        if is_dead:
            return record.place in self.dead_refused and not self.search.is_refused_dead_letter(record)  # type: ignore[arg-type]
        return record.place in self.refused

    def _read(self, positions: dict[Partition, int], owned: frozenset[int]) -> list[Record]:
        """Some records of each partition, one stretch after the other, as a consumer gives them."""
        remaining, batch = self.search.limit, []
        for number in self.random.sample(sorted(owned), len(owned)):
            count = min(remaining, self.sizes[number] - positions["in", number], self.random.choice([3, 40, BATCH]))
            begin = positions["in", number]
            batch += [Record(("in", number, offset)) for offset in range(begin, begin + count)]
            positions["in", number] = begin + count
            remaining -= count
        return batch


@given(st.integers(), st.lists(st.integers(0, 300), min_size=1, max_size=4), st.floats(0, 0.05))
def test_all_poison_is_found_and_all_other_records_committed_once(seed: int, sizes: list[int], share: float) -> None:
    random = Random(seed)
    positions = [("in", number, offset) for number, size in enumerate(sizes) for offset in range(size)]
    kinds = random.choices(
        ["", "fails", "refused", "named"], [1 - share, share / 3, share / 3, share / 3], k=len(positions)
    )
    by_kind = {kind: frozenset(place for place, chosen in zip(positions, kinds, strict=True) if chosen == kind)
               for kind in ("fails", "refused", "named")}  # fmt: skip
    poison = frozenset[RecordPosition]().union(*by_kind.values())
    loop = Loop(random, sizes, dead_refused=frozenset(place for place in poison if random.random() < 0.2), **by_kind)
    everything = frozenset(range(len(sizes)))
    limit = 20 + 2 * len(positions) + len(poison) * (8 * round(log2(BATCH * 3)) + 20)
    while not loop.done:
        subset = frozenset(number for number in everything if random.random() < 0.7)
        loop.transaction(subset if random.random() < 0.1 else everything)
        assert loop.tries <= limit, loop
    assert loop.dead == Counter(poison)
    assert loop.committed == Counter(set(positions) - poison)
    assert loop.bare == loop.dead_refused
    assert all(isinstance(loop.errors[place], UnprocessableError) for place in poison - by_kind["named"])


def test_one_poison_record_of_a_large_batch_takes_few_attempts() -> None:
    loop = Loop(Random(1), [90], fails=frozenset({("in", 0, 57)}))
    while not loop.done:
        loop.transaction(frozenset({0}))
    assert loop.dead == Counter([("in", 0, 57)])
    assert loop.tries < 25


def test_a_transient_failure_marks_no_poison() -> None:
    search = PoisonSearch(BATCH)
    search.failed({("in", 0): 1}, 1, ValueError("once"))
    assert not search.poison([Record(("in", 0, 0))])  # type: ignore[list-item]
    search.committed({("in", 0): 1}, 1)
    search.failed({("in", 0): 2}, 1, ValueError("once"))
    assert not search.poison([Record(("in", 0, 1))])  # type: ignore[list-item]


def test_the_search_ends_where_its_partitions_are_revoked() -> None:
    search = PoisonSearch(BATCH)
    search.failed({("in", 0): 50, ("in", 1): 50}, 100, ValueError())
    assert (search.active, search.limit) == (True, 50)
    search.retain([("in", 1)])
    assert search.active
    search.retain([("in", 2)])
    assert (search.active, search.limit) == (False, BATCH)


def test_a_refused_dead_letter_without_content_leaves_no_attempt() -> None:
    search = PoisonSearch(BATCH)
    record = [Record(("in", 0, 0))]
    answers = [search.failed({("in", 0): 1}, 1, ValueError()) for _ in range(5)]
    assert search.poison(record)  # type: ignore[arg-type]
    assert search.is_refused_dead_letter(record[0])  # type: ignore[arg-type]
    assert answers == [True] * 5
    assert not search.failed({("in", 0): 1}, 1, ValueError())
