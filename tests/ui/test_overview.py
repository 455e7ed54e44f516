"""The Overview in every state, and the tour that starts there."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from fakes import make_questions, make_spec
from homes import NOBODY, ROOT, Home, open_page, write_run
from ollama_server import OllamaServer
from streamlit.testing.v1 import AppTest

import ui.overview.readiness
import ui.overview.result
import ui.shared.expert_choice
from der_core.experts.opening import ExpertHealth
from der_core.recording.store import Store
from ui.route.gallery import opening
from ui.route.recorded import set_stage
from ui.shared.frame import PAGES
from ui.shared.loaders import run_report
from ui.shared.tour import STOPS, current_stop
from ui.shared.work import TRAINING, board

STATES = ("ready", "not yet", "in progress")


@pytest.fixture(autouse=True)
def ollama_down(monkeypatch: pytest.MonkeyPatch) -> None:
    """The usual pool is looked for where nothing answers, whatever runs on this machine."""
    pool = [make_spec(f"model{i}", backend="ollama", host=NOBODY) for i in range(2)]
    monkeypatch.setattr(ui.shared.expert_choice, "SMALL_POOL", pool)


def opened() -> AppTest:
    return AppTest.from_file(str(ROOT / "app.py"), default_timeout=60).run()


def words(app: AppTest) -> str:
    return "\n".join(str(element.value) for element in (*app.markdown, *app.caption, *app.error))


def links(app: AppTest) -> dict[str, dict[str, list[str]]]:
    return {link.proto.label: parse_qs(link.proto.query_string) for link in app.page_link}


def states(app: AppTest) -> list[str]:
    """The badges of the three cards in reading order: experts, recording, router."""
    shown = [element.value for element in app.markdown if "-badge[" in element.value]
    return [next(state for state in STATES if state in badge) for badge in shown if any(state in badge for state in STATES)]


class TestStates:
    def test_what_der_is_takes_two_sentences_and_a_picture(self, empty_home: Home) -> None:
        app = opened()
        assert not app.exception
        sentences = app.markdown[0].value
        assert sentences.count(".") == 2
        assert "router" in sentences
        (picture,) = app.get("image")
        assert "router" in str(picture.proto).lower()

    def test_with_a_run_the_stage_plays_one_real_route(self, trained_home: Home) -> None:
        app = opened()
        (element,) = app.get("bidi_component")
        shown = json.loads(element.proto.json)
        stage = set_stage(trained_home.run_id)
        assert stage is not None
        question = next(one for one in stage.questions if one.id == opening(stage.told("DER")))
        assert (shown["question"], shown["plays"], shown["height"] > 0, len(shown["panes"])) == (question.text, True, True, 1)
        assert parse_qs(shown["link"].removeprefix("route?")) == {
            "run": [trained_home.run_id],
            "question": [question.id],
            "router": ["DER"],
        }
        assert shown["panes"][0]["verdict"]["single"].startswith("One call of ")
        assert not app.get("image")
        assert links(app)["Watch more routes"] == {"run": [trained_home.run_id]}

    def test_without_the_recording_of_the_run_the_picture_stands_there(self, trained_home: Home) -> None:
        trained_home.store.unlink()
        app = opened()
        assert not app.exception
        assert app.get("image") and not app.get("bidi_component")

    def test_nothing_yet_every_card_has_a_next_step(self, empty_home: Home) -> None:
        app = opened()
        assert states(app) == ["not yet", "not yet", "not yet"]
        assert {"Get them ready", "Record some replies", "Record first", "Train a router"} <= set(links(app))
        assert "No result yet" in words(app)

    def test_with_a_recording_the_next_step_is_training(self, recorded_home: Home) -> None:
        app = opened()
        assert not app.exception
        assert states(app) == ["not yet", "ready", "not yet"]
        assert "**small**: 648 replies of 3 experts to 72 questions." in words(app)
        assert "Train a router" in links(app)
        assert "Not needed for what is recorded" in words(app)

    def test_a_run_shows_its_headline_with_interval(self, trained_home: Home) -> None:
        app = opened()
        assert not app.exception
        assert states(app) == ["not yet", "ready", "ready"]
        results = run_report(trained_home.run_id)["results"]
        row = next(row for row in results["deployable"] if row["name"] == "DER")
        assert results["headline"] in words(app).replace("\\", "")
        assert [metric.value for metric in app.metric][0] == f"{100 * row['accuracy']:.1f} %"
        assert f"95 % interval {100 * row['low']:.1f} % to {100 * row['high']:.1f} %" in words(app)
        assert "deployable" in words(app)

    def test_the_five_claims_are_told_with_what_came_of_them(self, trained_home: Home) -> None:
        app = opened()
        claims = run_report(trained_home.run_id)["claims"]
        assert len(claims) == 5 and any(
            heading.value.endswith(f"{sum(claim['holds'] for claim in claims)} of 5 hold here") for heading in app.subheader
        )
        for claim in claims:
            (line,) = (element.value for element in app.markdown if f"**{claim['name'].capitalize()}**" in element.value)
            assert ("** holds" in line) == claim["holds"]
            assert (" on " in line and "% [" in line) == (claim["low"] is not None)
        assert "**Real experts** not tested." in words(app)
        assert links(app)["See 3"] == {"run": [trained_home.run_id], "compare_view": ["Shown answers"]}

    def test_a_question_typed_here_goes_to_route_with_its_run(self, trained_home: Home) -> None:
        app = opened()
        app.text_input("overview_text").set_value("Is 17 times 3 more than 50?")
        next(button for button in app.button if button.label == "Route it").click().run()
        assert not app.exception
        assert app.title[0].value == "Route" and app.text_input("route_text").value == "Is 17 times 3 more than 50?"

    def test_links_carry_the_run(self, trained_home: Home) -> None:
        found = links(opened())
        assert found["Compare with every baseline"] == {"run": [trained_home.run_id]}
        assert found["Follow a question through it"] == {"run": [trained_home.run_id]}

    def test_the_run_last_looked_at_is_the_active_one(self, trained_home: Home) -> None:
        newer = write_run(trained_home, "second run")
        app = open_page("pages/compare.py", run=trained_home.run_id)
        assert "first run" in words(app.switch_page("app.py").run())
        assert newer.id != trained_home.run_id

    def test_a_star_makes_a_run_the_active_one(self, trained_home: Home) -> None:
        second = write_run(trained_home, "second run")
        trained_home.runs.star(second.id, True)
        assert "**second run**" in words(opened())

    def test_a_recording_without_replies_is_not_ready(self, empty_home: Home) -> None:
        with Store.open(empty_home.store) as store:
            store.start_recording("begun")
        app = opened()
        assert not app.exception
        assert states(app)[1] == "not yet"

    def test_a_store_that_is_none_is_one_line(self, empty_home: Home) -> None:
        empty_home.folder.mkdir()
        empty_home.store.write_text("not a store")
        app = opened()
        assert not app.exception
        assert len(app.error) == 1

    def test_a_training_under_way_is_seen(self, recorded_home: Home) -> None:
        over = threading.Event()
        board().start(TRAINING, "Training “elsewhere”", lambda job: over.wait(60), "another tab")
        try:
            assert states(opened())[2] == "in progress"
        finally:
            over.set()


class TestExperts:
    def test_reachable_ones_are_counted_and_named(self, recorded_home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
        def health(specs: list) -> list[ExpertHealth]:
            return [ExpertHealth(spec, spec.name == "dear", "", None, f"{spec.name} sleeps") for spec in specs]

        monkeypatch.setattr(ui.overview.readiness, "health_of", health)
        app = opened()
        assert "**1 of 3** can be asked now: dear." in words(app)
        assert "cheap sleeps" in words(app)

    def test_all_ready_needs_nothing(self, recorded_home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(ui.overview.readiness, "health_of", lambda specs: [ExpertHealth(spec, True, "", None, "") for spec in specs])
        app = opened()
        assert states(app) == ["ready", "ready", "not yet"]
        assert "See the experts" in links(app)

    def test_a_dead_host_is_told_with_what_to_do(self, empty_home: Home) -> None:
        app = opened()
        assert "**0 of 2** can be asked now." in words(app)
        assert "ollama serve" in words(app)

    def test_a_running_ollama_is_asked(self, empty_home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
        with OllamaServer(lambda messages: "Yes", ["model0:latest"]) as server:
            pool = [make_spec("model0", backend="ollama", model="model0", host=server.url)]
            monkeypatch.setattr(ui.shared.expert_choice, "SMALL_POOL", pool)
            app = opened()
        assert "**1 of 1** can be asked now: model0." in words(app)
        assert states(app)[0] == "ready"

    def test_without_ollama_the_installed_models_can_be_asked(self, installed: Path) -> None:
        app = opened()
        assert not app.exception
        assert "**2 of 2** can be asked now: smollm2-135m, gemma3-270m." in words(app)
        assert states(app)[0] == "ready"

    def test_an_installed_model_that_is_not_whole_is_one_line(self, installed: Path) -> None:
        (installed / "made_up_part2" / "data" / "joined-q4.gguf.part01").unlink()
        app = opened()
        assert not app.exception
        assert "**1 of 2** can be asked now: smollm2-135m." in words(app)
        assert "install made-up-part2 with pip" in words(app)
        assert states(app) == ["not yet", "not yet", "not yet"]

    def test_the_check_comes_last_on_the_page(self, trained_home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
        drawn: list[str] = []
        monkeypatch.setattr(ui.overview.result, "run_report", lambda run_id: drawn.append("result") or run_report(run_id))
        monkeypatch.setattr(ui.overview.readiness, "health_of", lambda specs: drawn.append("experts") or [])
        opened()
        assert drawn[0] == "result" and drawn.index("experts") == len(drawn) - 1


class TestTour:
    def test_the_button_leads_to_the_first_stop(self, trained_home: Home) -> None:
        app = opened()
        app.button(key="overview_start").click().run()
        assert not app.exception
        assert f"Tour, 1 of {len(STOPS)}." in words(app)
        assert app.title[0].value == STOPS[0].title

    def test_every_stop_is_a_page_of_that_title(self) -> None:
        assert {(stop.page, stop.title) for stop in STOPS} <= {(path, title) for path, title, _ in PAGES}

    def test_each_stop_leads_to_the_next_and_the_last_ends(self, trained_home: Home) -> None:
        for number, stop in enumerate(STOPS, start=1):
            app = open_page(stop.page, tour=str(number))
            assert not app.exception
            assert stop.look in words(app)
            following = [query for label, query in links(app).items() if label.startswith("**Next: ")]
            wanted = [{"tour": [str(number + 1)], **{key: [value] for key, value in after.address}} for after in STOPS[number : number + 1]]
            assert following == wanted
            assert "End the tour" in links(app)

    def test_the_tour_ends_with_a_question_of_the_visitors_own(self, trained_home: Home) -> None:
        app = open_page(STOPS[-1].page, tour=str(len(STOPS)), **dict(STOPS[-1].address))
        assert not app.exception
        assert [box.label for box in app.text_input] == ["Your yes/no question"]

    @pytest.mark.parametrize("number", [2, 6])
    def test_a_stop_opens_on_its_own_source_whatever_the_page_remembers(self, trained_home: Home, number: int) -> None:
        own, other = dict(STOPS[number - 1].address)["route_source"], dict(STOPS[7 - number].address)["route_source"]
        app = open_page("pages/route.py", route_source=other)
        source = app.segmented_control(key="route_source")
        assert source.value == other
        app.query_params["tour"] = str(number)
        assert app.run().segmented_control(key="route_source").value == own
        app.segmented_control(key="route_source").set_value(other)
        assert app.run().segmented_control(key="route_source").value == other

    @pytest.mark.parametrize("asked", ["", "0", "7", "-1", "1.0", "two", "１"])
    def test_other_numbers_are_no_stop(self, asked: str) -> None:
        assert all(current_stop(asked, stop.title) is None for stop in STOPS)

    def test_a_stop_is_only_drawn_on_its_own_page(self, empty_home: Home) -> None:
        assert "Tour, " not in words(open_page("pages/compare.py", tour="1"))


class TestExpertFiles:
    def test_files_that_are_not_here_are_told_by_name(self, empty_home: Home) -> None:
        specs = [make_spec("far", backend="embedded", model="far.gguf"), make_spec("far@examples", backend="embedded", model="far.gguf")]
        with Store.open(empty_home.folder / "recordings.sqlite") as store:
            store.start_recording("elsewhere")
            store.add_questions("elsewhere", make_questions(2))
            store.add_experts("elsewhere", specs)
        shown = words(opened())
        assert "**0 of 2** can be asked now" in shown
        assert "Not here: far.gguf. Set DER" in shown and shown.count("far.gguf") == 1
