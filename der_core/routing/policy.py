"""The trained actor as plain arrays: what a router needs to choose, without torch.

Shape legend: B routes, D numbers in an observation, H units of a layer, A actions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Weights = dict[str, NDArray[np.float32]]
Floats = NDArray[np.float64]


def layer_names(n_hidden: int) -> list[str]:
    """Return the names of the layers in order: "actor.0", "actor.1", ..., and "head" for the action logits."""
    return [*(f"actor.{i}" for i in range(n_hidden)), "head"]


def weight_shapes(size: int, hidden: Sequence[int], n_actions: int) -> dict[str, tuple[int, ...]]:
    """Return the shape of every array of a network from `size` inputs through `hidden` layers to `n_actions`."""
    widths = [size, *hidden, n_actions]
    shapes: dict[str, tuple[int, ...]] = {}
    for name, before, after in zip(layer_names(len(hidden)), widths, widths[1:], strict=False):
        shapes[f"{name}.weight"] = (after, before)
        shapes[f"{name}.bias"] = (after,)
    return shapes


@dataclass(frozen=True, eq=False)
class PolicyNetwork:
    """A perceptron with tanh between its layers and a softmax over actions.

    `weights` are named as in `weight_shapes`. With `masks_stop` the last action is STOP, allowed where the
    last column of the observation is 1.
    """

    weights: Weights
    masks_stop: bool = False

    @property
    def n_actions(self) -> int:
        """How many actions there are, STOP included."""
        return len(self.weights["head.bias"])

    def probabilities(self, observations: NDArray[np.float32]) -> Floats:
        """Return the probability of each action, shape [B, A], for observations [B, D]."""
        logits = self._logits(observations)
        if self.masks_stop:
            logits[observations[:, -1] <= 0, -1] = -np.inf
        likelihood = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(likelihood / likelihood.sum(axis=1, keepdims=True))

    def _logits(self, observations: NDArray[np.float32]) -> Floats:
        # In double precision, so that one route alone and the same route among many give the same choice.
        values = observations.astype(np.float64)
        *hidden, head = layer_names(len(self.weights) // 2 - 1)
        for name in hidden:
            values = np.tanh(self._apply(name, values))
        return self._apply(head, values)

    def _apply(self, layer: str, values: Floats) -> Floats:
        return np.asarray(values @ self.weights[f"{layer}.weight"].T.astype(np.float64) + self.weights[f"{layer}.bias"])
