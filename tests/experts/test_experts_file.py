"""Experts files: what they mean, what is refused and how that is said, and that what is written is read back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from der_core.config import ExpertSpec
from der_core.errors import SettingsError
from der_core.experts.experts_file import LARGEST_BYTES, MOST_EXPERTS, read_experts_file, write_experts_file
from der_core.experts.pool import parse_experts

WHOLE = """\
# a pool
[[experts]]
name = "thinker"
model = "openai:qwen3-4b@reason"
host = "HTTP://LocalHost:8001/team/v1/"
key_env = "TEAM_KEY"
max_tokens = 2000
context_tokens = 16384
params_billions = 4

[[experts]]
backend = "openai"
model = "odd=name@reason"
style = "examples"
held = true

[[experts]]
model = "fast=mistral+held"

[[experts]]
model = "gguf:tiny.gguf"
threads = 2
params_billions = 0.0
"""


def test_a_file_tells_of_each_expert_what_it_is_and_where():
    assert read_experts_file(WHOLE) == [
        ExpertSpec(
            "thinker",
            "openai",
            "qwen3-4b",
            "reason",
            host="http://localhost:8001/team/v1",
            key_env="TEAM_KEY",
            max_tokens=2000,
            context_tokens=16384,
            params_billions=4.0,
        ),
        ExpertSpec("odd=name@reason@examples+held", "openai", "odd=name@reason", "examples", held=True),
        ExpertSpec("fast", "ollama", "mistral", held=True),
        ExpertSpec("tiny", "embedded", "tiny.gguf", threads=2, params_billions=0.0),
    ]


def test_what_is_written_is_read_back():
    specs = read_experts_file(WHOLE)
    awkward = ExpertSpec('a "b" \\ ü', "openai", "m", host="http://127.0.0.1:1")
    assert read_experts_file(write_experts_file([*specs, awkward])) == [*specs, awkward]
    recorded = replace(specs[0], digest="reported:x", engine="build 1", batch_tokens=64)
    assert read_experts_file(write_experts_file([recorded])) == [specs[0]]


def test_a_file_saved_on_windows_is_read_and_model_files_are_sought_beside_it(tmp_path: Path):
    (tmp_path / "tiny.gguf").write_bytes(b"GGUF")
    file = tmp_path / "pool.toml"
    file.write_bytes(b"\xef\xbb\xbf" + WHOLE.replace("\n", "\r\n").encode())
    assert read_experts_file(file)[3].model == str(tmp_path / "tiny.gguf")
    assert [spec.name for spec in read_experts_file(file)][0] == "thinker"


def entry(*lines: str) -> str:
    return "\n".join(["[[experts]]", 'name = "a"', *lines])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (entry('model = "m"', 'hots = "http://x"'), r"line 1, expert 'a': unknown setting 'hots'; did you mean host\?"),
        (entry('model = "m"', "nothing_like_it = 1"), "unknown setting 'nothing_like_it'; there are model, name"),
        (entry('model = "m"', 'api_key = "sk-secret"'), "unknown setting 'api_key'; did you mean key_env, the name of the variable"),
        (entry('model = "m"', 'key_env = "sk-secret"'), "key_env is the name of an environment variable"),
        (entry(), "model is missing"),
        (entry('model = ""'), "model string must have at least 1 character"),
        (entry('model = "a b"'), "is no name of a model"),
        (entry('model = "mistral@reasn"'), "did you mean reason"),
        (entry('model = "b=mistral"'), "two names, 'a' and 'b'"),
        (entry('model = "mistral@reason"', 'style = "direct"'), "leave one of them out"),
        (entry('model = "mistral+held"', "held = false"), "leave one of them out"),
        (entry('model = "mistral@reason"', 'backend = "ollama"'), "is no name of a model of Ollama"),
        (entry('model = "m"', 'backend = "olama"'), "unknown backend 'olama'; did you mean ollama"),
        (entry('model = "m"', 'style = "shout"'), "style must be 'direct'"),
        (entry('model = "m"', 'held = "yes"'), "held must be a valid boolean"),
        (entry('model = "m"', "max_tokens = 0"), "max_tokens must be greater than or equal to 1"),
        (entry('model = "m"', "max_tokens = 2.5"), "max_tokens must be a valid integer"),
        (entry('model = "m"', "max_tokens = true"), "max_tokens must be a valid integer"),
        (entry('model = "m"', 'max_tokens = "2000"'), "max_tokens must be a valid integer"),
        (entry('model = "m"', "context_tokens = 1000000000000000000000"), "context_tokens"),
        (entry('model = "m"', "params_billions = -1"), "params_billions must be greater"),
        (entry('model = "m"', "params_billions = nan"), "params_billions must be a finite number"),
        (entry('model = "m"', "params_billions = inf"), "params_billions must be"),
        (entry('model = "m"', "threads = 2"), "threads is for model files"),
        (entry('model = "gguf:m.gguf"', "threads = 0"), "threads must be greater"),
        (entry('model = "gguf:m.gguf"', 'host = "http://127.0.0.1:1"'), "host and key_env are for experts on a server"),
        (entry('model = "m"', 'host = "ftp://x"'), "Only http and https"),
        (entry('model = "m"', 'host = "http://me:secret@127.0.0.1"'), "user name or password"),
        (entry('model = "m"', 'host = ["http://x"]'), "host must be a valid string"),
        (entry('model = "m"', 'host = ""'), "host string must have"),
        ('[[experts]]\nname = " a "\nmodel = "m"', "cannot be named"),
        ('[[experts]]\nname = "a\\u0007"\nmodel = "m"', "cannot be named"),
        ('[[experts]]\nmodel = "x"\n\n' + entry('model = "m"', "x = 1"), "line 4, expert 'a': unknown setting 'x'"),
        ('[[experts]]\nmodel = "x"\n[[experts]]\nmodel = "x"', "line 3, expert 2: another expert of the file has the same name"),
        ('[[expert]]\nmodel = "m"', r"unknown 'expert'; each expert is a table headed \[\[experts\]\]"),
        ('[experts]\nmodel = "m"', r"names no experts; each is a table headed"),
        ("experts = [1]", "expert 1: it must be a table of settings"),
        ("experts = []", "names no experts"),
        ("", "names no experts"),
        ('[[experts]]\nmodel = "m', "is not TOML: Unterminated string"),
        ('[[experts]]\nmodel "m"', "is not TOML: .*line 2"),
        ('[[experts]]\nmodel = "m"\nmodel = "n"', "is not TOML"),
        ("x = " + "[" * 100_000, "nested too deeply|not TOML"),
        ('[[experts]]\nmodel = "m"\n' * (MOST_EXPERTS + 1), f"{MOST_EXPERTS} are the most"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(text: str, reason: str):
    with pytest.raises(SettingsError, match=reason) as caught:
        read_experts_file(text)
    assert "secret" not in str(caught.value) and "\n" not in str(caught.value) and len(str(caught.value)) < 500


def test_a_file_that_cannot_be_read_is_told_by_its_name(tmp_path: Path):
    with pytest.raises(SettingsError, match=r"There is no experts file .*gone.toml"):
        read_experts_file(tmp_path / "gone.toml")
    with pytest.raises(SettingsError, match="There is no experts file"):
        read_experts_file(tmp_path)
    (tmp_path / "latin.toml").write_bytes('[[experts]]\nname = "ü"'.encode("latin-1"))
    with pytest.raises(SettingsError, match="latin.toml is not a text in UTF-8"):
        read_experts_file(tmp_path / "latin.toml")
    (tmp_path / "large.toml").write_bytes(b"#" * (LARGEST_BYTES + 1))
    with pytest.raises(SettingsError, match="larger than 1 MB"):
        read_experts_file(tmp_path / "large.toml")
    (tmp_path / "bad.toml").write_text("[[experts]]\nx = 1")
    with pytest.raises(SettingsError, match=r"^bad.toml, line 1, expert 1: model is missing; unknown setting 'x'"):
        read_experts_file(tmp_path / "bad.toml")


def test_a_file_stands_among_other_experts(tmp_path: Path):
    file = tmp_path / "pool.toml"
    file.write_text('[[experts]]\nname = "mistral"\nmodel = "openai:m"\nhost = "http://127.0.0.1:1"\n[[experts]]\nmodel = "phi4"')
    specs = parse_experts(["mistral", str(file), "small"], host="http://127.0.0.1:9", read_files=True)
    assert [(spec.name, spec.host) for spec in specs[:3]] == [
        ("mistral-2", "http://127.0.0.1:9"),
        ("mistral", "http://127.0.0.1:1"),
        ("phi4", "http://127.0.0.1:9"),
    ]
    with pytest.raises(SettingsError, match="Named twice: mistral"):
        parse_experts([str(file), "mistral=phi4"], read_files=True)
    with pytest.raises(SettingsError, match="cannot be named here"):
        parse_experts([str(file)])


def test_the_experts_file_of_the_documentation_is_read():
    text = (Path(__file__).resolve().parents[2] / "docs" / "servers.md").read_text(encoding="utf-8")
    specs = read_experts_file(text.partition("```toml\n")[2].partition("```")[0])
    assert [(spec.name, spec.backend, spec.held, spec.max_tokens, spec.key_env) for spec in specs][1:] == [
        ("big", "openai", True, None, None),
        ("thinker", "openai", False, 2000, None),
        ("team", "openai", False, None, "TEAM_KEY"),
    ]
    assert specs[0].style == "examples" and specs[3].host == "http://127.0.0.1:4000/team-a"
