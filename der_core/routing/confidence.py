"""How sure a program is: from the log-probability of its text to P(yes).

What a program prints comes with no probability of its own. But a model that wrote with certainty is right more often, so
that the chance of a right answer is fitted on training questions as a logistic function of the mean log-probability of
the program's tokens, one function for each expert that writes programs. After a printed yes that chance is P(yes), after
a no 1 - P(yes); a program that failed has none. Recorded and live replies go through the same function.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize
from scipy.special import expit

from der_core.recording.table import Table, mean_logprob
from der_core.records import Label, Reply

Floats = NDArray[np.float64]

FEWEST_REPLIES = 10
"""An expert with fewer programs that ran, on questions with a gold answer, is left without confidence."""


def fit_program_confidence(table: Table) -> Floats | None:
    """Return (intercept, slope) by expert, shape [N, 2], fitted on the first prompts of `table`; None where no expert writes programs.

    nan for experts of other styles, and for those with too few programs that ran or without log-probabilities.
    """
    if not any(spec.style == "program" for spec in table.experts):
        return None
    return np.array([_fit(table, expert) for expert in range(table.n_experts)])


def with_program_confidence(table: Table, confidence: Floats | None) -> Table:
    """Return the table with the P(yes) of programs; it must hold the labels that they printed, before any threshold moves them."""
    if confidence is None:
        return table
    p_yes = table.p_yes.copy()
    for expert in _writers(table):
        p_yes[:, expert] = program_p_yes(table.labels[:, expert], table.mean_logprob[:, expert], confidence[expert])
    return replace(table, p_yes=p_yes)


def with_reply_confidence(reply: Reply, coefficients: Floats) -> Reply:
    """Return a reply of style `program` with its P(yes), as `with_program_confidence` gives it to the same reply in a table."""
    known = program_p_yes(np.array(int(reply.label)), np.array(mean_logprob(reply.token_logprobs), dtype=np.float32), coefficients)
    return replace(reply, p_yes=None if np.isnan(known) else float(known))


def program_p_yes(labels: ArrayLike, logprobs: ArrayLike, coefficients: Floats) -> NDArray[np.float32]:
    """Return P(yes) from printed labels and mean log-probabilities, nan where either says nothing; coefficients are (intercept, slope)."""
    printed = np.asarray(labels)
    right = expit(coefficients[0] + coefficients[1] * np.asarray(logprobs, dtype=np.float64))
    p_yes = np.where(printed == Label.YES, right, np.where(printed == Label.NO, 1 - right, np.nan))
    return np.asarray(p_yes, dtype=np.float32)


def _writers(table: Table) -> list[int]:
    return [expert for expert, spec in enumerate(table.experts) if spec.style == "program"]


def _fit(table: Table, expert: int) -> tuple[float, float]:
    labels, logprobs = table.labels[:, expert, Label.NONE], table.mean_logprob[:, expert, Label.NONE].astype(np.float64)
    usable = ((labels == Label.YES) | (labels == Label.NO)) & (table.gold > 0) & ~np.isnan(logprobs)
    if expert not in _writers(table) or usable.sum() < FEWEST_REPLIES:
        return np.nan, np.nan
    right, middle, spread = labels[usable] == table.gold[usable], logprobs[usable].mean(), logprobs[usable].std() or 1.0
    # Platt (1999): targets that are never certain keep the fit finite where few or no programs were wrong.
    target = np.where(right, (right.sum() + 1) / (right.sum() + 2), 1 / ((~right).sum() + 2))
    measured = (logprobs[usable] - middle) / spread

    def loss(coefficients: Floats) -> tuple[float, Floats]:
        margin = coefficients[0] + coefficients[1] * measured
        surplus = expit(margin) - target
        return float((np.logaddexp(0.0, margin) - target * margin).sum()), np.array([surplus.sum(), (surplus * measured).sum()])

    intercept, slope = minimize(loss, np.zeros(2), jac=True, method="BFGS").x
    return float(intercept - slope * middle / spread), float(slope / spread)
