"""Evaluations of several routers, sorted into settings, as the evidence that the claims are tested on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from der_core.config import TrainConfig
from der_core.errors import DerError
from der_core.evaluation.claims import Claim, Evidence, five_claims, same_routes
from der_core.evaluation.cost_figures import cost_figures
from der_core.evaluation.findings import Findings
from der_core.evaluation.flipping import Flipped, flip_effects
from der_core.evaluation.judge import judge_effects
from der_core.evaluation.seeds import Seeds
from der_core.recording.store import Store
from der_core.recording.table import Table, load_table
from der_core.routing.baselines.orders import single, single_name
from der_core.routing.confidence import with_program_confidence
from der_core.routing.saved.trained import AgentRouter, TrainedRouter, check_experts_match

if TYPE_CHECKING:
    from der_core.evaluation.experiment import Evaluation

LIVE = "live"
"""Name of the recording that holds the replies to questions routed live."""
NOT_LIVE = f"no recording named {LIVE!r} is in the store: route held-out questions live and keep their replies under that name"


def unseeded(config: TrainConfig) -> TrainConfig:
    """Return the settings without what differs from seed to seed."""
    return replace(config, seed=0, episode=replace(config.episode, confidence=1.0))


def findings_of(
    evaluations: Sequence[Evaluation],
    live: Table | None,
    command: str,
    *,
    measured: Mapping[str, float] | None = None,
    judge: bool = False,
) -> list[Findings]:
    """Return for each evaluation what its setting comes to, from all given evaluations of that setting.

    Evaluations of the same setting at other prices of cost (alpha) give the frontier of the claim about price. Flips are tried
    where flip rates are given (`measured`, by expert; it may be empty), a simulated judge with `judge`.
    """
    found: dict[object, Findings] = {}
    for evaluation in evaluations:
        setting = _setting(evaluation)
        if setting not in found:
            same = [one for one in evaluations if _setting(one) == setting]
            claims = five_claims(_evidence(evaluation, evaluations, live), command)
            found[setting] = _findings(same, claims, measured, judge=judge)
    return [found[_setting(evaluation)] for evaluation in evaluations]


def _findings(same: Sequence[Evaluation], claims: tuple[Claim, ...], measured: Mapping[str, float] | None, *, judge: bool) -> Findings:
    learned, router = same[0].comparison.learned, same[0].router
    if learned is None or router is None:
        return Findings(claims)
    seeds = Seeds(tuple(one.comparison for one in same))
    tried = [_to_try(one) for one in same] if judge or measured is not None else []
    return Findings(
        claims=claims,
        cost_figures=cost_figures(seeds, learned.name, router.config.ppo.discount),
        flip_effects=None if measured is None else flip_effects([one.flipped for one in tried], seeds, measured),
        judge_effects=judge_effects([(one.agent, one.flipped.source, one.flipped.reward) for one in tried], seeds) if judge else None,
    )


@dataclass(frozen=True, eq=False)
class _Tried:
    agent: AgentRouter
    flipped: Flipped


def _to_try(evaluation: Evaluation) -> _Tried:
    assert evaluation.agent is not None and evaluation.router is not None
    names = [spec.name for spec in evaluation.parts.test.experts]
    best = [single_name(name) for name in names].index(evaluation.comparison.reference.best_single)
    router = single(names, best, evaluation.agent.rules.episode)
    return _Tried(evaluation.agent, Flipped(evaluation.agent, router, evaluation.source, evaluation.router.config.reward))


def live_table(store: Store) -> Table | None:
    """Return the replies that were given live, 0 where nobody was asked; None where no recording holds any."""
    if LIVE not in {info.name for info in store.recordings()}:
        return None
    return load_table(store, LIVE, require_complete=False)


def _setting(evaluation: Evaluation) -> tuple[TrainConfig | None, tuple[str, ...]]:
    pool = tuple(spec.name for spec in evaluation.parts.test.experts)
    return (unseeded(evaluation.router.config) if evaluation.router else None), pool


def _evidence(evaluation: Evaluation, every: Sequence[Evaluation], live: Table | None) -> Evidence | str:
    learned = evaluation.comparison.learned
    if evaluation.router is None or learned is None:
        return "there is no learned router"
    setting = _setting(evaluation)
    by_alpha: dict[float, list[Evaluation]] = {}
    for other in every:
        if other.router and _without_alpha(_setting(other)) == _without_alpha(setting):
            by_alpha.setdefault(other.router.config.reward.alpha, []).append(other)
    same = by_alpha[evaluation.router.config.reward.alpha]
    first = min(same, key=lambda one: one.router.config.seed if one.router else 0)
    return Evidence(
        seeds=Seeds(tuple(one.comparison for one in same)),
        router=learned.name,
        table=evaluation.source.table,
        by_alpha={alpha: Seeds(tuple(one.comparison for one in by_alpha[alpha])) for alpha in sorted(by_alpha)},
        same_routes=NOT_LIVE if live is None else _same_routes(first, learned.name, live),
    )


def _without_alpha(setting: tuple[TrainConfig | None, tuple[str, ...]]) -> tuple[TrainConfig | None, tuple[str, ...]]:
    config, pool = setting
    return (replace(config, reward=replace(config.reward, alpha=0.0)) if config else None), pool


def _same_routes(evaluation: Evaluation, name: str, live: Table) -> list[bool] | str:
    """Whether each live route is that of the router of the lowest seed, or in words why nobody can tell."""
    router = evaluation.router
    assert router is not None
    try:
        told = _read_as(router, live)
    except DerError as error:
        return f"recording {LIVE!r} does not fit the router: {error}"
    same = same_routes(evaluation.comparison.rollouts[name], evaluation.source.table, told)
    return same or f"recording {LIVE!r} has none of the held-out questions"


def _read_as(router: TrainedRouter, live: Table) -> Table:
    """The replies as the router reads them."""
    table = live.select_experts([spec.name for spec in router.experts])
    check_experts_match(router, table.experts)
    return with_program_confidence(table, router.program_confidence).with_thresholds(router.thresholds)
