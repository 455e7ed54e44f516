"""What experts are called: short, told by model and style, never the same for two."""

from __future__ import annotations

import pytest
from fakes import make_spec

from der_core.config import ExpertSpec
from ui.shared.friendly_names import friendly_names


def gguf(model: str, style: str = "direct", **more: object) -> ExpertSpec:
    name = model if style == "direct" else f"{model}@{style}"
    return make_spec(name, backend="embedded", model=f"/models/{model}.gguf", style=style, **more)


def test_the_installed_pool_reads_as_people_speak() -> None:
    pool = [gguf("qwen2.5-coder-1.5b", "program"), gguf("qwen2.5-coder-1.5b", "examples"), gguf("qwen2.5-coder-0.5b", "program")]
    assert friendly_names(pool) == ("Qwen 1.5B, writes a program", "Qwen 1.5B, reads with examples", "Qwen 0.5B, writes a program")


@pytest.mark.parametrize(
    ("name", "model", "billions", "told"),
    [
        ("llama3.2-3b-instruct-q4_K_M", "llama3.2:3b-instruct-q4_K_M", 3.21, "Llama 3B, answers at once"),
        ("mistral-instruct", "mistral:instruct", 7.25, "Mistral 7.2B, answers at once"),
        ("mistral-instruct", "mistral:instruct", None, "Mistral Instruct, answers at once"),
        ("tiny", "tiny", 0.135, "Tiny 135M, answers at once"),
        ("gpt-4o-mini", "gpt-4o-mini", None, "GPT 4o Mini, answers at once"),
        ("My own reader", "mistral:instruct", 7.25, "My own reader"),
        ("<i>", "<i>", None, "<i>, answers at once"),
    ],
)
def test_one_expert(name: str, model: str, billions: float | None, told: str) -> None:
    assert friendly_names([make_spec(name, model=model, params_billions=billions)]) == (told,)


def test_experts_that_family_and_size_do_not_tell_apart_are_told_apart_by_more() -> None:
    by_model = [gguf("qwen2.5-1.5b"), gguf("qwen2.5-coder-1.5b")]
    assert friendly_names(by_model) == ("Qwen2.5 1.5B, answers at once", "Qwen2.5 Coder 1.5B, answers at once")
    held = [make_spec("qwen2.5-1.5b", model="qwen2.5:1.5b"), make_spec("qwen2.5-1.5b@direct+held", model="qwen2.5:1.5b", held=True)]
    assert friendly_names(held) == ("qwen2.5-1.5b", "qwen2.5-1.5b@direct+held")


def test_a_name_given_by_people_may_be_what_another_is_called() -> None:
    pool = [make_spec("Qwen 1.5B, answers at once"), gguf("qwen2.5-coder-1.5b"), make_spec("same"), make_spec("same")]
    names = friendly_names(pool)
    assert len(set(names)) == 4
    assert names[0] == "Qwen 1.5B, answers at once"
    assert names[2:] == ("same", "same (2)")
