"""The command line from end to end, against a server that speaks Ollama's protocol."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path

import datasets
import numpy as np
import pytest
from datasets import Dataset
from ollama_server import Chat, OllamaServer

from der_core.cli import COMMANDS, _hyphenate, build_parser, main
from der_core.cli.settings import command_words, train_config
from der_core.cli.terminal import ProgressBar, duration
from der_core.errors import SettingsError
from der_core.evaluation.report import validate_report
from der_core.evaluation.runs import RunStore
from der_core.recording.store import FlipRate, Store
from der_core.recording.table import load_table
from der_core.routing import encoding
from der_core.routing.encoding import Vectors
from der_core.routing.saved.router_file import load_router

MODELS = ("weak:1b", "strong:3b")


class HashEncoder:
    """Unit vectors drawn by the hash of the text, instead of seconds of loading."""

    def __init__(self, name: str) -> None:
        self.id = name

    def encode(self, texts: Sequence[str]) -> Vectors:
        seeds = [int.from_bytes(sha256(text.encode()).digest()[:4], "big") for text in texts]
        return np.stack([np.random.default_rng(seed).normal(size=16) for seed in seeds]).astype(np.float32)


def answers(messages: Chat) -> str:
    """Yes to everything, in two ways, so right about even statements only."""
    return "yes" if "statement 4 " in messages[-1]["content"] else "Yes, it is."


@pytest.fixture
def server() -> Iterator[OllamaServer]:
    with OllamaServer(answers, MODELS) as running:
        yield running


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with forty questions, and a fast encoder."""
    monkeypatch.chdir(tmp_path)
    for module in ("der_core.cli.run", "der_core.cli.train", "der_core.cli.evaluate", "der_core.cli.ask"):
        monkeypatch.setattr(f"{module}.SentenceEncoder", HashEncoder)
    rows = [{"question": f"is statement {i} true", "passage": f"Text {i} says so.", "answer": i % 2 == 0} for i in range(40)]
    (tmp_path / "q.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return tmp_path


def run_options(server: OllamaServer, *more: str) -> list[str]:
    fixed = ["--host", server.url, "--experts", *MODELS, "--questions", "q.jsonl", "--ppo_steps", "2048", "--store", "r.sqlite"]
    return ["run", *fixed, "--train_samples", "24", "--eval_samples", "12", "--save_report", "report.json", *more]


def test_run_does_the_whole_job(server: OllamaServer, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(run_options(server, "--save_router", "router.zip", "--show_der_qa", "2", "--probe_samples", "5", "--no_repeat")) == 0
    shown = capsys.readouterr().out
    for heading in (
        "== configuration ==",
        "== single experts on 5 training questions ==",
        "== results on held-out questions ==",
        "== routes of DER",
    ):
        assert heading in shown
    document = json.loads((place / "report.json").read_text(encoding="utf-8"))
    validate_report(document)
    assert document["data"]["n_questions"] == 36
    assert [(one["expert"], one["n"]) for one in document["probe"]] == [(spec["name"], 5) for spec in document["experts"]]
    assert len(document["splits"]["test"]) == 12
    assert len(document["traces"]["questions"]) == 2
    assert document["experts"][0]["digest"]
    single = next(row for row in document["results"]["deployable"] if row["name"] == "weak-1b once" or row["name"] == "weak:1b once")
    assert single["accuracy"] == pytest.approx(single["accuracy"])
    assert single["yes_rate"] == 1.0


def test_a_second_run_asks_nothing_and_gives_the_same_results(server: OllamaServer, place: Path) -> None:
    assert main(run_options(server)) == 0
    first, asked = json.loads((place / "report.json").read_text(encoding="utf-8")), server.count("/api/chat")
    assert main(run_options(server)) == 0
    second = json.loads((place / "report.json").read_text(encoding="utf-8"))
    assert server.count("/api/chat") == asked
    assert second["results"] == first["results"]
    assert second["traces"] == first["traces"]


def test_a_saved_router_is_used_instead_of_training(server: OllamaServer, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(run_options(server, "--save_router", "router.zip")) == 0
    first = json.loads((place / "report.json").read_text(encoding="utf-8"))["results"]
    assert main(run_options(server, "--load_router", "router.zip")) == 0
    assert "Using the router in router.zip" in capsys.readouterr().out
    assert json.loads((place / "report.json").read_text(encoding="utf-8"))["results"] == first


def test_a_planner_is_trained_compared_and_asked(server: OllamaServer, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = run_options(server, "--algorithm", "planner", "--save_router", "planner.zip")
    at = options.index("--ppo_steps")
    assert main([*options[:at], *options[at + 2 :]]) == 0
    assert "Planned in " in capsys.readouterr().out
    assert load_router(place / "planner.zip").config.algorithm == "planner"
    report = json.loads((place / "report.json").read_text(encoding="utf-8"))
    validate_report(report)
    assert report["settings"]["algorithm"] == "planner"
    assert main(["ask", "--load_router", "planner.zip", "--host", server.url, "--question", "is statement 4 true"]) == 0
    assert " % sure) after" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("option", "told"), [(["--ppo-steps", "64"], "--ppo-steps"), (["--state", "text"], "--state"), (["--end", "gold"], "stop_action")]
)
def test_a_planner_refuses_what_it_would_take_no_notice_of(
    option: list[str], told: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "--algorithm", "planner", *option]) == 2
    assert told in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "mode"),
    [
        (["--cost_mode", "latency_tokens"], "compute"),
        (["--cost-mode", "latency-tokens"], "compute"),
        (["--cost_mode", "latency_tokens", "--normalize_cost"], "latency"),
        (["--normalize-cost"], "latency"),
        (["--no_normalize_cost"], "compute"),
        (["--no-normalize-cost", "--cost-mode", "latency"], "compute"),
        (["--sb3_verbose", "1"], "compute"),
        (["--sb3-verbose", "0", "--cost-mode", "tokens"], "tokens"),
    ],
)
def test_options_of_the_predecessor_are_understood(words: list[str], mode: str) -> None:
    for command in ("train", "run"):
        arguments = build_parser().parse_args(_hyphenate([command, *words]))
        assert train_config(arguments).episode.cost_mode == mode


