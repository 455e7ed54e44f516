"""Replies of experts that write programs: shown as code, with what came of it, on Route and in its tables."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from homes import Home
from streamlit.testing.v1 import AppTest

from der_core.config import ExpertSpec
from der_core.evaluation.single_route import BestRoute, FirstReply
from der_core.experts.finishing import finish_reply
from der_core.experts.program import told_run
from der_core.records import Label, Question, Reply, Route, Step
from der_core.routing.live import Decision
from ui.route import charts
from ui.route.after import chain
from ui.route.view import Scene, draw_route, seen

COMPUTES, READS = ExpertSpec("computes", "ollama", "a", "program"), ExpertSpec("reads", "ollama", "b")
EVEN = Question("q", "Is 7 even?", gold=Label.NO)
RUNS = '```python\nprint("yes" if 7 % 2 == 0 else "no")\n```'
FAILS = "```python\nprint(Zinnia)\n```"


def reply_to(text: str, finish: str = "stop", p_yes: float | None = None) -> Reply:
    raw = Reply(text, Label.INVALID, None, 0.0, 0.1, 0.2, 0.3, 500, 0, 20, "")
    return replace(finish_reply(raw, "program", finish=finish), p_yes=p_yes)


def step_of(reply: Reply, spec: ExpertSpec = COMPUTES, label: Label | None = None) -> Step:
    return Step(spec.name, Label.NONE, "prompt", reply, reply.label if label is None else label, 1.0, 0.2, float("nan"), (0.7, 0.3))


def scene_with(borders: float = float("nan")) -> Scene:
    return Scene("replay", "Then.", EVEN, (COMPUTES, READS), np.full((2, 4), borders), "features")


def drawn(step: Step, borders: float = float("nan")) -> AppTest:
    def page(scene: Scene, step: Step) -> None:
        draw_route(
            scene,
            [Decision(0, step.probabilities, step.expert, Label.NONE, "", False), step, Route(scene.question, (step,), "it was told to")],
        )

    app = AppTest.from_function(_draw, kwargs={"page": page, "scene": scene_with(borders), "step": step}).run()
    assert not app.exception
    return app


def _draw(page, scene, step):  # type: ignore[no-untyped-def]  # runs without this module's names
    page(scene, step)


def badges(app: AppTest) -> list[str]:
    return [str(element.value) for element in app.markdown if "-badge[" in str(element.value)]


def test_a_program_is_shown_as_python_with_what_it_printed(empty_home: Home) -> None:
    app = drawn(step_of(reply_to(RUNS, p_yes=0.1)))
    assert [(code.value, code.language) for code in app.code][:2] == [
        ('print("yes" if 7 % 2 == 0 else "no")', "python"),
        ("printed: no", "plaintext"),
    ]
    assert any("says no" in badge for badge in badges(app)) and any("right" in badge for badge in badges(app))
    assert "P(yes) 0.100 (fitted confidence)" in str([bar.proto.text for bar in app.get("progress")])


def test_a_program_that_failed_is_no_answer_and_says_why(empty_home: Home) -> None:
    app = drawn(step_of(reply_to(FAILS)))
    assert app.warning[0].value == "program failed: NameError: name 'Zinnia' is not defined"
    assert app.code[0].value == "print(Zinnia)"
    assert any("no answer" in badge for badge in badges(app))
    assert not any("wrong" in badge or "invalid" in badge for badge in badges(app))
    assert {metric.label: metric.value for metric in app.metric}["Answer"] == "NONE"
    assert "P(yes) unknown: there is no answer to be sure of." in [caption.value for caption in app.caption]


def test_what_stands_around_a_program_can_be_read_too(empty_home: Home) -> None:
    app = drawn(step_of(reply_to(f"I think so.\n{RUNS}", p_yes=0.1)))
    assert [box.label for box in app.expander if box.label == "Whole reply"]
    assert not [box.label for box in drawn(step_of(reply_to(RUNS, p_yes=0.1))).expander if box.label == "Whole reply"]


@pytest.mark.parametrize(
    ("text", "finish", "told"),
    [
        (RUNS, "stop", "printed: no"),
        (FAILS, "stop", "program failed: NameError: name 'Zinnia' is not defined"),
        ("```python\nprint('yes')\nprint(1 / 0)\n```", "stop", "program failed: ZeroDivisionError: division by zero; it had printed: yes"),
        ("```python\nx = 1\n```", "stop", "the program printed nothing"),
        ("```python\nprint('maybe')\n```", "stop", "the program printed neither yes nor no: maybe"),
        ("```python\nwhile True: pass\n```", "stop", "program failed: it ran longer than 0.5 seconds"),
        ("```python\nprint('y", "length", "no program was run: cut before the program ended"),
        ("I cannot tell.", "stop", "no program was run: no program in the reply"),
        ("", "stop", "no program was run: the reply is empty"),
    ],
)
def test_what_came_of_a_program_is_told_in_words(text: str, finish: str, told: str) -> None:
    assert told_run(reply_to(text, finish)) == told


def test_what_was_not_kept_is_not_told_as_nothing() -> None:
    assert told_run(replace(reply_to(RUNS), printed=None)) == "what it printed was not kept"


def test_the_router_sees_p_yes_moved_by_the_border_and_the_page_says_both() -> None:
    decision = Decision(1, (0.5, 0.5), "reads", Label.YES, "", False)
    before = [step_of(reply_to(RUNS, p_yes=0.2))]
    assert "with P(yes) 0.20;" in seen(scene_with(), decision, before)
    # Odds .25 at a border of odds .25: exactly one half.
    assert "with P(yes) 0.50 (raw 0.20, moved so that the border 0.20 lies at 0.50)" in seen(scene_with(0.2), decision, before)


def test_the_router_sees_one_half_where_no_p_yes_is_known() -> None:
    told = seen(scene_with(), Decision(1, (0.5, 0.5), "reads", Label.NONE, "", False), [step_of(reply_to(FAILS))])
    assert "the last answer, no answer, with P(yes) 0.50, which stands for unknown" in told
    assert "1 of 1 replies so far gave no answer" in told


def test_tables_tell_failures_apart_from_wrong_answers() -> None:
    replies = [FirstReply("computes", reply_to(text), reply_to(text).label, 1.0, 0.2, 0.0) for text in (RUNS, FAILS)]
    frame = charts.first_replies_frame(replies, Label.YES)
    assert frame["Right"].tolist() == ["✗ wrong", "– no answer"]
    assert frame["Printed"].tolist() == ["no\n", ""]
    assert frame["Why no answer"].tolist() == ["", "NameError: name 'Zinnia' is not defined"]


def test_a_best_route_without_an_answer_is_told_so() -> None:
    best = BestRoute(("computes",), (Label.INVALID,), False, 1.0, 0.0, "the end")
    assert chain(best, ["computes"]).endswith("computes gives no answer")
