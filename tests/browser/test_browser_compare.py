"""The Compare page: from a point of the chart to its questions, from a question to its route, and what the oracle switch hides."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Locator, Page, TimeoutError, expect

from browser.conftest import OpenTab
from browser.tab import badge, cells, check_drawn, check_sound, choose_row, chosen, in_address, metric, tables, unfold, widget
from der_core.evaluation.report import Json
from der_core.evaluation.runs import Run

pytestmark = pytest.mark.browser

CHART = ".st-key-compare_chart .js-plotly-plot"
_TRACES = f"""() => document.querySelector('{CHART}').data.filter(trace => trace.customdata && trace.showlegend !== false).map(trace => ({{
    symbol: trace.marker.symbol, points: trace.customdata.map(point => [point[0], point[1]])
}}))"""


@dataclass(frozen=True)
class Point:
    """A router on the chart: which drawn trace, which of its points, and whether it is told to be an oracle."""

    trace: int
    place: int
    symbol: str
    kind: str


@pytest.mark.parametrize("router", ["DER", "dear-7b once", "round-robin until two agree"])
def test_a_point_leads_to_its_questions_and_a_question_to_its_route(open_tab: OpenTab, run: Run, report: Json, router: str) -> None:
    tab = open_tab("compare")
    check_drawn(tab, "Compare")
    opened = tab.get_by_text("questions. Choose a row")
    for _ in range(3):  # a chart that is drawn anew in this moment loses a click, and people click again
        click_point(tab, router)
        try:
            opened.wait_for(timeout=20_000)
            break
        except TimeoutError:
            continue
    expect(opened).to_be_visible()
    expect(widget(tab, "compare_router").get_by_role("combobox")).to_have_value(f"{router} (deployable)")
    asked = report["traces"]["questions"][1]
    expect(cells(tables(tab), 2).nth(1)).to_have_text(asked["question"])
    choose_row(tables(tab), 1)
    tab.get_by_role("link", name=f"Follow this route of {router} step by step").click()
    check_drawn(tab, "Route")
    told = told_of(tab)
    assert {name: in_address(tab).get(name) for name in ("run", "question", "router")} == {
        "run": run.id,
        "question": asked["id"],
        "router": router,
    }
    expect(tab.get_by_role("heading", name=asked["question"]).first).to_be_visible()
    second = open_tab(f"route?{urlsplit(tab.url).query}")
    check_drawn(second, "Route")
    assert told_of(second) == told
    check_sound(tab)


def test_the_switch_hides_oracles_from_chart_and_ranking(open_tab: OpenTab, report: Json) -> None:
    oracles = {row["name"] for row in report["results"]["oracle"]}
    tab = open_tab("compare")
    drawn = points(tab)
    assert {name for name, point in drawn.items() if point.kind == "oracle"} == oracles
    expect(tab.get_by_text("a ceiling, not a competitor")).to_be_visible()
    widget(tab, "compare_oracles").get_by_text("Show oracles").click()
    expect(tab.get_by_text("a ceiling, not a competitor")).to_have_count(0)
    tab.wait_for_function(f"() => ({_TRACES})().every(trace => trace.points.every(point => point[1] !== 'oracle'))")
    assert set(points(tab)) == set(drawn) - oracles
    expect(tables(tab)).to_have_count(1)
    assert not oracles & set(cells(tables(tab), 1).all_text_contents())
    check_sound(tab)


def test_oracles_and_deployable_routers_differ_in_shape(open_tab: OpenTab) -> None:
    drawn = points(open_tab("compare")).values()
    shapes = {kind: {point.symbol for point in drawn if point.kind == kind} for kind in ("oracle", "deployable")}
    assert shapes["oracle"] and shapes["deployable"] and not shapes["oracle"] & shapes["deployable"]
    assert all(shape.endswith("-open") for shape in shapes["oracle"])


def points(tab: Page) -> dict[str, Point]:
    """Every router on the chart, once it is drawn."""
    check_drawn(tab, "Compare")
    expect(tab.locator(f"{CHART} path.point").first).to_be_visible()
    traces = tab.evaluate(_TRACES)
    return {
        name: Point(number, place, trace["symbol"], kind)
        for number, trace in enumerate(traces)
        for place, (name, kind) in enumerate(trace["points"])
    }


def click_point(tab: Page, router: str) -> None:
    """Click the point of a router, as one does: go there with the mouse, then press."""
    point = mark(tab, points(tab)[router])
    point.evaluate("node => node.scrollIntoView({block: 'center'})")  # a chart may reach below the screen
    place = point.bounding_box()
    assert place is not None
    across, down = place["x"] + place["width"] / 2, place["y"] + place["height"] / 2
    tab.mouse.move(across - 3, down - 3)
    tab.mouse.move(across, down)
    expect(tab.locator(f"{CHART} .hoverlayer")).to_contain_text(router)
    tab.mouse.click(across, down)


def mark(tab: Page, point: Point) -> Locator:
    drawn = tab.locator(f"{CHART} .scatterlayer .trace").filter(has=tab.locator("path.point")).nth(point.trace)
    return drawn.locator("path.point").nth(point.place)


def told_of(tab: Page) -> dict[str, str]:
    """What the page tells of a route."""
    unfold(tab)
    expect(badge(tab, "replay")).to_be_visible()
    told = {label: metric(tab, label).inner_text() for label in ("Answer", "Cost", "Seconds", "Calls", "Extra cost", "Return lost")}
    end = tab.get_by_text(re.compile("^It ended because")).inner_text()
    return told | {"end": end, "router": chosen(tab, "router"), "question": chosen(tab, "question")}
