"""Findings as JUnit XML, the form of the Jenkins and Maven test reports that most CI services read.

A test suite for each file or subject, a test case for each rule that found something in it, or one that passed.
"""

import re
from collections.abc import Sequence
from xml.etree import ElementTree as ET

from avroguard.findings import Finding
from avroguard.rules import Severity

_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # XML 1.0, section 2.2


def junit(tool: str, findings: Sequence[Finding], errors: Sequence[str], checked: Sequence[str]) -> str:
    """Return the report; warnings and notes pass with their text as output, waived findings are skipped."""
    grouped: dict[str, dict[str, list[Finding]]] = {name: {} for name in checked}
    for finding in findings:
        for name in _suites(finding, checked):
            grouped.setdefault(name, {}).setdefault(finding.rule, []).append(finding)
    root = ET.Element("testsuites", name=tool)
    for name, rules in grouped.items():
        suite = ET.SubElement(root, "testsuite", name=_clean(name))
        if not rules:
            ET.SubElement(suite, "testcase", name=tool, classname=_clean(name), time="0")
        for rule, of_rule in rules.items():
            _case(suite, name, rule, of_rule)
        _count(suite)
    if errors:
        suite = ET.SubElement(root, "testsuite", name=tool)
        case = ET.SubElement(suite, "testcase", name=tool, classname=tool, time="0")
        ET.SubElement(case, "error", type="error", message=_clean(errors[0])).text = _clean("\n".join(errors))
        _count(suite)
    _count(root)
    ET.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _suites(finding: Finding, checked: Sequence[str]) -> list[str]:
    """Return every subject that it concerns, so that none seems to pass; the file where it concerns none."""
    return [subject for subject in finding.subjects if subject in checked] or [finding.place.file]


def _case(suite: ET.Element, name: str, rule: str, findings: Sequence[Finding]) -> None:
    place = findings[0].place
    case = ET.SubElement(suite, "testcase", name=rule, classname=_clean(name), file=_clean(place.file))
    case.attrib |= {"line": str(place.line), "time": "0"}
    failing = [finding for finding in findings if finding.fails]
    if failing:
        failure = ET.SubElement(case, "failure", type=rule, message=_clean(failing[0].message))
        failure.text = _clean("\n".join(map(str, failing)))
    elif all(finding.waived for finding in findings):
        ET.SubElement(case, "skipped", message=_clean(f"waived: {findings[0].waived}"))
    others = [finding for finding in findings if finding.severity is not Severity.ERROR and not finding.waived]
    if others:
        ET.SubElement(case, "system-out").text = _clean("\n".join(map(str, others)))


def _count(element: ET.Element) -> None:
    counts = {"tests": "testcase", "failures": "failure", "errors": "error", "skipped": "skipped"}
    element.attrib |= {name: str(len(element.findall(f".//{tag}"))) for name, tag in counts.items()}
    element.attrib["time"] = "0"


def _clean(text: str) -> str:
    return _FORBIDDEN.sub("�", text)
