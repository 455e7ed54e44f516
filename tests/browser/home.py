"""A home for the browser: a small recording asked of servers that speak Ollama's protocol, and a run trained on it.

Typed questions reach the same servers. Vectors lie in the store beforehand, so that only a typed question
loads the text encoder.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from fakes import HashEncoder
from ollama_server import Answer, OllamaServer, Spoken

from der_core.config import DEFAULT_ENCODER, DEPLOYABLE, SPLIT_SEED, AskOptions, ExpertSpec
from der_core.evaluation.experiment import choose_splits, cut, evaluate, report, train
from der_core.evaluation.runs import Run, RunStore
from der_core.experts.opening import open_experts
from der_core.recording.questions import load_questions
from der_core.recording.recorder import record
from der_core.recording.store import Store
from der_core.recording.table import load_table
from der_core.records import Label, Question
from der_core.routing.encoding import CachedEncoder
from der_core.routing.state import state_texts
from ui.shared.home import DEMO_RUNS

RECORDING, RUN = "small", "first run"
N_QUESTIONS = 96
DIMENSION = 384  # that of the real encoder, which typed questions go through
TO_TYPED = "Yes, <b>as typed</b>"
"""What every model says to a question that is not in the recording."""
CONFIG = replace(DEPLOYABLE, reward=replace(DEPLOYABLE.reward, alpha=0.05), ppo=replace(DEPLOYABLE.ppo, total_steps=4_096))


@dataclass(frozen=True)
class Model:
    """A made-up model: right the more often the greater its skill, slower the larger it is."""

    name: str
    billions: float
    skill: float
    lean: float


MODELS = (Model("cheap:0.5b", 0.5, 0.3, 0.0), Model("middling:1.5b", 1.5, 0.5, 0.4), Model("dear:7b", 7.0, 1.2, 0.0))


@contextmanager
def serve_models(questions: Sequence[Question]) -> Iterator[list[OllamaServer]]:
    """Serve every model of MODELS on a server of its own, in that order."""
    with ExitStack() as stack:
        yield [stack.enter_context(OllamaServer(_answers(model, questions), [model.name])) for model in MODELS]


def specs_of(servers: Sequence[OllamaServer]) -> list[ExpertSpec]:
    """Return the experts that the servers of `serve_models` are."""
    return [
        ExpertSpec(model.name.replace(":", "-"), "ollama", model.name, host=server.url, params_billions=model.billions)
        for model, server in zip(MODELS, servers, strict=True)
    ]


def make_questions() -> tuple[Question, ...]:
    return load_questions("bundled", limit=N_QUESTIONS, seed=7)


def write_home(folder: Path, questions: Sequence[Question], specs: Sequence[ExpertSpec]) -> Run:
    """Record, encode, train and keep the run; everything as the program does it, but for the encoder."""
    folder.mkdir()
    with Store.open(folder / "recordings.sqlite") as store:
        with open_experts(specs, AskOptions()) as experts:
            record(store, RECORDING, questions, {expert.spec.name: [expert] for expert in experts}, meta={"command": "der_core record"})
        table = load_table(store, RECORDING)
        encoder = CachedEncoder(_stand_in(), store)
        encoder.encode(state_texts(questions, CONFIG.episode.state))
        parts = cut(table, choose_splits(table.questions, SPLIT_SEED, None, None))
        router = train(parts, CONFIG, encoder)
        when = datetime.now(UTC).isoformat(timespec="seconds")
        document = report(evaluate(parts, router, router.config, encoder), table, router.config, ["dashboard", "train", RUN], when)
    runs = RunStore(folder / "runs")
    runs.adopt(DEMO_RUNS)  # and put aside for good, so that the home holds one run alone
    for shipped in runs.list():
        runs.delete(shipped.id)
    runs.purge()
    return runs.save(router, document, RUN)


def _stand_in() -> HashEncoder:
    encoder = HashEncoder(DIMENSION)
    encoder.id = DEFAULT_ENCODER
    return encoder


def _answers(model: Model, questions: Sequence[Question]) -> Answer:
    def answer(messages: Sequence[dict[str, str]]) -> Spoken:
        prompt = messages[-1]["content"]
        question = next((question for question in questions if question.text in prompt), None)
        if question is None:
            return _spoken(model, prompt, TO_TYPED, 0.9)
        logit = _leaning(model, question, prompt)
        return _spoken(model, prompt, "Yes" if logit >= 0 else "No", 1 / (1 + math.exp(-2 * logit)))

    return answer


def _leaning(model: Model, question: Question, prompt: str) -> float:
    evidence = np.random.default_rng(zlib.crc32(f"{model.name} {question.id}".encode())).normal(model.skill, 1.0)
    shown = np.random.default_rng(zlib.crc32(prompt.encode())).normal(0.0, 0.3)
    return float((evidence if question.gold == Label.YES else -evidence) + model.lean + shown)


def _spoken(model: Model, prompt: str, text: str, p_yes: float) -> Spoken:
    words = (("Yes", p_yes), ("No", 1 - p_yes))
    likely = [{"token": word, "logprob": math.log(max(share, 1e-9))} for word, share in words]
    said = max(likely, key=lambda choice: choice["logprob"])
    tokens = len(prompt.split())
    figures = {
        "prompt_eval_count": tokens,
        "prompt_eval_duration": round(1e6 * tokens * model.billions),
        "eval_count": len(text.split()),
        "eval_duration": round(2e7 * model.billions),
    }
    rest = text.removeprefix(str(said["token"]))
    tail = [{"token": rest, "logprob": -0.1, "top_logprobs": [{"token": rest, "logprob": -0.1}]}] if rest else []
    return Spoken(text, [{**said, "top_logprobs": likely}, *tail], figures)
