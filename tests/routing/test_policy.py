"""The actor as plain arrays says what stable-baselines3's policy says, and neither ever stops first."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from gymnasium import spaces

from der_core.routing.agent.network import MaskedPolicy, extract_actor
from der_core.routing.policy import PolicyNetwork, weight_shapes

SIZE, N_ACTIONS = 10, 4


def policy_of(masks_stop: bool, hidden: tuple[int, ...] = (32, 16), seed: int = 1) -> MaskedPolicy:
    """A policy with large random weights, so that its probabilities are far from equal."""
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(seed)
    box = spaces.Box(-np.inf, np.inf, shape=(SIZE,), dtype=np.float32)
    policy = MaskedPolicy(box, spaces.Discrete(N_ACTIONS), lambda _: 1e-3, net_arch=list(hidden), masks_stop=masks_stop)
    for parameter in policy.parameters():
        parameter.data.copy_(torch.randn(parameter.shape, generator=generator))
    return policy


def observations_of(n: int, stop_allowed: object, seed: int = 2) -> np.ndarray:
    observations = np.random.default_rng(seed).normal(size=(n, SIZE)).astype(np.float32)
    observations[:, -1] = stop_allowed
    return observations


@pytest.mark.parametrize("hidden", [(8,), (32, 16), (16, 16, 16)])
@pytest.mark.parametrize("masks_stop", [False, True])
def test_probabilities_are_those_of_stable_baselines(masks_stop: bool, hidden: tuple[int, ...]) -> None:
    policy = policy_of(masks_stop, hidden)
    observations = observations_of(200, np.arange(200) % 2)
    with torch.no_grad():
        expected = policy.get_distribution(torch.as_tensor(observations)).distribution.probs.numpy()
    found = extract_actor(policy).probabilities(observations)
    assert np.allclose(found, expected, atol=1e-5)
    assert np.ptp(found[:, 0]) > 0.5


def test_stop_has_no_probability_where_it_is_not_allowed() -> None:
    network = extract_actor(policy_of(masks_stop=True))
    assert np.all(network.probabilities(observations_of(50, 0))[:, -1] == 0)
    assert np.all(network.probabilities(observations_of(50, 1))[:, -1] > 0)


def test_without_a_stop_action_the_last_action_is_never_masked() -> None:
    assert np.all(extract_actor(policy_of(masks_stop=False)).probabilities(observations_of(50, 0))[:, -1] > 0)


def test_masked_probabilities_are_the_others_in_proportion() -> None:
    network = extract_actor(policy_of(masks_stop=True))
    free = PolicyNetwork(network.weights, masks_stop=False).probabilities(observations_of(20, 0))[:, :-1]
    masked = network.probabilities(observations_of(20, 0))[:, :-1]
    assert np.allclose(masked, free / free.sum(axis=1, keepdims=True))


def test_sampling_never_stops_first() -> None:
    policy = policy_of(masks_stop=True)
    actions, _, log_probabilities = policy(torch.as_tensor(observations_of(5_000, 0)))
    assert actions.max() < N_ACTIONS - 1
    assert torch.isfinite(log_probabilities).all()


def test_actions_are_judged_as_they_were_drawn() -> None:
    policy = policy_of(masks_stop=True)
    observations = torch.as_tensor(observations_of(100, np.arange(100) % 2))
    actions, values, log_probabilities = policy(observations)
    again, same, entropy = policy.evaluate_actions(observations, actions)
    assert torch.equal(values, again) and torch.allclose(log_probabilities, same)
    probabilities = extract_actor(policy).probabilities(observations.numpy())
    by_definition = -np.sum(probabilities * np.log(np.maximum(probabilities, 1e-300)), axis=1)
    assert np.allclose(entropy.detach().numpy(), by_definition, atol=1e-4)


def test_masked_logits_pass_no_gradient() -> None:
    policy = policy_of(masks_stop=True)
    *_, entropy = policy.evaluate_actions(torch.as_tensor(observations_of(10, 0)), torch.zeros(10, dtype=torch.long))
    entropy.sum().backward()
    assert torch.all(policy.action_net.bias.grad[-1] == 0)
    assert torch.any(policy.action_net.bias.grad[:-1] != 0)


def test_one_route_alone_is_judged_as_among_many() -> None:
    network = extract_actor(policy_of(masks_stop=True))
    observations = observations_of(300, 1)
    together = network.probabilities(observations)
    alone = np.concatenate([network.probabilities(row[None]) for row in observations])
    assert np.allclose(together, alone, rtol=0, atol=1e-13)


def test_a_network_by_hand() -> None:
    """One unit: tanh(2 x - 1); logits are that unit, and its opposite plus 1."""
    weights = {"actor.0.weight": [[2.0]], "actor.0.bias": [-1.0], "head.weight": [[1.0], [-1.0]], "head.bias": [0.0, 1.0]}
    network = PolicyNetwork({name: np.array(values, dtype=np.float32) for name, values in weights.items()})
    unit = np.tanh(2 * 0.75 - 1)
    likelihood = np.exp([unit, 1 - unit])
    assert network.probabilities(np.array([[0.75]], dtype=np.float32))[0] == pytest.approx(likelihood / likelihood.sum())


def test_huge_logits_do_not_overflow() -> None:
    weights = {"head.weight": np.array([[1e4], [0.0]], dtype=np.float32), "head.bias": np.zeros(2, dtype=np.float32)}
    assert PolicyNetwork(weights).probabilities(np.array([[1.0]], dtype=np.float32)).tolist() == [[1.0, 0.0]]


def test_shapes_are_those_of_the_weights() -> None:
    network = extract_actor(policy_of(masks_stop=True))
    assert {name: array.shape for name, array in network.weights.items()} == weight_shapes(SIZE, (32, 16), N_ACTIONS)
    assert network.n_actions == N_ACTIONS
