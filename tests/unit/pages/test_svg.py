"""Charts: well-formed, with their numbers, and nothing of a label is markup."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from img2dataset.pages import svg
from img2dataset.pages.svg import Bar, Chart, Column, Point, Segment

CHART = Chart("one", 'Title <script>"', "What & why")
HOSTILE = "</text><script>alert(1)</script>"


def draw_all() -> list[str]:
    bars = [
        Bar(HOSTILE, (Segment(3, "good", "ok"), Segment(1, HOSTILE, "gone")), HOSTILE),
        Bar("b", (Segment(0, "good", "ok"),)),
    ]
    return [
        svg.draw_bars(CHART, bars, ("name", "rows")),
        svg.draw_bars(CHART, bars, ("name", "rows"), shares=True),
        svg.draw_columns(CHART, [Column(HOSTILE, HOSTILE, 2), Column("b", "b", 0)], ("a", "b")),
        svg.draw_line(CHART, [Point(HOSTILE, 0.5), Point("b", 1.0)], ("a", "b")),
        svg.draw_line(CHART, [Point("only", 0.5)], ("a", "b")),
        svg.draw_bars(CHART, [], ("name", "rows")),
        svg.draw_columns(CHART, [], ("a", "b")),
        svg.draw_line(CHART, [], ("a", "b")),
    ]


@pytest.mark.parametrize("drawn", draw_all())
def test_a_chart_is_well_formed_and_labels_are_text(drawn: str) -> None:
    root = ET.fromstring(drawn)

    tags = {element.tag for element in root.iter()}
    assert "script" not in tags
    picture = root.find("svg")
    assert picture is not None
    assert picture.get("role") == "img"
    title, description = picture.find("title"), picture.find("desc")
    assert title is not None
    assert description is not None
    assert picture.get("aria-labelledby") == f"{title.get('id')} {description.get('id')}"
    assert (title.text, description.text) == (CHART.title, CHART.description)
    assert root.find("details//table") is not None


def test_bars_of_shares_have_the_whole_width() -> None:
    bars = [
        Bar("a", (Segment(1, "x", "ok"), Segment(3, "y", "gone"))),
        Bar("b", (Segment(1, "x", "ok"),)),
    ]

    widths = [
        element.get("width")
        for element in ET.fromstring(svg.draw_bars(CHART, bars, ("a", "b"), shares=True)).iter(
            "rect"
        )
        if element.get("class") != "track"
    ]

    assert widths == ["25.00%", "75.00%", "100.00%"]


def test_a_long_line_keeps_its_lowest_and_highest_points() -> None:
    points = [Point(str(n), 0.5) for n in range(100_000)]
    points[77_777], points[33_333] = Point("low", 0.0), Point("high", 1.0)

    kept = svg.thin_out(points)

    assert len(kept) <= svg.MAX_POINTS
    assert {"low", "high"} <= {point.label for point in kept}


def test_characters_that_turn_a_text_round_are_not_shown() -> None:
    assert svg.text("a\u202egpj.exe\x00\n<") == "a\ufffdgpj.exe\ufffd\n&lt;"
    assert svg.text("é 日本 😀 &") == "é 日本 😀 &amp;"