def test_seconds_cannot_be_divided_where_none_are_counted() -> None:
    arguments = build_parser().parse_args(["train", "--cost-mode", "tokens", "--no-normalize-cost"])
    with pytest.raises(SettingsError, match="--no-normalize-cost"):
        train_config(arguments)


def test_a_missing_model_ends_with_the_line_that_pulls_it(server: OllamaServer, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    server.models.remove("strong:3b")
    assert main(run_options(server)) == 2
    assert "ollama pull strong:3b" in capsys.readouterr().err
    assert server.count("/api/chat") == 0


def test_a_dead_host_ends_in_one_line(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["run", "--host", "http://127.0.0.1:9", "--experts", "weak:1b", "--questions", "q.jsonl", "--ollama_retries", "0"])
    assert code == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert "127.0.0.1:9" in error


def test_a_recording_keeps_every_command_that_made_it_once(server: OllamaServer, place: Path) -> None:
    options = ["record", "--host", server.url, "--questions", "q.jsonl", "--samples", "4", "--store", "r.sqlite", "--experts"]
    for model in (MODELS[0], MODELS[1], MODELS[0]):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("sys.argv", ["der_core", *options, model])
            assert main([*options, model]) == 0
    with Store.open(place / "r.sqlite") as store:
        (info,) = store.recordings()
    shared = f"python -m der_core record --host {server.url} --questions q.jsonl --samples 4 --store r.sqlite --experts"
    assert info.meta["commands"] == [f"{shared} {MODELS[0]}", f"{shared} {MODELS[1]}"]
    assert info.meta["command"] == f"{shared} {MODELS[0]}"


@pytest.mark.parametrize("fault", ["error", "broken_json", "dropped", "hung"])
def test_a_failing_server_keeps_what_was_recorded_and_a_rerun_asks_for_the_rest(
    server: OllamaServer, place: Path, capsys: pytest.CaptureFixture[str], fault: str
) -> None:
    def sour(messages: Chat) -> str:
        if len(server.chats) == 20:
            server.fail(fault, times=40)  # type: ignore[arg-type]  # one of the server's faults
        return answers(messages)

    server.answer = sour
    options = ["record", "--host", server.url, "--experts", *MODELS, "--questions", "q.jsonl", "--store", "r.sqlite"]
    patience = ["--ollama_timeout", "0.3", "--ollama_retries", "0"]
    assert main([*options, *patience]) == 1
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert "Run the same command again" in last or "again" in last
    with Store.open(place / "r.sqlite") as store:
        kept = store.recordings()[0].n_entries
    assert kept >= 15
    server.fail("slow", times=0)
    server.answer = answers
    before = server.count("/api/chat")
    assert main([*options, "--ollama_timeout", "20"]) == 0
    with Store.open(place / "r.sqlite") as store:
        assert store.recordings()[0].n_entries == 40 * 2 * 3
    warm_ups = 2
    assert server.count("/api/chat") - before <= 40 * 2 * 3 - kept + warm_ups


def test_what_was_read_is_said_before_anything_is_asked(server: OllamaServer, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "q.csv").write_text("query;context;label;notes\nis it a;It is a.;1.0;x\nis it b;It is a.;0.0;\n", encoding="utf-8")
    assert main(["record", "--host", server.url, "--experts", "weak:1b", "--questions", "q.csv", "--store", "r.sqlite"]) == 0
    told = "q.csv: 2 questions, 2 with a passage, 1 yes, 1 no, 0 without an answer. Taken: question from query, passage from context, answer from label. Nobody reads: notes."
    assert capsys.readouterr().out.splitlines()[0] == told


@pytest.mark.parametrize("passage", ["--passage", "--no-passage"])
def test_run_keeps_the_passages_of_one_hub_split_out_of_the_other(
    passage: str, server: OllamaServer, place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "The keeper of light {} notes the {}, the tide and the lamp each hour of the night in a book that lies near the window of {}."
    where = [
        "anvil",
        "birch",
        "cedar",
        "delta",
        "ember",
        "fjord",
        "grove",
        "heath",
        "inlet",
        "jetty",
        "knoll",
        "lodge",
        "marsh",
        "north",
        "osier",
        "plain",
    ]

    def load_dataset(name: str, configuration: str | None, *, split: str) -> Dataset:
        texts = [text.format(f"{one} {one}", one, f"{one} {one}") for one in (where if split == "train" else where[:3])]
        rows = [
            {"question": f"is the {split} light {i} lit", "passage": texts[i // 2], "answer": i % 2 == 0} for i in range(2 * len(texts))
        ]
        return Dataset.from_list([{**row, "passage": row["passage"].upper()} if split == "validation" else row for row in rows])

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    options = run_options(server, passage, "--train_samples", "32", "--eval_samples", "6")
    assert main(["google/boolq" if option == "q.jsonl" else option for option in options]) == 0
    assert "6 training questions are left out: their passages" in capsys.readouterr().out
    splits = json.loads((place / "report.json").read_text(encoding="utf-8"))["splits"]
    assert len(splits["test"]) == 6 and len(splits["train"]) + len(splits["validation"]) == 26
    with Store.open(place / "r.sqlite") as store:
        recorded = store.questions("default")
    assert len(recorded) == 32 and {question.passage is None for question in recorded} == {passage == "--no-passage"}
    assert not {question.group for question in recorded if question.id in splits["test"]} & {
        question.group for question in recorded if question.id not in splits["test"]
    }


@pytest.mark.parametrize("command", ["record", "run"])
def test_questions_without_any_answer_are_asked_only_when_that_is_confirmed(
    command: str, server: OllamaServer, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "q.csv").write_text("question,answr\n" + "".join(f"is lamp {i} lit,yes\n" for i in range(12)), encoding="utf-8")
    options = [command, "--host", server.url, "--experts", "weak:1b", "--questions", "q.csv", "--store", "r.sqlite"]
    options += ["--train-samples", "8", "--eval-samples", "4"] if command == "run" else []
    assert main(options) == 2
    error = capsys.readouterr().err
    assert "nobody reads answr (is answr meant as answer?)" in error and "--no-answers" in error
    assert server.count("/api/chat") == 0 and not (place / "r.sqlite").exists()
    assert main([*options, "--no-answers"]) == 0
    assert server.count("/api/chat") >= 36
    assert command == "record" or "nothing can be trained or measured" in capsys.readouterr().out


def test_evaluating_on_training_questions_is_refused(server: OllamaServer, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record = ["record", "--host", server.url, "--experts", *MODELS, "--questions", "q.jsonl", "--store", "r.sqlite"]
    assert main(record) == 0
    assert main(["train", "--store", "r.sqlite", "--ppo-steps", "2048", "--save-router", "router.zip"]) == 0
    assert main(["evaluate", "--store", "r.sqlite", "--load-router", "router.zip", "--split-seed", "8", "--save-report", ""]) == 2
    assert "trained on" in capsys.readouterr().err
    assert main(["evaluate", "--store", "r.sqlite", "--load-router", "router.zip", "--save-report", ""]) == 0


@pytest.mark.parametrize(
    ("word", "shown"),
    [
        ("gguf:/models/a@b/tiny.gguf@examples", "gguf:tiny.gguf@examples"),
        ("gguf:/models/tiny.gguf", "gguf:tiny.gguf"),
        ("/home/me/new/router.zip", "router.zip"),
        ("q.jsonl", "q.jsonl"),
        ("llama3.2:3b@reason", "llama3.2:3b@reason"),
        ("--store", "--store"),
    ],
)
def test_a_command_is_kept_without_the_folders_of_this_machine(word: str, shown: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["/somewhere/der_core/__main__.py", "evaluate", word])
    assert command_words() == ["python", "-m", "der_core", "evaluate", shown]


def test_evaluated_routers_are_kept_as_runs_named_after_their_files(
    server: OllamaServer, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = ["record", "--host", server.url, "--experts", *MODELS, "--questions", "q.jsonl", "--store", "r.sqlite"]
    assert main(record) == 0
    for seed in ("1", "2"):
        saved = f"quick-seed-{seed}.zip"
        assert main(["train", "--store", "r.sqlite", "--ppo-steps", "2048", "--seed", seed, "--save-router", saved]) == 0
    files = ["quick-seed-1.zip", "quick-seed-2.zip"]
    assert main(["evaluate", "--store", "r.sqlite", "--load-router", *files, "--save-report", "", "--save-runs", "kept"]) == 0
    kept = RunStore(place / "kept")
    assert sorted(run.name for run in kept.list()) == ["quick seed 1", "quick seed 2"]
    for run in kept.list():
        validate_report(kept.load_report(run.id))
        assert kept.load_router(run.id).config.seed == int(run.name[-1])
    claims = [kept.load_report(run.id)["claims"] for run in kept.list()]
    assert claims[0] == claims[1] and len(claims[0]) == 5, "both seeds are one setting"
    assert "no recording named 'live'" in claims[0][4]["reason"]
    assert claims[0][0]["command"] == shlex.join(kept.load_report(kept.list()[0].id)["command"])
    capsys.readouterr()
    # Everything is in this recording, more than any one route asks: no route is the replayed one.
    assert main([*record, "--recording", "live"]) == 0
    capsys.readouterr()
    assert main(["evaluate", "--store", "r.sqlite", "--load-router", *files, "--only-claims", "--markdown"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" | ")[0] for line in lines if line.startswith("| ")][2:4] == [
        "| dynamic beats static",
        "| learned beats written by hand",
    ]
    assert lines[-1].startswith("| real experts | no | +0.0 |")


def test_what_flipped_labels_do_is_told_and_kept(server: OllamaServer, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["record", "--host", server.url, "--experts", *MODELS, "--questions", "q.jsonl", "--store", "r.sqlite"]) == 0
    assert main(["train", "--store", "r.sqlite", "--ppo-steps", "2048", "--save-router", "router.zip"]) == 0
    with Store.open(place / "r.sqlite") as store:
        store.put_flip_rate("default", FlipRate("weak-1b", 50, 1, {}))
        store.put_flip_rate("default", FlipRate("strong-3b", 50, 0, {}))
    options = ["evaluate", "--store", "r.sqlite", "--load-router", "router.zip", "--save-report", "report.json"]
    assert main([*options, "--flips", "--judge"]) == 0
    shown = capsys.readouterr().out
    assert "The interval of the lead contains 0 without any flip." in shown
    assert "a simulated judge as stop signal" in shown and "between cost and accuracy" in shown
    document = json.loads((place / "report.json").read_text(encoding="utf-8"))
    validate_report(document)
    assert [point["rate"] for point in document["judge_effects"]["points"]] == [0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5]
    lead = document["cost_figures"]["accuracy_at_equal_cost"]["value"]
    assert lead == pytest.approx(document["results"]["bar"]["lead_over_hull"]["value"])
    found = document["flip_effects"]
    assert [(point["rate"], point["measured"]) for point in found["points"]] == [
        (0.0, []),
        (0.01, []),
        (0.02, ["weak-1b"]),
        (0.03, []),
        (0.06, []),
        (0.12, []),
    ]
    assert (
        found["points"][0]["accuracy"]["value"]
        == next(row for row in document["results"]["deployable"] if row["name"] == "DER")["accuracy"]
    )
    assert main(options) == 0
    assert json.loads((place / "report.json").read_text(encoding="utf-8"))["flip_effects"] is None
    assert json.loads((place / "report.json").read_text(encoding="utf-8"))["judge_effects"] is None


def test_a_router_of_a_part_of_the_pool_is_compared_on_that_part(
    server: OllamaServer, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server.models.append("third:1b")
    record = ["record", "--host", server.url, "--experts", *MODELS, "third:1b", "--questions", "q.jsonl", "--store", "r.sqlite"]
    assert main(record) == 0
    train = ["train", "--store", "r.sqlite", "--ppo-steps", "2048"]
    assert main([*train, "--use-experts", "third-1b", "weak-1b", "--save-router", "part.zip"]) == 0
    assert main([*train, "--save-router", "whole.zip"]) == 0
    router = load_router(place / "part.zip")
    assert [spec.name for spec in router.experts] == ["weak-1b", "third-1b"]
    capsys.readouterr()
    evaluate = ["evaluate", "--store", "r.sqlite", "--save-report", "report.json"]
    assert main([*evaluate, "--load-router", "whole.zip", "part.zip"]) == 0
    shown = capsys.readouterr().out
    assert "of weak-1b, third-1b: right" in shown and "of weak-1b, strong-3b, third-1b: right" in shown
    document = json.loads((place / "report.json").read_text(encoding="utf-8"))
    assert [expert["name"] for expert in document["experts"]] == ["weak-1b", "third-1b"]
    with Store.open(place / "r.sqlite") as store:
        assert document["data"]["hash"] == load_table(store, "default", experts=["weak-1b", "third-1b"]).data_hash()
    assert main([*evaluate, "--use-experts", "strong-3b"]) == 0
    document = json.loads((place / "report.json").read_text(encoding="utf-8"))
    assert [expert["name"] for expert in document["experts"]] == ["strong-3b"]


def test_experts_that_the_recording_lacks_are_refused_by_name(
    server: OllamaServer, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["record", "--host", server.url, "--experts", *MODELS, "--questions", "q.jsonl", "--store", "r.sqlite"]) == 0
    assert main(["train", "--store", "r.sqlite", "--use-experts", "weak-1b", "nobody"]) == 2
    assert "No expert is named nobody; choose from weak-1b, strong-3b." in capsys.readouterr().err


def test_run_may_train_on_a_part_of_what_it_records(server: OllamaServer, place: Path) -> None:
    assert main(run_options(server, "--use-experts", "strong-3b")) == 0
    document = json.loads((place / "report.json").read_text(encoding="utf-8"))
    assert [expert["name"] for expert in document["experts"]] == ["strong-3b"]
    with Store.open(place / "r.sqlite") as store:
        assert len(store.experts("default")) == 2


def test_ask_is_an_interactive_prompt(
    server: OllamaServer, place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    record = ["record", "--host", server.url, "--experts", *MODELS, "--questions", "q.jsonl", "--store", "r.sqlite"]
    assert main(record) == 0
    assert main(["train", "--store", "r.sqlite", "--preset", "paper", "--ppo-steps", "2048", "--save-router", "router.zip"]) == 0
    typed = iter(["/help", "", "/passage Text 4 says so.", "is statement 4 true", "/quit"])
    monkeypatch.setattr("builtins.input", lambda prompt: next(typed))
    capsys.readouterr()
    assert main(["ask", "--host", server.url, "--load-router", "router.zip"]) == 0
    shown = capsys.readouterr().out
    assert "step 1: the router chooses" in shown
    assert "Text 4 says so." in shown
    assert "answer: yes (" in shown and " % sure) after" in shown
    assert "gold" not in shown


def test_experts_reports_each_one(server: OllamaServer, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["experts", "--host", server.url, "--experts", "weak:1b", "absent:7b"]) == 2
    shown = capsys.readouterr().out.splitlines()
    assert shown[0].startswith("ready")
    assert shown[1].startswith("missing")
    assert "ollama pull absent:7b" in shown[1]


def test_prompts_shows_the_knowledge_transfer_prompt(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["prompts"]) == 0
    assert "Another model" in capsys.readouterr().out


def test_options_may_be_spelled_with_underscores_and_equals_signs(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["store", "list", "--store=nowhere.sqlite"]) == 2
    assert "nowhere.sqlite" in capsys.readouterr().err


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_and_is_in_the_readme(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    assert f"| `{command}` |" in (Path(__file__).parent.parent.parent / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(("seconds", "words"), [(None, "–"), (4.4, "4 s"), (185, "3 min 05 s"), (7_800, "2 h 10 min")])
def test_durations_are_read_easily(seconds: float | None, words: str) -> None:
    assert duration(seconds) == words


def test_progress_elsewhere_than_on_a_terminal_is_a_line_now_and_then(capsys: pytest.CaptureFixture[str]) -> None:
    times = iter([0.0, 1.0, 20.0, 21.0])
    bar = ProgressBar("work", clock=lambda: next(times))
    for done in (1, 2, 3, 4):
        bar.show(done, 4, 1.0)
    assert [line.split()[-4] for line in capsys.readouterr().err.splitlines()] == ["1/4,", "3/4,", "4/4,"]


def test_the_encoder_of_the_package_is_found_without_a_hub() -> None:
    folder = encoding._bundled_folder()
    assert folder is not None
    assert (folder / "modules.json").exists()
