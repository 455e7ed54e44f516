"""Where experts are reached, and that what is shared does not tell."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from fakes import make_spec

from der_core.errors import ModelMissing
from der_core.experts.locating import at_addresses, locate, with_file, without_addresses

STRANGER = make_spec("a", backend="openai", model="m", host="http://evil.example", key_env="MY_KEY", digest="sha256:1")


def test_an_address_in_a_router_is_not_followed():
    found = locate(STRANGER, [], {})
    assert (found.host, found.key_env, found.digest, found.model) == (None, None, "", "m")


def test_an_expert_is_sought_by_name_then_by_model_and_style():
    named = make_spec("a", backend="ollama", model="other", host="http://127.0.0.1:1", max_tokens=5)
    alike = make_spec("b", backend="openai", model="m", host="http://127.0.0.1:2", key_env="K")
    assert locate(replace(STRANGER, max_tokens=9, context_tokens=77), [alike, named], {}) == replace(
        named, digest="", max_tokens=5, context_tokens=77
    )
    assert locate(STRANGER, [alike], {}) == replace(alike, name="a", digest="")
    for unlike in (replace(alike, style="reason"), replace(alike, held=True), replace(alike, model="n"), replace(alike, backend="ollama")):
        assert locate(STRANGER, [unlike], {}).host is None


def test_models_of_ollama_are_alike_where_ollama_takes_them_for_one():
    known = make_spec("x", backend="ollama", model="Mistral", host="http://127.0.0.1:1")
    assert locate(make_spec("y", backend="ollama", model="library/mistral:latest"), [known], {}).host == "http://127.0.0.1:1"


def test_a_model_file_is_sought_by_name_and_never_at_the_path_of_a_stranger(tmp_path: Path):
    secret, mine = tmp_path / "secret" / "tiny.gguf", tmp_path / "mine" / "tiny.gguf"
    for file in (secret, mine):
        file.parent.mkdir()
        file.write_bytes(b"GGUF")
    stranger = make_spec("a", backend="embedded", model=str(secret))
    assert locate(stranger, [], {"tiny.gguf": mine}).model == str(mine)
    with pytest.raises(ModelMissing, match="There is no model file tiny.gguf here"):
        locate(stranger, [], {})
    assert locate(stranger, [make_spec("b", backend="embedded", model=str(mine))], {}).model == str(mine)


def test_a_file_of_ones_own_is_taken_where_it_is_or_by_its_name(tmp_path: Path):
    here = tmp_path / "tiny.gguf"
    here.write_bytes(b"GGUF")
    files = {"tiny.gguf": Path("/installed/tiny.gguf")}
    assert with_file(make_spec(backend="embedded", model=str(here)), files).model == str(here)
    assert with_file(make_spec(backend="embedded", model="tiny.gguf"), files).model == "/installed/tiny.gguf"
    assert with_file(make_spec(backend="embedded", model="gone.gguf"), files).model == "gone.gguf"
    assert with_file(make_spec(backend="openai", model="tiny.gguf"), files).model == "tiny.gguf"


def test_hosts_are_for_experts_without_an_address_of_their_own():
    hosts = ["http://127.0.0.1:1", "http://127.0.0.1:2", "http://127.0.0.1:1"]
    assert [spec.host for spec in at_addresses(make_spec(), hosts)] == hosts[:2]
    assert [spec.host for spec in at_addresses(make_spec(host="http://127.0.0.1:3"), hosts)] == ["http://127.0.0.1:3"]
    assert [spec.host for spec in at_addresses(make_spec(backend="embedded"), hosts)] == [None]
    assert [spec.host for spec in at_addresses(make_spec(), [])] == [None]


@pytest.mark.parametrize(
    ("told", "shared"),
    [
        (["record", "--host", "gpu-box", "http://10.0.0.7:1", "--seed", "7"], ["record", "--host", "URL", "URL", "--seed", "7"]),
        (["--host=10.0.0.7", "q.jsonl"], ["--host=URL", "q.jsonl"]),
        (["--ho", "box"], ["--ho", "URL"]),
        ("python -m der_core record --host gpu-box http://x:1 --experts a", "python -m der_core record --host URL URL --experts a"),
        ("Nothing answers at http://10.0.0.7:8080/v1; start it.", "Nothing answers at URL; start it."),
        ({"notes": {"a": ["http://x/y takes no system message"]}, "n": 3}, {"notes": {"a": ["URL takes no system message"]}, "n": 3}),
    ],
)
def test_what_is_told_of_a_recording_names_no_address(told: object, shared: object):
    assert without_addresses(told) == shared
