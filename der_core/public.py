"""The names that other programs use, each imported from its home; `der_core` offers them when they are first asked for."""

from __future__ import annotations

from der_core.config import DEPLOYABLE, PAPER, AskOptions, EpisodeConfig, ExpertSpec, PPOConfig, RewardConfig, TrainConfig
from der_core.errors import DerError
from der_core.evaluation.experiment import choose_splits, cut, evaluate, report, train
from der_core.evaluation.runs import RunStore
from der_core.experts.opening import open_experts
from der_core.experts.parsing import read_label
from der_core.experts.pool import parse_experts
from der_core.experts.protocol import Expert
from der_core.recording.questions import load_questions
from der_core.recording.recorder import record
from der_core.recording.store import Store
from der_core.recording.table import Table, load_table
from der_core.records import Label, Question, Reply, Route, Step
from der_core.routing.encoding import CachedEncoder, SentenceEncoder
from der_core.routing.saved.router_file import load_router, save_router
from der_core.routing.saved.trained import TrainedRouter
from der_core.work.routes import route

__all__ = [
    "DEPLOYABLE",
    "PAPER",
    "AskOptions",
    "CachedEncoder",
    "DerError",
    "EpisodeConfig",
    "Expert",
    "ExpertSpec",
    "Label",
    "PPOConfig",
    "Question",
    "Reply",
    "RewardConfig",
    "Route",
    "RunStore",
    "SentenceEncoder",
    "Step",
    "Store",
    "Table",
    "TrainConfig",
    "TrainedRouter",
    "choose_splits",
    "cut",
    "evaluate",
    "load_questions",
    "load_router",
    "load_table",
    "open_experts",
    "parse_experts",
    "read_label",
    "record",
    "report",
    "route",
    "save_router",
    "train",
]
