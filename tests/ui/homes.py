"""Small homes for page tests: a made-up recording through the real store and recorder, and a run through the real training."""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from fakes import HashEncoder, ScriptedExpert, make_questions, make_spec
from streamlit.testing.v1 import AppTest
from trained_routers import QUICK_DEPLOYABLE

from der_core.config import DEFAULT_ENCODER, PRESETS, SPLIT_SEED, TrainConfig
from der_core.evaluation.experiment import choose_splits, cut, evaluate, report, train
from der_core.evaluation.runs import Run, RunStore
from der_core.recording.recorder import record
from der_core.recording.store import Store
from der_core.recording.table import load_table
from der_core.records import Label, Question, Reply
from der_core.routing.encoding import CachedEncoder
from der_core.routing.state import state_texts

ROOT = Path(__file__).resolve().parents[2]
RECORDING = "small"
PART = ["cheap", "dear"]
"""Two of its three experts."""
N_QUESTIONS = 72
NOBODY = "http://127.0.0.1:9"
"""An address where nothing answers: what a page sees when Ollama is down."""
_SWAY = {Label.YES: 0.3, Label.NO: -0.3}  # being shown an answer
TRAINED_AT = datetime(2025, 1, 2, 3, 4, 5, tzinfo=UTC)


@dataclass(frozen=True)
class Home:
    """A DER_HOME for a test. `recording` is the name of its recording, `run_id` that of its run; "" where there is none."""

    folder: Path
    recording: str = ""
    run_id: str = ""

    @property
    def store(self) -> Path:
        return self.folder / "recordings.sqlite"

    @property
    def runs(self) -> RunStore:
        return RunStore(self.folder / "runs")


def fast_encoder(name: str = DEFAULT_ENCODER) -> HashEncoder:
    """A stand-in for ui.shared.loaders._sentence_encoder: known by the name asked for, and instant."""
    encoder = HashEncoder()
    encoder.id = name
    return encoder


class MadeUp(ScriptedExpert):
    """An expert that is right the more often the greater its skill, and takes longer the larger it is. Its replies never change."""

    def __init__(self, name: str, billions: float, skill: float, lean: float) -> None:
        super().__init__(make_spec(name, backend="ollama", host=NOBODY, params_billions=billions), self._reply)
        self._skill, self._lean, self._slowness = skill, lean, billions

    def ask(self, question: Question, previous_label: Label) -> Reply:
        reply = super().ask(question, previous_label)
        return replace(reply, **{name: getattr(reply, name) * self._slowness for name in ("prompt_s", "generation_s", "wall_s")})

    def _reply(self, question: Question, previous: Label) -> tuple[Label, float]:
        rng = np.random.default_rng(zlib.crc32(f"{self.spec.name} {question.id}".encode()))
        evidence = float(rng.normal(self._skill, 1.0))
        logit = (evidence if question.gold == Label.YES else -evidence) + self._lean + _SWAY.get(previous, 0.0)
        return (Label.YES if logit >= 0 else Label.NO), 1 / (1 + math.exp(-2 * logit))


def made_up_experts() -> list[MadeUp]:
    """Three experts: a cheap one, a middling one that leans to yes, a dear and good one."""
    return [MadeUp("cheap", 0.5, 0.3, 0.0), MadeUp("middling", 1.5, 0.5, 0.3), MadeUp("dear", 7.0, 1.1, 0.0)]


def write_recording(place: Path, recording: str = RECORDING, n_questions: int = N_QUESTIONS) -> None:
    """Record the made-up experts on questions with passages, and encode those, as the dashboard does at the end of a recording."""
    experts = {expert.spec.name: [expert] for expert in made_up_experts()}
    with Store.open(place) as store:
        record(store, recording, make_questions(n_questions), experts, meta={"command": "python -m der_core record"})
        CachedEncoder(fast_encoder(), store).encode(state_texts(make_questions(n_questions)))


def write_run(
    home: Home,
    name: str = "first run",
    config: TrainConfig = QUICK_DEPLOYABLE,
    when: datetime = TRAINED_AT,
    experts: Sequence[str] | None = None,
) -> Run:
    """Train on the home's recording, or on some of its experts, compare, and keep it as a run."""
    encoder = fast_encoder(config.encoder)
    with Store.open(home.store, create=False) as store:
        table = load_table(store, home.recording, experts=experts)
    parts = cut(table, choose_splits(table.questions, SPLIT_SEED, None, None))
    router = train(parts, config, encoder)
    document = report(evaluate(parts, router, router.config, encoder), table, router.config, ["dashboard", "train", name], when.isoformat())
    return RunStore(home.folder / "runs", now=lambda: when).save(router, document, name)


def open_page(path: str, timeout_s: float = 60, **address: str | list[str]) -> AppTest:
    """Open a page such as "pages/train.py" as a fresh tab does, with the given query parameters."""
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=timeout_s)
    for name, value in address.items():
        app.query_params[name] = value
    return app.switch_page(path).run()


def marked_preset(app: AppTest, page: str) -> str | None:
    """Return the preset whose button on `page` carries the mark, None where none does."""
    marked = [name for name in PRESETS if app.button(key=f"{page}_preset_{name}").proto.icon]
    assert len(marked) <= 1
    return marked[0] if marked else None
