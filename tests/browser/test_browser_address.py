"""Settings live in the address: they keep their place from page to page, and a copied address shows the same view."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from browser.conftest import OpenTab
from browser.tab import (
    cells,
    check_drawn,
    check_sound,
    choose_segment,
    chosen,
    follow,
    in_address,
    metric,
    move_slider,
    preset,
    slider,
    tables,
    widget,
)

pytestmark = pytest.mark.browser

LAB_FIGURES = ("Right", "Cost", "Calls", "Stops early", "Wrong first")
LAB_SLIDERS = ("lab_alpha", "lab_beta", "lab_gamma", "lab_t_max")


def test_sliders_keep_their_place_from_page_to_page(open_tab: OpenTab) -> None:
    tab = open_tab("train")
    check_drawn(tab, "Train")
    alpha, beta = move_slider(tab, "train_alpha", 6), move_slider(tab, "train_beta", -3)
    follow(tab, "Reward lab")
    gamma = move_slider(tab, "lab_gamma", 5)
    follow(tab, "Compare")
    follow(tab, "Train")
    for key, value in (("train_alpha", alpha), ("train_beta", beta)):
        expect(slider(tab, key)).to_have_value(value)
        expect(tab).to_have_url(re.compile(rf"[?&]{key}={re.escape(value)}(&|$)"))
    follow(tab, "Reward lab")
    expect(slider(tab, "lab_gamma")).to_have_value(gamma)
    expect(slider(tab, "lab_alpha")).not_to_have_value(alpha)  # each page has sliders of its own
    check_sound(tab)


def test_moves_faster_than_the_page_answers_are_all_kept(open_tab: OpenTab) -> None:
    tab = open_tab("reward_lab")
    check_drawn(tab, "Reward lab")
    thumb = slider(tab, "lab_gamma")
    expect(thumb).to_have_value("1")
    for key, steps in (("ArrowRight", 15), ("ArrowLeft", 3)):
        for _ in range(steps):
            thumb.press(key)
    expect(tab).to_have_url(re.compile(r"[?&]lab_gamma=2\.2(&|$)"))
    check_drawn(tab, "Reward lab")
    expect(thumb).to_have_value("2.2")
    for name in ("paper", "deployable"):
        expect(preset(tab, "lab", name).get_by_text("check", exact=True)).to_have_count(0)
    preset(tab, "lab", "deployable").click()
    expect(thumb).to_have_value("1")
    expect(preset(tab, "lab", "deployable").get_by_text("check", exact=True)).to_be_visible()
    check_sound(tab)


def test_a_copied_address_shows_the_same_reward(open_tab: OpenTab) -> None:
    tab = open_tab("reward_lab?lab_shaping=potential&lab_end=learned+STOP&lab_cost_mode=compute+seconds")  # alpha moves something here
    check_drawn(tab, "Reward lab")
    untouched = lab_told(tab)
    move_slider(tab, "lab_alpha", 60)
    move_slider(tab, "lab_beta", -12)
    move_slider(tab, "lab_t_max", -1)
    choose_segment(tab, "lab_weight", "alpha")
    check_drawn(tab, "Reward lab")
    told = lab_told(tab)
    second = open_tab(f"reward_lab?{urlsplit(tab.url).query}")
    check_drawn(second, "Reward lab")
    assert lab_told(second) == told
    assert told["Cost"] != untouched["Cost"]
    expect(widget(second, "lab_weight").get_by_role("radio", name="alpha")).to_be_checked()
    check_sound(second)


def test_a_copied_address_shows_the_same_comparison(open_tab: OpenTab) -> None:
    tab = open_tab("compare?compare_router=majority+vote")
    check_drawn(tab, "Compare")
    choose_segment(tab, "compare_cost", "tokens")
    widget(tab, "compare_log").get_by_text("Log scale").click()
    choose_segment(tab, "compare_view", "Questions")
    choose_segment(tab, "compare_outcome", "Wrong")
    check_drawn(tab, "Compare")
    told = compare_told(tab)
    assert {"compare_cost", "compare_log", "compare_view", "compare_outcome", "compare_router", "run"} <= set(in_address(tab))
    second = open_tab(f"compare?{urlsplit(tab.url).query}")
    check_drawn(second, "Compare")
    assert compare_told(second) == told
    assert told["router"] == "majority vote (deployable)" and set(told["outcomes"]) == {"✗"}
    expect(widget(second, "compare_log").get_by_role("switch")).to_be_checked()
    for key, name in (("compare_cost", "tokens"), ("compare_outcome", "Wrong")):
        expect(widget(second, key).get_by_role("radio", name=name, exact=True)).to_be_checked()
    check_sound(second)


def lab_told(tab: Page) -> dict[str, str]:
    """What the Reward lab shows: its figures, its sliders, and what the curve is over."""
    figures = {label: metric(tab, label).inner_text() for label in LAB_FIGURES}
    chart = tab.locator(".st-key-lab_curve").get_by_test_id("stEChartsChart")  # not there where the weight moves nothing
    curve = (chart.get_attribute("aria-label") or "") if chart.count() else ""
    return figures | {key: slider(tab, key).input_value() for key in LAB_SLIDERS} | {"curve": curve}


def compare_told(tab: Page) -> dict[str, object]:
    """What the Compare page shows of a router's questions, and the cost axis of its chart."""
    expect(cells(tables(tab)).first).to_be_attached()
    axis = tab.locator(".js-plotly-plot").evaluate("chart => [chart.layout.xaxis.type, chart.layout.xaxis.title.text]")
    return {
        "router": chosen(tab, "compare_router"),
        "axis": axis,
        "outcomes": cells(tables(tab), 1).all_text_contents(),
        "questions": cells(tables(tab), 2).all_text_contents(),
    }
