"""SVG pictures: well-formed, with colours of both themes, and round ticks."""

from xml.etree import ElementTree as ET

import pytest

from tools.picture import Picture, round_step, ticks

SVG = "{http://www.w3.org/2000/svg}"


def drawn(*, alone: bool) -> ET.Element:
    picture = Picture(200, 100, "A & B", "<how>")
    picture.legend(10, 20, [("good", "caught"), ("bad", "missed")])
    picture.line([(0, 0), (10, 5.25)], "grid", dashes="4 4")
    return ET.fromstring(picture.svg(alone=alone))


def test_words_are_escaped_and_read_back() -> None:
    words = [element.text for element in drawn(alone=True).iter(f"{SVG}text")]
    assert words == ["A & B", "<how>", "caught", "missed"]


def test_only_a_picture_alone_has_the_colours_inside() -> None:
    (style,) = drawn(alone=True).iter(f"{SVG}style")
    assert "prefers-color-scheme:dark" in str(style.text)
    assert not list(drawn(alone=False).iter(f"{SVG}style"))


def test_a_legend_has_a_mark_of_each_colour_from_left_to_right() -> None:
    marks = [element for element in drawn(alone=False).iter(f"{SVG}rect") if element.get("class") != "q-paper"]
    assert [mark.get("class") for mark in marks] == ["q-good", "q-bad"]
    assert float(marks[0].get("x", 0)) < float(marks[1].get("x", 0))


@pytest.mark.parametrize("limit", [0.37, 1, 9.9, 720, 123_456])
def test_ticks_are_round_and_reach_the_limit(limit: float) -> None:
    marks = ticks(limit)
    assert marks[0] == 0
    assert marks[-1] >= limit > marks[-2]
    assert 3 <= len(marks) <= 8


@pytest.mark.parametrize(("raw", "step"), [(1, 1), (1.1, 2), (4, 5), (60, 100), (0.03, 0.05)])
def test_a_step_is_the_next_round_number(raw: float, step: float) -> None:
    assert round_step(raw) == pytest.approx(step)
