"""Licences of packages against the policy."""

from email.message import Message

import pytest

from tools.supply.licences import Licence, Policy, describe, expression_of, licences

POLICY = Policy(frozenset({"MIT", "Apache-2.0"}), {"MIT License": "MIT", "Apache": "Apache-2.0"}, {"odd": "MIT"})


@pytest.mark.parametrize(
    ("expression", "allowed"),
    [
        ("MIT", True),
        ("GPL-3.0-only", False),
        ("MIT OR GPL-3.0-only", True),
        ("MIT AND GPL-3.0-only", False),
        ("(MIT AND Apache-2.0) OR GPL-3.0-only", True),
        ("Apache-2.0 WITH LLVM-exception", True),
    ],
)
def test_one_alternative_has_to_be_allowed_as_a_whole(expression: str, allowed: bool) -> None:
    assert POLICY.allows(expression) is allowed


@pytest.mark.parametrize(
    ("fields", "expression"),
    [
        ([("License-Expression", "MIT"), ("License", "x")], "MIT"),
        ([("Classifier", "License :: OSI Approved :: MIT License"), ("Classifier", "Topic :: X")], "MIT"),
        ([("License", "Apache")], "Apache-2.0"),
        ([("License", "the text of a licence " * 20)], ""),
        ([], ""),
    ],
)
def test_the_expression_comes_before_classifiers_and_text(fields: list[tuple[str, str]], expression: str) -> None:
    message = Message()
    for name, value in fields:
        message[name] = value
    assert expression_of(message, POLICY.names) == expression


def test_what_is_not_installed_is_left_out_and_a_refused_one_is_named() -> None:
    lock = "pytest==1 \\\n    --hash=sha256:0\nno-such-package==1\n"
    (found,) = licences(lock, Policy(frozenset(), {}, {}))
    assert (found.package.partition(" ")[0], found.expression, found.is_allowed) == ("pytest", "MIT", False)
    assert describe([found, Licence("x 1", "", False)]).splitlines()[0].endswith("MIT  NOT ALLOWED")
    assert "not said" in describe([Licence("x 1", "", False)])


def test_the_policy_of_the_repository_can_be_read() -> None:
    assert Policy.load().allows("MIT")
    assert not Policy.load().allows("AGPL-3.0-only")
