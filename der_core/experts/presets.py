"""Expert pools by name: small, paper, and the models that came with the installation."""

from __future__ import annotations

from pathlib import Path

from der_core.config import ExpertSpec, Style
from der_core.errors import SettingsError
from der_core.experts.ollama_names import same_ollama_model
from der_core.experts.weights import Weights, installed_weights, weights_place


def _ollama(model: str, params_billions: float) -> ExpertSpec:
    return ExpertSpec(model.replace(":", "-"), "ollama", model, params_billions=params_billions)


PAPER_POOL: tuple[ExpertSpec, ...] = (
    _ollama("llama3.2:3b-instruct-q4_K_M", 3.21),
    _ollama("qwen2.5:3b-instruct-q4_0", 3.09),
    _ollama("mistral:instruct", 7.25),
)
"""The pool of the demonstration that this product succeeds: three instruction models of 3 to 7 billion parameters."""

SMALL_POOL: tuple[ExpertSpec, ...] = (
    _ollama("smollm2:135m", 0.135),
    _ollama("gemma3:270m", 0.268),
    _ollama("qwen2.5-coder:0.5b", 0.494),
    _ollama("qwen2.5-coder:1.5b", 1.54),
)
"""Four models that a laptop without a graphics card can run."""

PRESETS: dict[str, tuple[ExpertSpec, ...]] = {"paper": PAPER_POOL, "small": SMALL_POOL}

INSTALLED = "installed"
"""The preset of models that came with the installation."""
INSTALLED_STYLES: tuple[tuple[str, Style], ...] = (
    ("qwen2.5-coder-1.5b", "program"),
    ("qwen2.5-coder-1.5b", "examples"),
    ("qwen2.5-coder-0.5b", "program"),
)
"""The experts of that preset, by model and style: one that computes, one that reads, and one that computes at half the price."""


def installed_styles() -> list[tuple[Weights, Style]]:
    """Return those of INSTALLED_STYLES whose weights are here; where none is, every installed model, asked directly."""
    here = {weights.name: weights for weights in installed_weights()}
    return [(here[name], style) for name, style in INSTALLED_STYLES if name in here] or [(weights, "direct") for weights in here.values()]


def installed_pool(folder: Path) -> list[ExpertSpec]:
    """Return the experts that came with the installation; a file in pieces is joined in `folder` when its expert is opened first.

    Raises SettingsError where there are none.
    """
    specs = [
        ExpertSpec(
            weights.name if style == "direct" else f"{weights.name}@{style}",
            "embedded",
            str(weights_place(weights, folder)),
            style,
            params_billions=known_params(weights.name),
        )
        for weights, style in installed_styles()
    ]
    if not specs:
        raise SettingsError("No model came with this installation; `make demo` brings some, or name others.")
    return specs


def known_params(model: str) -> float | None:
    """Return the size, in billions of parameters, of a model of the presets, called as Ollama calls it or by its expert's name."""
    pools = (spec for pool in PRESETS.values() for spec in pool)
    return next((spec.params_billions for spec in pools if spec.name == model or same_ollama_model(spec.model, model)), None)
