"""The Experts page by kind of question, and why programs gave no answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd
from fakes import ScriptedExpert, make_questions, make_spec
from homes import Home, open_page
from streamlit.testing.v1 import AppTest

from der_core.experts.finishing import finish_reply
from der_core.recording.recorder import record
from der_core.recording.store import Store
from der_core.records import Label, Question, Reply
from ui.experts.kinds import failures_frame

N = 12


class Programmer(ScriptedExpert):
    """Writes programs that say yes to everything, but fail on every third question."""

    def __init__(self) -> None:
        super().__init__(make_spec("computes", style="program"), lambda question, previous: (Label.YES, None))

    def ask(self, question: Question, previous_label: Label) -> Reply:
        program = "print(Zinnia)" if int(question.id[1:]) % 3 == 0 else "print('yes')"
        raw = replace(super().ask(question, previous_label), text=f"```python\n{program}\n```")
        return finish_reply(raw, "program", finish="stop")


def recorded(home: Home, questions: Sequence[Question]) -> None:
    home.folder.mkdir()
    reader = ScriptedExpert(make_spec("reads"), lambda question, previous: (question.gold or Label.NO, 0.9))
    with Store.open(home.store) as store:
        record(store, "programs", questions, {"computes": [Programmer()], "reads": [reader]})


def frames(app: AppTest) -> list[pd.DataFrame]:
    return [element.value for element in app.dataframe]


def test_each_expert_stands_by_kind_and_programs_tell_how_often_they_run(empty_home: Home) -> None:
    recorded(empty_home, make_questions(N))
    app = open_page("pages/experts.py")
    assert not app.exception
    (kinds,) = [frame for frame in frames(app) if list(frame.columns) == ["Kind", "Questions", "computes", "reads"]]
    # Even questions are yes: of six, two fail (0 and 6) and four are right. Odd ones are no: none is right.
    assert [cell.split(" [")[0] for cell in kinds["computes"]] == ["66.7 %", "0.0 %"]
    assert [cell.split(" [")[0] for cell in kinds["reads"]] == ["100.0 %", "100.0 %"]
    assert kinds["Kind"].tolist() == ["even", "odd"] and kinds["Questions"].tolist() == [6, 6]
    (runs,) = [frame for frame in frames(app) if "computes runs" in frame]
    assert [cell.split(" [")[0] for cell in runs["computes runs"]] == ["66.7 %", "66.7 %"]
    assert [cell.split(" [")[0] for cell in runs["computes right where it runs"]] == ["100.0 %", "0.0 %"]
    assert not any("reads runs" in frame for frame in frames(app))


def test_failures_are_counted_by_reason_with_an_example(empty_home: Home) -> None:
    recorded(empty_home, make_questions(N))
    (failures,) = [frame for frame in frames(open_page("pages/experts.py")) if "For example" in frame]
    assert failures.to_dict("records") == [
        {
            "Expert": "computes",
            "Why": "NameError",
            "Programs": 4,
            "Of all": "33.3 %",
            "For example": "NameError: name 'Zinnia' is not defined",
        }
    ]


def test_without_kinds_and_programs_neither_table_is_drawn(empty_home: Home) -> None:
    empty_home.folder.mkdir()
    reader = ScriptedExpert(make_spec("reads"), lambda question, previous: (Label.YES, 0.9))
    with Store.open(empty_home.store) as store:
        record(store, "plain", [replace(question, kind=None) for question in make_questions(N)], {"reads": [reader]})
    app = open_page("pages/experts.py")
    assert not app.exception
    assert not any("Kind" in frame or "For example" in frame for frame in frames(app))


def test_the_most_frequent_failures_come_first_and_rare_ones_together() -> None:
    reasons = {"": 10, "NameError: a": 2, "NameError: b": 3, "the program printed nothing": 4} | {f"E{n}Error: x": 1 for n in range(20)}
    frame = failures_frame({"computes": reasons})
    assert frame["Why"].tolist()[:2] == ["NameError", "printed nothing"]
    assert frame["Programs"].tolist()[:2] == [5, 4]
    assert frame["For example"].tolist()[0] == "NameError: b"
    assert frame.iloc[-1]["Why"] == "all others" and frame["Programs"].sum() == 29
