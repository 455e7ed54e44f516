"""A trained router: everything needed to choose, to say where it came from, and to refuse what it does not fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from math import nan
from typing import Annotated, Any

import numpy as np
from annotated_types import Len
from numpy.typing import NDArray

from der_core.bounds import MOST_EXPERTS, Confidences, Count, Figure, FreeJson, Ids, Share, Thresholds, Word
from der_core.config import MOST_UPDATES, End, ExpertSpec, TrainConfig
from der_core.errors import RouterMismatch, SettingsError
from der_core.experts.protocol import Expert
from der_core.recording.table import Table
from der_core.records import Question
from der_core.routing.cost import Prices
from der_core.routing.live import LiveSource
from der_core.routing.planning import Planned, PlannerPolicy
from der_core.routing.policy import PolicyNetwork
from der_core.routing.process import Floats, Situation
from der_core.routing.router import Choice, RouteRules
from der_core.routing.sources import TableSource
from der_core.routing.state import QueryState, QuestionVectors, StateEncoder
from der_core.routing.sureness import Sureness


@dataclass(frozen=True)
class CurvePoint:
    """One rollout of PPO and the update that followed it.

    `steps` and `seconds` count from the beginning of training. `mean_reward`, `accuracy`, `cost`, `calls`
    and `stop_share` are means over the routes that ended in the rollout, nan if none did: undiscounted
    reward, share of right answers, cost and calls per question, share ended by STOP. `expert_shares` [N]
    are shares of the rollout's calls. `entropy` (nats), the losses, `approx_kl` and `explained_variance`
    (of the returns by the critic; nan where all returns were equal) are those of the update. The `validation` figures are
    means over the validation questions after the update, the likeliest action taken each time, under the rules of training;
    nan where there were none.
    """

    steps: Count
    seconds: Figure
    mean_reward: Figure
    accuracy: Figure
    cost: Figure
    calls: Figure
    stop_share: Figure
    expert_shares: tuple[Share, ...]
    entropy: Figure
    policy_loss: Figure
    value_loss: Figure
    approx_kl: Figure
    explained_variance: Figure
    validation_reward: Figure = nan
    validation_accuracy: Figure = nan
    validation_cost: Figure = nan


@dataclass(frozen=True)
class TrainingProgress:
    """How far a training is, after each rollout. `eta_s` is what remains at the pace so far."""

    steps: int
    total_steps: int
    seconds: float
    eta_s: float
    point: CurvePoint


@dataclass(frozen=True, eq=False, kw_only=True)
class RouterFacts:
    """All that is known of a trained router beside its arrays; a saved router's manifest has these fields, by their names.

    `thresholds` are on P(yes), by expert and previous label [N, 4], nan for none; `program_confidence` [N, 2] gives programs
    theirs (None: no expert writes any). `data_hash` and `training_question_ids` name the replies it
    was trained on, `validation_question_ids` the questions that chose its confidence and its end rule (empty where
    an earlier version saved it: unknown); `results` is free JSON for whoever evaluates it; `versions` names the libraries used;
    `stopped` tells that somebody ended training early. `best_update` (from 1) is the update whose network this is, the best on
    the validation questions, and `converged` whether training ended since they had not improved for `patience` updates; both are
    None where nothing was validated.
    """

    config: TrainConfig
    experts: Annotated[tuple[ExpertSpec, ...], Len(1, MOST_EXPERTS)]
    prices: Prices
    thresholds: Thresholds
    curves: Annotated[tuple[CurvePoint, ...], Len(0, MOST_UPDATES + 1)]
    data_hash: Word
    training_question_ids: Ids
    prompt_version: Word
    versions: Annotated[dict[Word, Word], Len(0, 100)]
    results: FreeJson
    stopped: bool = False
    validation_question_ids: Ids = ()
    program_confidence: Confidences | None = None
    best_update: Count | None = None
    converged: bool | None = None

    def facts(self) -> dict[str, Any]:  # Any: values of the fields
        """Return the fields by name, without those of a subclass."""
        return {field.name: getattr(self, field.name) for field in fields(RouterFacts)}


@dataclass(frozen=True, eq=False, kw_only=True)
class TrainedRouter(RouterFacts):
    """What a training leaves behind; `der_core.routing.saved.router_file` saves all of it.

    `network` chooses from what `state` sees: the actor that PPO trained with a StateEncoder, a planner's estimates with a QueryState.
    `sureness` says how likely the present answer of its routes is right; None where an earlier version saved it.
    `left_out` says of a router that was read from a file what the file holds and this version does not take from it.
    """

    state: StateEncoder | QueryState
    network: PolicyNetwork | PlannerPolicy
    sureness: Sureness | None = None
    left_out: tuple[str, ...] = ()

    @property
    def ending(self) -> str:
        """Why training ended and which update was kept, in words."""
        if isinstance(self.network, PlannerPolicy):
            return "estimates fitted on training questions, calibrated on validation questions"
        if self.stopped:
            why = "stopped by hand"
        elif self.converged:
            why = f"converged: no better on validation questions for {self.config.ppo.patience} updates"
        else:
            why = "all planned steps were taken" + ("" if self.best_update is None else ", without converging")
        n = len(self.curves)
        return f"{why}; kept is " + (
            f"the last of {n} updates" if self.best_update is None else f"update {self.best_update} of {n}, the best on them"
        )

    def table_source(self, table: Table) -> TableSource:
        """Return the replies of `table` as this router reads and prices them."""
        return TableSource(table, self.prices, self.thresholds, self.program_confidence)

    def live_source(self, questions: Sequence[Question], experts: Sequence[Expert]) -> LiveSource:
        """Return a source that asks `experts`, whose replies are read and priced as those of `table_source`."""
        return LiveSource(questions, experts, self.prices, self.thresholds, self.program_confidence)


class AgentRouter:
    """The trained router at work: the likeliest action of an agent, the lowest of equally likely ones, or what a planner's plan says.

    `end` runs it under another end rule than it was trained with, for instance one that needs no gold
    answer. Raises SettingsError where the rule is `stop_action` and the agent never learned to stop.
    """

    def __init__(self, trained: TrainedRouter, vectors: QuestionVectors, *, end: End | None = None, name: str | None = None) -> None:
        learned = trained.config.episode
        episode = learned if end is None else replace(learned, end=end)
        if episode.has_stop_action and not learned.has_stop_action:
            raise SettingsError(
                f"This router was trained with end {learned.end!r}, not to stop by itself. Choose the end confidence, agreement or never."
            )
        self._trained = trained
        self._vectors = vectors
        self.name = name or _readable_name(trained, episode.end)
        self.rules = RouteRules(episode)
        # Kept where it is the planner that routes, since it remembers its plans.
        self._planned = (
            Planned(trained.network, trained.state.query_components(vectors), episode)
            if isinstance(trained.network, PlannerPolicy)
            else None
        )

    def ending(self, end: End) -> AgentRouter:
        """Return the same agent under another end rule."""
        return AgentRouter(self._trained, self._vectors, end=end, name=self.name)

    @property
    def oracle(self) -> bool:
        """Whether its routes end on the gold answer."""
        return self.rules.episode.end == "gold"

    def choose(self, now: Situation) -> Choice:
        """Return the best action of each route, and an agent's probabilities of all actions."""
        if self._planned is not None:
            return self._planned.choose(now)
        network, state = self._trained.network, self._trained.state
        assert isinstance(network, PolicyNetwork) and isinstance(state, StateEncoder)
        probabilities = network.probabilities(state.observe(self._vectors, now))
        if network.masks_stop and not self.rules.episode.has_stop_action:
            probabilities = _without_stop(probabilities)
        return Choice(np.argmax(probabilities, axis=1), probabilities)

    def p_right(self, now: Situation) -> Floats | None:
        """Return how likely the last reply of each route is right; None for a router that an earlier version saved."""
        if self._trained.sureness is None:
            return None
        return self._trained.sureness(self._trained.state.query_components(self._vectors)[now.rows], now)


