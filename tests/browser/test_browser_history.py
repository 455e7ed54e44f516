"""Back and Forward keep what was set, and a choice stays with its run whatever the run is called meanwhile."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from benchmarks.dashboard import Dashboard
from browser.conftest import OpenTab
from browser.tab import check_drawn, check_sound, chosen, follow, in_address, move_slider, slider, widget
from der_core.evaluation.runs import Run, RunStore

pytestmark = pytest.mark.browser


@pytest.fixture
def later_run(dashboard: Dashboard, run: Run) -> Iterator[Run]:
    """A second run, first in the list because it is newer; gone after the test."""
    runs = RunStore(dashboard.home / "runs")
    report = {**runs.load_report(run.id), "created_utc": "2099-01-01T00:00:00+00:00"}
    later = runs.save(runs.load_router(run.id), report, "a later one")
    yield later
    runs.delete(later.id)
    runs.purge()


def test_back_to_a_page_brings_its_settings_back(open_tab: OpenTab) -> None:
    tab = open_tab("train")
    check_drawn(tab, "Train")
    alpha = move_slider(tab, "train_alpha", 3)
    follow(tab, "Reward lab")
    gamma = move_slider(tab, "lab_gamma", 2)
    expect(tab).to_have_url(re.compile(rf"[?&]lab_gamma={re.escape(gamma)}(&|$)"))  # the program has it
    tab.go_back()
    check_drawn(tab, "Train")
    expect(slider(tab, "train_alpha")).to_have_value(alpha)
    expect(tab).to_have_url(re.compile(rf"[?&]train_alpha={re.escape(alpha)}(&|$)"))
    follow(tab, "Reward lab")
    expect(slider(tab, "lab_gamma")).to_have_value(gamma)
    check_sound(tab)


def test_back_does_not_leave_the_presenter_view(open_tab: OpenTab) -> None:
    tab = open_tab("train?present=true")
    check_drawn(tab, "Train")
    tab.get_by_role("button", name="Pages").click()
    tab.get_by_test_id("stPopoverBody").get_by_role("link", name="Compare").click()
    check_drawn(tab, "Compare")
    expect(tab).to_have_url(re.compile(r"/compare\?.*present=true"))
    for _ in range(6):  # pages that write a choice into the address leave entries of their own
        tab.go_back()
        expect(tab).to_have_url(re.compile(r"present=true"))
        expect(tab.get_by_role("button", name="Pages")).to_be_visible()
        expect(tab.get_by_test_id("stSidebar")).to_be_hidden()
        check_sound(tab)
        if "/train" in tab.url:
            break
    check_drawn(tab, "Train")


def test_back_right_after_another_question_shows_the_one_before(open_tab: OpenTab) -> None:
    tab = open_tab("route")
    check_drawn(tab, "Route")
    seen = [in_address(tab)["question"]]
    for _ in range(2):
        widget(tab, "route_another").get_by_role("button").click()
        expect(tab).not_to_have_url(re.compile(rf"[?&]question={re.escape(seen[-1])}(&|$)"))
        seen.append(in_address(tab)["question"])
    tab.go_back()
    expect(tab).to_have_url(re.compile(rf"[?&]question={re.escape(seen[1])}(&|$)"))
    expect(widget(tab, "question").get_by_role("combobox")).to_have_value(re.compile(rf"\({re.escape(seen[1])}\)$"))
    check_sound(tab)


def test_a_run_that_is_renamed_stays_the_chosen_one(open_tab: OpenTab, run: Run, later_run: Run) -> None:
    tab = open_tab(f"runs?run={run.id}&runs_chosen={run.id},{later_run.id}")
    check_drawn(tab, "Runs")
    for name in ("one name", "another name", run.name):
        rename(tab, run, name)
        check_drawn(tab, "Runs")
        assert (in_address(tab)["run"], in_address(tab)["runs_chosen"]) == (run.id, f"{run.id},{later_run.id}")
        expect(widget(tab, "runs_chosen").get_by_role("button", name=f"Remove {name}")).to_be_visible()
    check_sound(tab)


def test_a_run_that_gets_a_namesake_stays_the_chosen_one(open_tab: OpenTab, dashboard: Dashboard, run: Run, later_run: Run) -> None:
    tab = open_tab(f"route?run={run.id}")
    check_drawn(tab, "Route")
    RunStore(dashboard.home / "runs").rename(later_run.id, run.name)
    for _ in range(3):
        before = chosen(tab, "question")
        widget(tab, "route_another").get_by_role("button").click()
        expect(widget(tab, "question").get_by_role("combobox")).not_to_have_value(before)
        assert in_address(tab)["run"] == run.id
    assert chosen(tab, "run") == f"{run.name} ({run.id})"
    check_sound(tab)


def rename(tab: Page, run: Run, name: str) -> None:
    """Give the chosen run a name, as people do, and wait until its choice is called that."""
    field = widget(tab, f"runs_name_{run.id}").get_by_role("textbox")
    field.fill(name)
    field.press("Enter")
    expect(widget(tab, "run").get_by_role("combobox")).to_have_value(name)
