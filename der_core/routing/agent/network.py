"""The actor and critic that PPO trains: stable-baselines3's perceptrons, with STOP masked where it is not allowed."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from stable_baselines3.common.distributions import Distribution
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.type_aliases import PyTorchObs

from der_core.routing.policy import PolicyNetwork, layer_names

MASKED_LOGIT = -1e8
"""Instead of minus infinity, which would make the entropy nan; its probability is 0 in any precision."""


class MaskedPolicy(ActorCriticPolicy):
    """An actor-critic whose last action is STOP, allowed where the last column of the observation is 1.

    With `masks_stop` false all actions are always allowed, and it is stable-baselines3's own policy.
    """

    def __init__(self, *args: Any, masks_stop: bool = False, **kwargs: Any) -> None:  # Any: stable-baselines3's arguments, passed on
        self.masks_stop = masks_stop
        super().__init__(*args, **kwargs)

    def forward(self, obs: torch.Tensor, deterministic: bool = False) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return actions [B], values [B, 1] and log-probabilities of the actions [B]."""
        distribution = self.get_distribution(obs)
        actions = distribution.get_actions(deterministic=deterministic)
        return actions, self.predict_values(obs), distribution.log_prob(actions)

    def evaluate_actions(self, obs: PyTorchObs, actions: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]:
        """Return values [B, 1], log-probabilities of `actions` [B] and the entropy [B]."""
        distribution = self.get_distribution(obs)
        return self.predict_values(obs), distribution.log_prob(actions), distribution.entropy()

    def get_distribution(self, obs: PyTorchObs) -> Distribution:
        """Return the distribution over actions, STOP without probability where it is not allowed."""
        assert isinstance(obs, torch.Tensor)
        logits = self.action_net(self.mlp_extractor.forward_actor(obs))
        if self.masks_stop:
            allowed = torch.ones_like(logits, dtype=torch.bool)
            allowed[:, -1] = obs[:, -1] > 0
            logits = torch.where(allowed, logits, MASKED_LOGIT)
        return self.action_dist.proba_distribution(action_logits=logits)


def extract_actor(policy: MaskedPolicy) -> PolicyNetwork:
    """Return the actor of `policy` as plain arrays; the critic is only needed while training."""
    layers = [layer for layer in policy.mlp_extractor.policy_net if isinstance(layer, torch.nn.Linear)]
    weights: dict[str, np.ndarray[Any, np.dtype[np.float32]]] = {}
    for name, layer in zip(layer_names(len(layers)), [*layers, policy.action_net], strict=True):
        assert isinstance(layer, torch.nn.Linear)
        weights[f"{name}.weight"] = layer.weight.detach().cpu().numpy().copy()
        weights[f"{name}.bias"] = layer.bias.detach().cpu().numpy().copy()
    return PolicyNetwork(weights, masks_stop=policy.masks_stop)
