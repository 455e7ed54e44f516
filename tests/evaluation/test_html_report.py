from __future__ import annotations

import copy
from collections import Counter
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest
from fakes import HashEncoder
from random_tables import random_table

from der_core.config import DEPLOYABLE
from der_core.errors import ReportError
from der_core.evaluation.experiment import choose_splits, cut, evaluate, report
from der_core.evaluation.html_report import html_report

VOID = {"meta", "br", "hr"}
POINT = {
    "steps": 0,
    "seconds": 1.0,
    "mean_reward": 0.5,
    "accuracy": 0.25,
    "cost": 2.0,
    "calls": 1.5,
    "stop_share": 0.0,
    "expert_shares": [1.0],
    "entropy": 0.7,
    "policy_loss": 0.0,
    "value_loss": 0.0,
    "approx_kl": 0.0,
    "explained_variance": None,
}


class Page(HTMLParser):
    """A page as a reader's browser sees it: tags, attributes and text, with a check that every tag is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, str, str]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words.append(data)

    @property
    def text(self) -> str:
        return "\n".join(self.words)


@pytest.fixture(scope="module")
def baselines() -> dict[str, Any]:
    """The report of a comparison without a learned router."""
    table = random_table(np.random.default_rng(3), 40, 2)
    parts = cut(table, choose_splits(table.questions, 7, None, None))
    evaluation = evaluate(parts, None, DEPLOYABLE, HashEncoder())
    return report(evaluation, table, DEPLOYABLE, ["der", "evaluate"], "2025-03-04T12:00:00+00:00")


@pytest.fixture
def trained(baselines: dict[str, Any]) -> dict[str, Any]:
    """The same with learning curves and a learned row, as a training leaves them."""
    document = copy.deepcopy(baselines)
    document["curves"] = {"7": [{**POINT, "steps": 100 * n, "accuracy": 0.25 * n} for n in range(1, 4)]}
    document["results"]["deployable"].append({**document["results"]["deployable"][0], "name": "DER", "family": "learned"})
    return document


def spoiled(value: Any, word: str) -> Any:
    """The report with `word` added to every text in it that could be another, and to every key that names something."""
    if isinstance(value, dict):
        named, fixed = {"thresholds", "versions", "curves", "splits"}, {"family"}
        return {
            key: _spoiled_keys(part, word) if key in named else part if key in fixed else spoiled(part, word) for key, part in value.items()
        }
    if isinstance(value, list):
        return [spoiled(part, word) for part in value]
    return value + word if isinstance(value, str) else value


def _spoiled_keys(value: dict[str, Any], word: str) -> dict[str, Any]:
    return {key + word: spoiled(part, word) for key, part in value.items()}


def test_the_page_needs_nothing_else_and_runs_nothing(trained: dict[str, Any]) -> None:
    text = html_report(trained, "My run")
    page = Page(text)
    assert not {"script", "link", "img", "iframe", "object", "embed", "form", "base", "image", "use", "a"} & set(page.tags)
    assert not [name for _, name, _ in page.attributes if name in ("src", "href", "srcset", "xlink:href") or name.startswith("on")]
    assert "url(" not in text and "@import" not in text and "://" not in text
    assert ("meta", "content", "default-src 'none'; style-src 'unsafe-inline'") in page.attributes


def test_it_follows_the_readers_light_or_dark(trained: dict[str, Any]) -> None:
    assert "@media (prefers-color-scheme: dark)" in html_report(trained, "x")


@pytest.mark.parametrize("word", ["<script>alert(1)</script>", "\"'><img src=x onerror=y>", "&lt;b&amp;", "</style></table>"])
def test_whatever_the_report_holds_is_shown_as_it_is(trained: dict[str, Any], word: str) -> None:
    clean = Page(html_report(trained, "x"))
    page = Page(html_report(spoiled(trained, word), "x" + word))
    assert page.tags == clean.tags
    assert page.text.count(word) > 100


def test_everything_worth_reading_is_on_the_page(trained: dict[str, Any]) -> None:
    text = Page(html_report(trained, "My run")).text
    results = trained["results"]
    expected = ["My run", results["headline"], trained["data"]["hash"], "der evaluate", "2025-03-04T12:00:00+00:00"]
    expected += [expert["digest"] for expert in trained["experts"]]
    expected += [trace["question"] for trace in trained["traces"]["questions"]]
    assert [word for word in expected if word not in text] == []
    shown = text.split("\n")
    for row in (*results["deployable"], *results["oracle"]):
        assert f"{row['name']}: {row['detail']}" in shown or row["name"] in shown
        assert f"{100 * row['low']:.1f} to {100 * row['high']:.1f}" in shown


def test_oracles_stand_in_a_table_of_their_own(trained: dict[str, Any]) -> None:
    text = Page(html_report(trained, "x")).text
    deployable, oracle = text.index("Deployable: needs no gold answer"), text.index("Oracle: uses the gold answer")
    assert deployable < text.index("\nDER\n") < oracle < text.index("exact optimum of the reward")


def test_the_learned_row_is_marked(trained: dict[str, Any]) -> None:
    assert Page(html_report(trained, "x")).attributes.count(("tr", "class", "learned")) == 1


def test_every_curve_has_its_points_its_title_and_its_words(trained: dict[str, Any]) -> None:
    page = Page(html_report(trained, "x"))
    lines = [value for tag, name, value in page.attributes if (tag, name) == ("polyline", "points")]
    assert len(lines) == page.tags["figure"] == 5
    assert all(len(line.split()) == 3 for line in lines)
    labels = [value for tag, name, value in page.attributes if (tag, name) == ("svg", "aria-label")]
    assert "Right, % of the routes that ended: from 25.0 to 75.0" in labels


def test_the_highest_value_is_drawn_highest_and_inside_the_picture(trained: dict[str, Any]) -> None:
    page = Page(html_report(trained, "x"))
    line = [value for tag, name, value in page.attributes if (tag, name) == ("polyline", "points")][1]
    places = [tuple(float(number) for number in place.split(",")) for place in line.split()]
    heights = [y for _, y in places]
    assert heights == sorted(heights, reverse=True) and heights[0] > heights[-1]
    assert all(0 <= x <= 420 and 0 <= y <= 200 for x, y in places)


def test_a_curve_without_a_figure_is_left_out(trained: dict[str, Any]) -> None:
    for point in trained["curves"]["7"]:
        point["mean_reward"] = None
    assert Page(html_report(trained, "x")).tags["figure"] == 4


def test_a_level_curve_is_drawn(trained: dict[str, Any]) -> None:
    trained["curves"] = {"7": [{**POINT, "steps": 0}]}
    assert Page(html_report(trained, "x")).tags["polyline"] == 5


def test_without_training_it_says_so(baselines: dict[str, Any]) -> None:
    page = Page(html_report(baselines, "x"))
    assert "Nothing was trained in this run." in page.text
    assert page.tags["figure"] == 0


def test_a_figure_without_data_is_a_dash_and_never_a_zero(trained: dict[str, Any]) -> None:
    row = trained["results"]["deployable"][-1]
    for field in ("accuracy", "low", "high", "balanced_accuracy", "yes_rate", "calls", "seconds_p50", "seconds_p95", "mcnemar_p"):
        row[field] = None
    row |= {"costs": {}, "difference": {"value": None, "low": None, "high": None}}
    text = html_report(trained, "x")
    assert f"<td>DER{': ' + row['detail'] if row['detail'] else ''}</td>{'<td>–</td>' * 6}" in text


@pytest.mark.parametrize("part", ["results", "splits", "experts", "traces", "versions", "curves", "settings"])
def test_a_report_that_lacks_a_part_is_refused_in_one_line(trained: dict[str, Any], part: str) -> None:
    del trained[part]
    with pytest.raises(ReportError, match="'My run' lacks something") as caught:
        html_report(trained, "My run")
    assert "\n" not in str(caught.value)


def test_a_report_with_words_for_figures_is_refused(trained: dict[str, Any]) -> None:
    trained["results"]["deployable"][0]["accuracy"] = "<b>high</b>"
    with pytest.raises(ReportError):
        html_report(trained, "x")


def test_claims_and_bar_are_told(baselines: dict[str, Any]) -> None:
    gap = {"value": 0.1, "low": -0.05, "high": 0.2}
    told = {
        "router": "DER",
        "cost": 2.0,
        "difference": gap,
        "best_single": "small once",
        "best_single_cost": 1.0,
        "difference_hindsight": gap,
    }
    told |= {"hindsight_single": "large once", "lead_over_hull": gap, "dearest_asked": "large once", "dearest_asked_cost": 3.0}
    page = Page(html_report({**baselines, "results": {**baselines["results"], "bar": told}}, "run"))
    assert "+10.0 points (-5.0 to +20.0) from small once" in page.text
    assert "large once, costs 3.00" in page.text
    assert page.text.count("not computed: there is no learned router") == 5
    without = {key: value for key, value in baselines.items() if key != "claims"}
    assert "Five claims" not in Page(html_report(without, "run")).text


def test_a_report_of_an_earlier_version_is_a_page_too(trained: dict[str, Any]) -> None:
    before = {key: part for key, part in trained.items() if key not in ("training", "claims")}
    before["results"] = {key: part for key, part in trained["results"].items() if key not in ("cost_note", "n_not_counted", "bar")}
    assert "DER" in Page(html_report(before, "x")).text
