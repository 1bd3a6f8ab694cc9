import pytest
from packaging.requirements import Requirement

from tools.locks.closure import (
    ENVIRONMENTS,
    PATCHES,
    PLATFORMS,
    PYTHONS,
    Environment,
    LockSyntaxError,
    Metadata,
    Pin,
    needs,
    parse_lock,
    problems,
)  # fmt: skip

LINUX = Environment("3.11.0", "x86_64-manylinux_2_28")
WINDOWS = Environment("3.11.0", "x86_64-pc-windows-msvc")
HASH = "--hash=sha256:" + "a" * 64


def lock(*entries: str) -> list[Pin]:
    return parse_lock("\n".join(f"{entry} \\\n    {HASH}\n    # via somebody" for entry in entries), "lock.txt")


def metadata(*requires: str, python: str = ">=3.8", extras: tuple[str, ...] = ()) -> Metadata:
    return Metadata(python, frozenset(extras), requires)


def complaints(pins: list[Pin], root: str, known: dict[str, Metadata], environment: Environment = LINUX) -> list[str]:
    return list(problems(pins, [Requirement(root)], known, environment))


def test_entries_are_read_with_markers_and_hashes() -> None:
    first, second = lock("Some_Name==1.0", "other==2.0.post1 ; sys_platform == 'win32'")
    assert (first.name, first.version, str(first)) == ("some-name", "1.0", "some-name==1.0")
    assert (second.name, second.version) == ("other", "2.0.post1")
    assert HASH in first.text
    assert not LINUX.holds(second.requirement)
    assert WINDOWS.holds(second.requirement)


@pytest.mark.parametrize(
    "entry", [f"a>=1 {HASH}", f"a {HASH}", f"a==1.* {HASH}", f"a==1,<2 {HASH}", "a==1", f"-r other.txt {HASH}", "???"]
)
def test_an_entry_that_is_no_pin_with_a_hash_is_refused(entry: str) -> None:
    with pytest.raises(LockSyntaxError, match=r"lock\.txt.*expected"):
        parse_lock(entry, "lock.txt")


def test_every_python_and_platform_is_looked_at() -> None:
    assert len(ENVIRONMENTS) == len(PYTHONS) * len(PATCHES) * len(PLATFORMS) == 40
    early = Requirement("a; python_full_version < '3.11.4'")
    assert LINUX.holds(early)
    assert not Environment("3.11.99", LINUX.platform).holds(early)


def test_a_complete_lock_has_no_problem() -> None:
    pins = lock("a==1", "b==2", "c==3 ; sys_platform == 'win32'")
    known = {"a==1": metadata("b>=1", "c; sys_platform == 'win32'"), "b==2": metadata("a"), "c==3": metadata()}
    assert complaints(pins, "a", known) == []
    assert complaints(pins, "a", known, WINDOWS) == []


def test_what_an_extra_requires_is_needed() -> None:
    pins = lock("a==1", "b==2")
    known = {
        "a==1": metadata("b[toml]>=2"),
        "b==2": metadata("c; extra == 'toml'", "d; extra == 'other'", extras=("toml",)),
    }
    assert complaints(pins, "a", known) == ["b==2 requires c, which is not in it"]


def test_an_extra_that_is_asked_for_later_is_followed() -> None:
    pins = lock("a==1", "b==2", "c==3")
    known = {
        "a==1": metadata("b", "c"),
        "b==2": metadata("x; extra == 'more'", extras=("more",)),
        "c==3": metadata("b[more]"),
    }
    assert complaints(pins, "a", known) == ["b==2 requires x, which is not in it"]


def test_a_requirement_of_one_platform_is_missing_there_alone() -> None:
    known = {"a==1": metadata("colours; sys_platform == 'win32'")}
    assert complaints(lock("a==1"), "a", known) == []
    assert complaints(lock("a==1"), "a", known, WINDOWS) == ["a==1 requires colours, which is not in it"]


def test_a_root_that_is_not_locked_is_missing() -> None:
    assert complaints([], "a", {}) == ["the project requires a, which is not in it"]


@pytest.mark.parametrize(
    ("entries", "known", "complaint"),
    [
        (("a==1",), {}, "what a==1 requires was not looked up"),
        (("a==1",), {"a==1": metadata(python=">=3.12")}, "a==1 is for Python >=3.12"),
        (("a==1", "a==2"), {"a==1": metadata(), "a==2": metadata()}, "a==1 is one of several pins of a that hold"),
        (("a==1", "b==2"), {"a==1": metadata("b<2"), "b==2": metadata()}, "a==1 requires b<2, which b==2 is not"),
        (("a==1", "b==2"), {"a==1": metadata("b[x]"), "b==2": metadata()}, "['x'] that were not looked up"),
    ],
    ids=["unknown", "other Python", "two at once", "other version", "unknown extra"],
)
def test_what_else_is_wrong_with_a_lock_is_said(
    entries: tuple[str, ...], known: dict[str, Metadata], complaint: str
) -> None:
    assert any(complaint in said for said in complaints(lock(*entries), "a", known))


def test_a_pre_release_that_is_pinned_satisfies() -> None:
    assert complaints(lock("a==2.0rc1"), "a>=2.0a1", {"a==2.0rc1": metadata()}) == []


def test_a_walk_ends_where_packages_require_each_other() -> None:
    pins = lock("a==1", "b==2")
    walked = list(needs(pins, [Requirement("a")], {"a==1": metadata("b"), "b==2": metadata("a")}, LINUX))
    assert [str(need.requirement) for need, _ in walked] == ["a", "b", "a"]
