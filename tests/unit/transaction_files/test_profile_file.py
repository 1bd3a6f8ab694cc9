"""Profiles as TOML files."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.errors import UsageError
from tests.support.transaction_files import written
from tools.transaction_files.profile import Profile, Source
from tools.transaction_files.profile_file import load_profile, new_profile, profile_text, shipped_names

TEXTS = st.text(st.characters(codec="utf-8"), max_size=8)
SOURCES = st.builds(
    Source,
    columns=st.lists(TEXTS, min_size=1, max_size=1).map(tuple),
    default=st.one_of(st.none(), TEXTS.filter(bool)),
    values=st.dictionaries(TEXTS, TEXTS, max_size=2),
)
PROFILES: Any = st.builds(
    Profile,
    fields=st.dictionaries(st.sampled_from(["source", "target", "currency", "channel"]), SOURCES),
    encoding=st.sampled_from(["", "cp1252"]),
    delimiter=st.sampled_from(["", ";", "\t"]),
    skip=st.integers(0, 9),
    header=st.booleans(),
    where=TEXTS,
    decimal=st.sampled_from([".", ","]),
    minor_units=st.booleans(),
    round=st.booleans(),
    paid_out=st.sampled_from(["", "negative", "positive"]),
    times=st.sampled_from([("iso",), ("%d.%m.%y",), ("epoch", "day-first")]),
    zone=st.sampled_from(["UTC", "Europe/Berlin"]),
    start=st.one_of(st.none(), st.just(datetime(2020, 1, 1, tzinfo=UTC))),
    about=TEXTS,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(profile=PROFILES)
def test_a_written_profile_is_read_again_as_it_was(tmp_path: Path, profile: Profile) -> None:
    path = written(tmp_path / "x.toml", profile_text(profile))
    assert load_profile(str(path)) == profile


def test_joined_columns_constants_and_prefixes_are_written(tmp_path: Path) -> None:
    profile = Profile(
        {
            "source": Source(("A", "B"), prefix="C"),
            "created_at": Source(("Date", "Time")),
            "currency": Source(value="EUR"),
        }
    )
    assert load_profile(str(written(tmp_path / "x.toml", profile_text(profile)))) == profile


def test_a_profile_is_found_by_its_name_here_before_among_the_shipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_profile("paysim").about.startswith("PaySim")
    assert new_profile("paysim", Profile(about="mine")) == Path("profiles/paysim.toml")
    assert load_profile("paysim").about == "mine"
    assert "paysim" in shipped_names()


def test_a_profile_is_never_written_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = new_profile(str(tmp_path / "x.toml"), Profile())
    with pytest.raises(UsageError, match="there already; give the profile another name: --guess --as NAME"):
        new_profile(str(path), Profile(about="other"))
    written(tmp_path / "profiles", b"")
    with pytest.raises(UsageError, match="can't be written"):
        new_profile("y", Profile())


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("[fields", "not a profile in TOML"),
        ("[field]", r"no setting field \(or is it 'fields'\?\); there are about, file"),
        ("[file]\nskipp = 3", r"no setting file.skipp \(or is it 'skip'\?\)"),
        ("[file]\nskip = '3'", "file.skip: expected a whole number, found '3'"),
        ("[file]\nheader = 1", "file.header: expected true or false, found 1"),
        ("[amounts]\nsigned = true", "amounts.signed: expected a text"),
        ("[amounts]\nsigned = 'both'", "paid_out 'both': expected negative or positive"),
        ("[amounts]\ndecimal = ';'", "the decimal separator is . or ,"),
        ("[times]\nform = 3", "times.form: expected a text"),
        ("[times]\nstart = 'soon'", "times.start: expected a time such as 2018-04-01"),
        ("[times]\nstart = 7", "times.start: expected a time"),
        ("[fields]\nsource = 3", "fields.source: expected a column's name, or a table"),
        ("[fields]\nsource = { colunm = 'x' }", r"no setting fields.source.colunm \(or is it 'column'\?\)"),
        ("[fields]\nsource = { columns = 'x' }", "fields.source.columns: expected an array of names"),
        ("[fields]\nsource = { column = 3 }", "fields.source.columns: expected a text"),
        ("[fields]\nfraud = { column = 'x', values = { a = 1 } }", "fields.fraud.values.a: expected a text"),
        ("[fields]\nsource = { column = 'x', value = 'y' }", "source: both mapped to a column and set"),
        ("[fields]\namount = { columns = ['x', 'y'] }", "amount: only id, source, target and created_at can be joined"),
        ("fields = 3", "fields: expected a table"),
    ],
)
def test_what_is_wrong_is_named_with_the_file(tmp_path: Path, content: str, expected: str) -> None:
    path = written(tmp_path / "x.toml", content)
    with pytest.raises(UsageError, match=expected) as caught:
        load_profile(str(path))
    assert str(caught.value).startswith(f"{path}: ")