def check_experts_match(trained: TrainedRouter, specs: Sequence[ExpertSpec]) -> None:
    """Raise RouterMismatch unless `specs` are the router's experts: names in order, answering styles and +held, and digests where both are known."""
    known, given = (tuple(spec.name for spec in experts) for experts in (trained.experts, specs))
    if known != given:
        raise RouterMismatch(
            f"The router was trained for the experts {', '.join(known)}, not {', '.join(given)}. "
            "Open its experts in its order, or train again."
        )
    for own, other in zip(trained.experts, specs, strict=True):
        if own.style != other.style:
            raise RouterMismatch(
                f"The router knows expert {own.name} with style {own.style}, not {other.style}. Change the style, or train again."
            )
        if own.held != other.held:
            asked = ("as it likes", "held to yes or no")
            raise RouterMismatch(
                f"The router knows expert {own.name} {asked[own.held]}, not {asked[other.held]}. Change that, or train again."
            )
        if own.digest and other.digest and own.digest != other.digest:
            raise RouterMismatch(
                f"Expert {own.name} has the weights {_short(other.digest)}, the router was trained with {_short(own.digest)}. "
                "Install those again, or record and train again."
            )


def check_encoder_matches(trained: TrainedRouter, encoder_id: str) -> None:
    """Raise RouterMismatch unless the router was trained with the encoder of that id."""
    if trained.state.encoder_id != encoder_id:
        raise RouterMismatch(
            f"The router reads vectors of the encoder {trained.state.encoder_id!r}, not {encoder_id!r}. If you trust it, name it with --encoder; or train again."
        )


def _readable_name(trained: TrainedRouter, end: End) -> str:
    name = f"DER {trained.config.reward.shaping}"
    return name if end == trained.config.episode.end else f"{name}, {end.replace('_', ' ')}"


def _without_stop(probabilities: Floats) -> NDArray[np.float64]:
    """Share the probability of STOP among the experts in proportion."""
    experts = probabilities[:, :-1]
    total = experts.sum(axis=1, keepdims=True)
    n_experts = experts.shape[1]
    return np.where(total > 0, experts / np.where(total > 0, total, 1.0), 1.0 / n_experts)


def _short(digest: str) -> str:
    return digest if len(digest) <= 19 else digest[:19] + "…"
