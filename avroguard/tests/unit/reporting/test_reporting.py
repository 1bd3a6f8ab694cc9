"""Findings in every form that --format takes."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avroguard.findings import Finding, exit_code, merged
from avroguard.places import Place
from avroguard.reporting import Format, Report, render
from avroguard.rules import RULES, Severity

SUBJECTS = ("a-value", "b-value")
BROKEN = Finding(
    Place("schemas/t.avsc", 14, 7),
    "ENUM_SYMBOL_REMOVED",
    "enum E may be X",
    "keep the others",
    subjects=SUBJECTS,
    breaks=("v2", "v3"),
    path=("fields", 1, "type", "symbols"),
    field="payments.T.e",
)
UNSAID = Finding(Place("schemas/t.avsc", 3), "DOC_MISSING", "no doc", severity=Severity.WARNING)
WAIVED = Finding(Place("schemas/u.avsc", 1, 1), "ENUM_EMPTY", "no symbols", waived="not used: yet")
ALL = Report(
    "avroguard check", (BROKEN, UNSAID, WAIVED), ("schemas/t.avsc", "b-value", "c-value"), "3 subjects checked"
)


def test_text_is_one_line_a_finding_and_a_summary() -> None:
    assert render(ALL, Format.TEXT).splitlines() == [
        "schemas/t.avsc:14:7: ENUM_SYMBOL_REMOVED enum E may be X (breaks v2, v3 of a-value, b-value); keep the others",
        "schemas/t.avsc:3: DOC_MISSING warning: no doc",
        "3 subjects checked: 1 error, 1 warning, 1 waived",
    ]


def test_a_finding_stays_in_its_line() -> None:
    finding = Finding(Place("s.avsc", 1), "DOC_MISSING", "field 'a\nb\u2028c'")
    assert render(Report("x", (finding,), (), "y"), Format.TEXT) == "s.avsc:1: DOC_MISSING field 'a b c'\ny: 1 error\n"


def test_nothing_found_is_said() -> None:
    assert render(Report("x", (), (), "1 file checked"), Format.TEXT) == "1 file checked: nothing found\n"


def test_errors_alone_fail_unless_waived() -> None:
    assert [exit_code([finding]) for finding in (BROKEN, UNSAID, WAIVED)] == [1, 0, 0]
    assert exit_code([]) == 0


def test_findings_of_the_same_place_and_text_are_one() -> None:
    other = Finding(BROKEN.place, BROKEN.rule, BROKEN.message, subjects=("b-value", "d-value"), breaks=("v1",))
    (finding,) = merged([BROKEN, other])
    assert (finding.subjects, finding.breaks, finding.fix) == (
        (*SUBJECTS, "d-value"),
        ("v2", "v3", "v1"),
        "keep the others",
    )


def test_json_has_every_part() -> None:
    document = json.loads(render(ALL, Format.JSON))
    assert (document["tool"], document["checked"]) == ("avroguard check", list(ALL.checked))
    first = document["findings"][0]
    assert (first["file"], first["line"], first["column"]) == ("schemas/t.avsc", 14, 7)
    assert (first["breaks"], first["subjects"], first["field"]) == (["v2", "v3"], list(SUBJECTS), "payments.T.e")
    assert [finding["waived"] for finding in document["findings"]] == ["", "", "not used: yet"]
    assert [finding["severity"] for finding in document["findings"]] == ["error", "warning", "error"]


# The grammar, and how a runner reads it back: actions/runner, src/Runner.Common/ActionCommand.cs.
COMMAND = re.compile(r"::(?P<name>error|warning|notice) (?P<properties>[^\r\n]*?)::(?P<data>[^\r\n]*)")


def commands(text: str) -> Iterator[tuple[str, dict[str, str], str]]:
    for line in text.split("\n"):
        match = COMMAND.fullmatch(line)
        if match:
            properties = dict(part.split("=", 1) for part in match["properties"].split(","))
            yield match["name"], {key: unescaped(value) for key, value in properties.items()}, unescaped(match["data"])


def unescaped(text: str) -> str:
    for code, character in (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")):
        text = text.replace(code, character)
    return text


def test_github_annotates_the_line() -> None:
    first, second = commands(render(ALL, Format.GITHUB))
    place = {"file": "schemas/t.avsc", "line": "14", "col": "7", "title": "ENUM_SYMBOL_REMOVED"}
    assert first == ("error", place, str(BROKEN))
    assert second[:2] == ("warning", {"file": "schemas/t.avsc", "line": "3", "title": "DOC_MISSING"})


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from(
    ["%", "%25", "a:b,c", "::error::", "\r\n", "%0A", "\x00", "]]>", "&<\"'>", "\x1b[31m", "\ufffe"]
)
places = st.builds(
    Place, st.sampled_from(["a.avsc", "a b,c:d%.avsc", "/x/ü.avsc"]), st.just(3), st.sampled_from([None, 4])
)
odd = st.builds(Finding, places, st.sampled_from(list(RULES)), texts, texts, st.sampled_from(Severity))


@given(st.lists(odd, max_size=3))
def test_github_commands_can_be_read_back_whatever_they_say(findings: list[Finding]) -> None:
    output = render(Report("avroguard lint", tuple(findings), (), "x"), Format.GITHUB)
    assert [(command[1]["file"], command[2]) for command in commands(output)] == [
        (finding.place.file, str(finding)) for finding in findings
    ]


@given(st.lists(odd, max_size=3))
def test_junit_is_xml_whatever_the_findings_say(findings: list[Finding]) -> None:
    root = ET.fromstring(render(Report("avroguard lint", tuple(findings), ("a.avsc",), "x"), Format.JUNIT))
    failing = {(finding.place.file, finding.rule) for finding in findings if finding.fails}
    assert len(root.findall(".//failure")) == len(failing)


def test_junit_has_a_suite_for_each_subject_and_counts() -> None:
    root = ET.fromstring(render(ALL, Format.JUNIT))
    suites = {suite.get("name"): suite for suite in root}
    assert list(suites) == ["schemas/t.avsc", "b-value", "c-value", "schemas/u.avsc"]
    assert {key: root.get(key) for key in ("tests", "failures", "skipped")} == {
        "tests": "4",
        "failures": "1",
        "skipped": "1",
    }
    (passed,) = suites["c-value"]
    assert (passed.get("name"), list(passed)) == ("avroguard check", [])
    (failed,) = suites["b-value"]
    failure = failed.find("failure")
    assert failure is not None
    assert (failed.get("line"), failure.get("type"), failure.text) == ("14", "ENUM_SYMBOL_REMOVED", str(BROKEN))
    (warned,) = suites["schemas/t.avsc"]
    assert [child.tag for child in warned] == ["system-out"]
    (skipped,) = suites["schemas/u.avsc"]
    assert [child.get("message") for child in skipped] == ["waived: not used: yet"]


def test_junit_fails_every_subject_that_a_finding_concerns() -> None:
    finding = Finding(Place("t.avsc", 1), "TYPE_CHANGED", "m", subjects=("a", "b"))
    root = ET.fromstring(render(Report("x", (finding,), ("a", "b", "c"), ""), Format.JUNIT))
    assert {suite.get("name"): suite.get("failures") for suite in root} == {"a": "1", "b": "1", "c": "0"}


def test_sarif_says_where_what_and_how_it_is_suppressed() -> None:
    (run,) = json.loads(render(ALL, Format.SARIF))["runs"]
    rules, results = run["tool"]["driver"]["rules"], run["results"]
    assert [rules[result["ruleIndex"]]["id"] for result in results] == [result["ruleId"] for result in results]
    assert all(rule["help"]["text"].endswith(f"docs/schema-rules.md#{rule['id'].lower()}.") for rule in rules)
    (location,) = results[0]["locations"]
    assert location["physicalLocation"] == {
        "artifactLocation": {"uri": "schemas/t.avsc"},
        "region": {"startLine": 14, "startColumn": 7},
    }
    assert [result["level"] for result in results] == ["error", "warning", "error"]
    assert results[2]["suppressions"] == [{"kind": "external", "justification": "not used: yet"}]
    assert "suppressions" not in results[0]


def test_sarif_leads_to_the_page_of_a_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    root = Path(__file__).parents[4]

    def leads_to() -> str:
        (run,) = json.loads(render(ALL, Format.SARIF))["runs"]
        return str(run["tool"]["driver"]["rules"][0]["helpUri"])

    rule = min(finding.rule for finding in ALL.findings).lower()
    monkeypatch.delenv("GITHUB_WORKSPACE", raising=False)
    assert leads_to() == f"{root.as_uri()}/docs/schema-rules.md#{rule}"
    hub = {"WORKSPACE": str(root), "SERVER_URL": "https://hub.test", "REPOSITORY": "us/fraud", "SHA": "1a2b"}
    for name, value in hub.items():
        monkeypatch.setenv(f"GITHUB_{name}", value)
    assert leads_to() == f"https://hub.test/us/fraud/blob/1a2b/docs/schema-rules.md#{rule}"
    for elsewhere in (root.parent, root / "nowhere"):
        monkeypatch.setenv("GITHUB_WORKSPACE", str(elsewhere))
        assert leads_to().startswith("file:///"), "another repository has no such page"


@pytest.mark.parametrize("directory", [".", "deep/down"])
def test_github_finds_files_from_the_root_of_the_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, directory: str
) -> None:
    (tmp_path / directory).mkdir(parents=True, exist_ok=True)
    monkeypatch.chdir(tmp_path / directory)
    monkeypatch.setenv("GITHUB_WORKSPACE", str(tmp_path))
    report = Report("x", (BROKEN,), (), "about")
    file = (Path(directory) / BROKEN.place.file).as_posix()
    assert f"::error file={file},line=14,col=7," in render(report, Format.GITHUB)
    (run,) = json.loads(render(report, Format.SARIF))["runs"]
    assert run["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == file
    monkeypatch.setenv("GITHUB_WORKSPACE", str(tmp_path / "elsewhere"))
    assert f"::error file={BROKEN.place.file},line=14" in render(report, Format.GITHUB)


def fingerprints(*findings: Finding) -> list[str]:
    (run,) = json.loads(render(Report("x", findings, (), ""), Format.SARIF))["runs"]
    return [result["partialFingerprints"]["findingHash/v1"] for result in run["results"]]


def test_sarif_fingerprints_outlive_moved_lines_and_tell_findings_apart() -> None:
    moved = Finding(Place("schemas/t.avsc", 90, 1), BROKEN.rule, BROKEN.message, path=BROKEN.path)
    assert fingerprints(BROKEN) == fingerprints(moved)
    assert len(set(fingerprints(BROKEN, moved, UNSAID))) == 3


@pytest.mark.parametrize(("file", "uri"), [("a b/ü%.avsc", "a%20b/%C3%BC%25.avsc"), ("/x/t.avsc", "file:///x/t.avsc")])
def test_sarif_locations_are_uris(file: str, uri: str) -> None:
    finding = Finding(Place(file, 1), "DOC_MISSING", "m")
    (run,) = json.loads(render(Report("x", (finding,), (), ""), Format.SARIF))["runs"]
    assert run["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == uri
