"""What the active run came to: its verdict, three numbers, and the five claims about DER."""

from __future__ import annotations

import math

import streamlit as st

from der_core.errors import DerError
from der_core.evaluation.claims import NOT_COMPUTED, Claim
from der_core.evaluation.report import Json
from der_core.evaluation.reported import reported_claims, reported_comparison
from der_core.evaluation.runs import Run
from ui.shared.headline import draw_headline
from ui.shared.loaders import run_report
from ui.shared.parts import empty_state, notice, number, percent, plain, plain_sentence
from ui.shared.result_rows import against_best, best_single_row, kind_badge, oracle_rows, own_row

_SHOWN_ON = {
    "dynamic beats static": ("pages/compare.py", {}),
    "learned beats written by hand": ("pages/compare.py", {}),
    "refinement improves answers": ("pages/compare.py", {"compare_view": "Shown answers"}),
    "price matters": ("pages/compare.py", {}),
    "real experts": ("pages/route.py", {"route_source": "Your own question"}),
}
"""The page that shows what a claim is about, and what is to be open there."""


def draw_result(run: Run | None) -> None:
    """Draw the verdict of a run and three numbers: right, cost, and the distance to the best single expert."""
    if run is None:
        empty_state("No result yet: train a router, and it is compared here with every baseline.", "pages/train.py", "Train a router")
        return
    try:
        report = run_report(run.id)
        comparison = reported_comparison(report)
    except DerError as error:
        notice(error)
        return
    draw_headline(comparison)
    row = own_row(report) or next(iter(oracle_rows(report)), None) or best_single_row(report)
    if row is not None:
        _draw_numbers(row, best_single_row(report), report["results"]["cost_mode"])
    st.page_link("pages/compare.py", label="Compare with every baseline", icon=":material/scatter_plot:", query_params={"run": run.id})


def _draw_numbers(row: Json, best: Json | None, mode: str) -> None:
    st.metric("Right", percent(row["accuracy"]))
    st.caption(
        f"{kind_badge(row)} {plain(row['name'])} on {row['n']} held-out questions, 95 % interval {percent(row['low'])} to {percent(row['high'])}"
    )
    st.metric("Cost of a question", number(row["costs"].get(mode)))
    beside = f"{plain(best['name'])}: {number(best['costs'].get(mode))}; " if best is not None else ""
    st.caption(f"{beside}{number(row['calls'])} calls; cost mode {mode}")
    if best is not None and row["difference"]["value"] is not None and row is not best:
        st.metric("Against the best single expert", f"{100 * row['difference']['value']:+.1f} points")
        st.caption(plain_sentence(against_best(row)))


def draw_claims(run: Run) -> None:
    """Draw the five claims about DER, a line each: whether it holds here, its figure, and the page that shows it."""
    try:
        claims = reported_claims(run_report(run.id))
    except DerError as error:
        notice(error)
        return
    if not claims:
        return
    holding = sum(claim.holds for claim in claims)
    st.subheader(f"Five claims about DER, tested: {holding} of {len(claims)} hold here", anchor=False)
    for place, claim in enumerate(claims):
        page, opened = _SHOWN_ON.get(claim.name, ("pages/compare.py", {}))
        words, link = st.columns([6, 1], vertical_alignment="center")
        words.markdown(_line(claim))
        with link:
            st.page_link(page, label=f"See {place + 1}", icon=":material/arrow_forward:", query_params={"run": run.id, **opened})


def _line(claim: Claim) -> str:
    """The claim, its verdict and its figure with interval; why it does not hold, or what it is the weakest of."""
    if claim.holds:
        icon, verdict = ":green[:material/check_circle:]", "holds"
    elif claim.reason.startswith(NOT_COMPUTED):
        icon, verdict = ":gray[:material/help:]", "not tested"
    else:
        icon, verdict = ":orange[:material/cancel:]", "does not hold"
    figure = (
        "" if math.isnan(claim.low) else f": {_points(claim.value)} [{_points(claim.low)}, {_points(claim.high)}] on {claim.n} questions"
    )
    return f"{icon} **{claim.name.capitalize()}** {verdict}{figure}. :small[{plain(claim.reason)}]"


def _points(share: float) -> str:
    return "none" if math.isinf(share) else f"{100 * share:+.1f} %"
