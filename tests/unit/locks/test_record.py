from packaging.requirements import Requirement

from tools.locks.check import Lock
from tools.locks.closure import Metadata, parse_lock
from tools.locks.record import used

HASH = "--hash=sha256:" + "a" * 64


def test_requirements_of_extras_that_no_lock_asks_for_are_left_out() -> None:
    pins = tuple(parse_lock(f"a==1 {HASH}\nb==2 {HASH}", "lock.txt"))
    complete = {
        "a==1": Metadata("", frozenset(), ("b[toml]", "c; python_version < '3'")),
        "b==2": Metadata(">=3.8", frozenset(), ("d; extra == 'toml'", "e; extra == 'docs'", "f; os_name == 'nt'")),
    }
    assert dict(used([Lock("lock.txt", (Requirement("a"),), pins)], complete)) == {
        "a==1": Metadata("", frozenset(), ("b[toml]",)),
        "b==2": Metadata(">=3.8", frozenset({"toml"}), ("d; extra == 'toml'", "f; os_name == 'nt'")),
    }


def test_extras_that_two_locks_ask_for_are_recorded_together() -> None:
    pins = tuple(parse_lock(f"b==2 {HASH}", "lock.txt"))
    complete = {"b==2": Metadata("", frozenset(), ("d; extra == 'one'", "e; extra == 'two'"))}
    locks = [Lock(extra, (Requirement(f"b[{extra}]"),), pins) for extra in ("one", "two")]
    assert dict(used(locks, complete))["b==2"] == Metadata(
        "", frozenset({"one", "two"}), ("d; extra == 'one'", "e; extra == 'two'")
    )
