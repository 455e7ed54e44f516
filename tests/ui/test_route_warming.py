"""Experts inside this program are loaded when live is chosen on Route: in the background, once, and told apart from answers."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import pytest
from homes import Home, MadeUp, made_up_experts, open_page
from streamlit.testing.v1 import AppTest

import ui.route.live as route_live
from der_core.config import AskOptions, ExpertSpec
from der_core.errors import HostUnreachable, ModelMissing
from der_core.jobs import JobState
from der_core.records import Label, Question, Reply
from ui.route.live import ROUTE, WARMING, Asked, start_route
from ui.shared.work import board, latest

PAGE, OWN = "pages/route.py", "Your own question"


class Warms(MadeUp):
    """A made-up expert whose model is loaded once `gate` opens."""

    def __init__(self, like: MadeUp, gate: threading.Event, warmed: list[str], fails: bool) -> None:
        super().__init__(like.spec.name, like.spec.params_billions or 1.0, 1.0, 0.0)
        self.gate, self.warmed, self.fails = gate, warmed, fails

    def warm(self) -> float:
        assert self.gate.wait(30)
        if self.fails:
            raise HostUnreachable("The process ended; ask again to load it anew.")
        self.warmed.append(self.spec.name)
        return 2.0


class Loading:
    """Stands in for open_experts; `gate` holds the loading up until it is set."""

    def __init__(self) -> None:
        self.gate, self.warmed, self.fails = threading.Event(), list[str](), False

    @contextmanager
    def __call__(self, specs: Sequence[ExpertSpec], options: AskOptions) -> Iterator[list[Warms]]:
        yield [Warms(expert, self.gate, self.warmed, self.fails) for expert in made_up_experts()]


@pytest.fixture
def loading(monkeypatch: pytest.MonkeyPatch) -> Iterator[Loading]:
    stand_in = Loading()
    monkeypatch.setattr(route_live, "open_experts", stand_in)
    monkeypatch.setattr(route_live, "models_are_files", lambda spec: True)
    yield stand_in
    stand_in.gate.set()


def own_page(home: Home) -> AppTest:
    app = open_page(PAGE, run=home.run_id, route_source=OWN)
    assert not app.exception
    return app


def words(app: AppTest) -> str:
    return "\n".join(str(element.value) for element in [*app.markdown, *app.caption, *app.warning])


def wait_for_text(kind: str, text: str) -> None:
    """Return once the job of that kind says `text`."""
    deadline = time.monotonic() + 30
    while text not in latest(kind).report.text and time.monotonic() < deadline:
        time.sleep(0.01)
    assert text in latest(kind).report.text


def ended() -> JobState:
    job = latest(WARMING)
    assert job is not None
    return board().wait(job.id, 30).state


def test_choosing_live_loads_the_models_once_and_says_so_with_seconds(trained_home: Home, loading: Loading) -> None:
    open_page(PAGE, run=trained_home.run_id)
    assert latest(WARMING) is None, "a replay needs no models"
    app = own_page(trained_home)
    wait_for_text(WARMING, "Loading cheap")
    app.run()
    assert "Loading cheap and reading the beginning of its prompts · " in words(app)
    assert app.text_input("route_text") is not None, "the page does not wait"
    loading.gate.set()
    assert ended() is JobState.DONE
    assert "The models are loaded; that took 6.00 s, which no answer's time includes." in words(app.run())
    own_page(trained_home)
    assert loading.warmed == ["cheap", "middling", "dear"]


def test_a_question_that_is_asked_meanwhile_waits_for_the_models(trained_home: Home, loading: Loading) -> None:
    own_page(trained_home)
    job_id = start_route(Asked(trained_home.run_id, Question("typed", "Is it?"), "stop_action"), "tab")
    wait_for_text(ROUTE, "Loading cheap")
    assert len(board().snapshot(job_id).history) == 1, "nobody is asked yet"
    loading.gate.set()
    assert board().wait(job_id, 30).state is JobState.DONE
    assert loading.warmed == ["cheap", "middling", "dear"]


def test_a_question_that_waits_for_the_models_can_be_stopped(trained_home: Home, loading: Loading) -> None:
    own_page(trained_home)
    job_id = start_route(Asked(trained_home.run_id, Question("typed", "Is it?"), "stop_action"), "tab")
    board().stop(job_id)
    assert board().wait(job_id, 30).state is JobState.STOPPED
    assert latest(ROUTE).history[1:] == ()


def test_a_model_that_cannot_be_loaded_is_told_and_not_tried_again_by_itself(trained_home: Home, loading: Loading) -> None:
    loading.fails = True
    loading.gate.set()
    app = own_page(trained_home)
    assert ended() is JobState.FAILED
    job = latest(WARMING)
    assert "The process ended; ask again to load it anew." in words(app.run())
    assert latest(WARMING).id == job.id


def test_a_missing_file_starts_nothing(trained_home: Home, loading: Loading, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(experts: Sequence[ExpertSpec]) -> tuple[ExpertSpec, ...]:
        raise ModelMissing("There is no file.")

    monkeypatch.setattr(route_live, "located", missing)
    own_page(trained_home)
    assert latest(WARMING) is None


def test_loading_is_none_of_the_answers_own_time(trained_home: Home, loading: Loading, monkeypatch: pytest.MonkeyPatch) -> None:
    ask = Warms.ask
    monkeypatch.setattr(Warms, "ask", lambda self, question, label: _after_loading(ask(self, question, label)))
    loading.gate.set()
    job_id = start_route(Asked(trained_home.run_id, Question("typed", "Is it?"), "stop_action"), "tab")
    board().wait(job_id, 30)
    assert "1.25 s passed, after 4.00 s of loading the model." in words(own_page(trained_home))


def _after_loading(reply: Reply) -> Reply:
    assert reply.label is not Label.NONE
    return replace(reply, load_s=4.0, wall_s=5.25)
