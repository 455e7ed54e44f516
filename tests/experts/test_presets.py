import pytest
from weight_packages import install

from der_core.cli import DEFAULT_MODELS, build_parser
from der_core.cli.settings import expert_specs
from der_core.config import ExpertSpec
from der_core.errors import SettingsError
from der_core.experts import weights
from der_core.experts.grammar import parse_expert
from der_core.experts.pool import parse_experts
from der_core.experts.presets import PAPER_POOL, PRESETS, SMALL_POOL
from der_core.experts.weights import Weights


def test_the_pools_are_those_of_the_design():
    assert [spec.model for spec in PAPER_POOL] == ["llama3.2:3b-instruct-q4_K_M", "qwen2.5:3b-instruct-q4_0", "mistral:instruct"]
    assert [spec.model for spec in SMALL_POOL] == ["smollm2:135m", "gemma3:270m", "qwen2.5-coder:0.5b", "qwen2.5-coder:1.5b"]


@pytest.mark.parametrize("pool", PRESETS.values(), ids=PRESETS)
def test_every_preset_expert_makes_sense_and_has_a_price(pool):
    for spec in pool:
        spec.check()
        assert spec.params_billions and spec.backend == "ollama"
    assert len({spec.name for spec in pool}) == len(pool)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("qwen2.5-coder:1.5b", ExpertSpec("qwen2.5-coder-1.5b", "ollama", "qwen2.5-coder:1.5b", params_billions=1.54)),
        (
            "qwen2.5-coder:1.5b@reason",
            ExpertSpec("qwen2.5-coder-1.5b@reason", "ollama", "qwen2.5-coder:1.5b", "reason", params_billions=1.54),
        ),
        ("mistral@direct", ExpertSpec("mistral", "ollama", "mistral")),
        ("mistral:latest", ExpertSpec("mistral", "ollama", "mistral:latest")),
        (" openai:gpt-x ", ExpertSpec("gpt-x", "openai", "gpt-x")),
        ("openai:org/model@reason", ExpertSpec("org/model@reason", "openai", "org/model", "reason")),
        (
            "qwen2.5-coder:1.5b@program",
            ExpertSpec("qwen2.5-coder-1.5b@program", "ollama", "qwen2.5-coder:1.5b", "program", params_billions=1.54),
        ),
        ("gguf:/models/tiny.gguf@program", ExpertSpec("tiny@program", "embedded", "/models/tiny.gguf", "program")),
        ("openai:model@v2", ExpertSpec("model@v2", "openai", "model@v2")),
        ("gguf:/models/tiny.gguf", ExpertSpec("tiny", "embedded", "/models/tiny.gguf")),
        ("gguf:/a@b/tiny.gguf@reason", ExpertSpec("tiny@reason", "embedded", "/a@b/tiny.gguf", "reason")),
        ("openai:model@v2@reason+held", ExpertSpec("model@v2@reason+held", "openai", "model@v2", "reason", held=True)),
        ("mistral+held", ExpertSpec("mistral+held", "ollama", "mistral", held=True)),
        ("mistral@direct+held", ExpertSpec("mistral+held", "ollama", "mistral", held=True)),
        ("mistral@examples+held", ExpertSpec("mistral@examples+held", "ollama", "mistral", "examples", held=True)),
        ("fast=mistral", ExpertSpec("fast", "ollama", "mistral")),
        ("my fast one = mistral@reason", ExpertSpec("my fast one", "ollama", "mistral", "reason")),
        ("a@v2+x=openai:org/model=q4+held", ExpertSpec("a@v2+x", "openai", "org/model=q4", held=True)),
        ("openai:a=b", ExpertSpec("a=b", "openai", "a=b")),
        ("gguf:/models/a=b.gguf", ExpertSpec("a=b", "embedded", "/models/a=b.gguf")),
        ("tiny=gguf:/models/a=b.gguf@examples", ExpertSpec("tiny", "embedded", "/models/a=b.gguf", "examples")),
        ("SmolLM2:135M", ExpertSpec("SmolLM2-135M", "ollama", "SmolLM2:135M", params_billions=0.135)),
        ("library/mistral:latest", ExpertSpec("mistral", "ollama", "library/mistral:latest")),
        ("hf.co/org/model:Q4", ExpertSpec("hf.co/org/model-Q4", "ollama", "hf.co/org/model:Q4")),
        (
            "gguf:/models/smollm2-135m.gguf",
            ExpertSpec("smollm2-135m", "embedded", "/models/smollm2-135m.gguf", params_billions=0.135),
        ),
    ],
)
def test_experts_are_read_from_one_word(text, expected):
    assert parse_expert(text) == expected


def test_the_host_is_for_servers_only():
    assert parse_expert("mistral", host="http://127.0.0.1:9").host == "http://127.0.0.1:9"
    assert parse_expert("gguf:/models/tiny.gguf", host="http://127.0.0.1:9").host is None


def test_a_given_size_prices_an_unknown_model():
    assert parse_expert("phi4", params_billions=14.7).params_billions == 14.7


@pytest.mark.parametrize("text", ["", "  ", "openai:", "gguf:", "gguf:@reason", "@reason"])
def test_an_expert_without_a_model_is_refused(text):
    with pytest.raises(SettingsError, match="names no model"):
        parse_expert(text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("mistral@reasn", "unknown answering style 'reasn'; did you mean reason"),
        ("mistral@", "unknown answering style ''; there are direct"),
        ("mistral+held@reason", "comes last"),
        ("mistral+held+held", "comes last"),
        ("a b", "is no name of a model"),
        ("qwen:1b=x", "is no name of a model"),
        ("=mistral", "cannot be the name of an expert"),
        ("-x=mistral", "cannot be the name of an expert"),
        ("a\nb=mistral", "cannot be the name of an expert"),
        ("x" * 65 + "=mistral", "cannot be the name of an expert"),
        ("fast=", "names no model"),
        ("+held", "names no model"),
        ("a=b=mistral", "is no name of a model"),
    ],
)
def test_what_is_no_expert_is_refused_with_its_reason(text, reason):
    with pytest.raises(SettingsError, match=reason) as caught:
        parse_expert(text)
    assert len(str(caught.value)) < 300 and "\n" not in str(caught.value)


def test_chosen_names_stay_and_experts_called_after_their_model_make_room():
    specs = parse_experts(["gguf:/a/tiny.gguf", "tiny=openai:other", "gguf:/b/tiny.gguf"])
    assert [(spec.name, spec.model) for spec in specs] == [("tiny-2", "/a/tiny.gguf"), ("tiny", "other"), ("tiny-3", "/b/tiny.gguf")]


def test_a_chosen_name_stands_once():
    with pytest.raises(SettingsError, match="Named twice: a;"):
        parse_experts(["a=mistral", "a=phi4"])
    assert [spec.name for spec in parse_experts(["a=mistral", "b=mistral"])] == ["a", "b"]


@pytest.mark.parametrize("other", ["mistral:latest", "Mistral", "library/mistral", "registry.ollama.ai/library/mistral:latest"])
def test_one_model_under_two_spellings_is_named_twice(other):
    with pytest.raises(SettingsError, match="Named twice"):
        parse_experts(["mistral", other])


def test_presets_take_an_ending():
    specs = parse_experts(["small@reason+held"])
    assert {(spec.style, spec.held) for spec in specs} == {("reason", True)}
    assert specs[0].name == "smollm2-135m@reason+held"
    with pytest.raises(SettingsError, match="is no name|Named twice|names no"):
        parse_experts(["small", "small@direct"])


def test_a_preset_expands_to_its_experts():
    assert parse_experts(["small"]) == list(SMALL_POOL)
    assert [spec.name for spec in parse_experts(["paper", "phi4"])] == [*(spec.name for spec in PAPER_POOL), "phi4"]


def test_a_preset_takes_the_host_along():
    assert {spec.host for spec in parse_experts(["paper"], host="http://127.0.0.1:9")} == {"http://127.0.0.1:9"}


def test_one_model_may_stand_twice_with_two_styles():
    assert [spec.name for spec in parse_experts(["phi4", "phi4@reason"])] == ["phi4", "phi4@reason"]


def test_different_experts_of_the_same_name_are_numbered():
    specs = parse_experts(["gguf:/a/tiny.gguf", "gguf:/b/tiny.gguf", "openai:tiny"])
    assert [spec.name for spec in specs] == ["tiny", "tiny-2", "tiny-3"]


def test_the_same_expert_twice_is_refused():
    with pytest.raises(SettingsError, match="Named twice: smollm2-135m"):
        parse_experts(["small", "smollm2:135m"])


def test_installed_models_are_a_preset_with_stable_names_and_known_sizes(tmp_path, monkeypatch):
    install(tmp_path / "site", monkeypatch)
    models = tmp_path / "models"
    specs = parse_experts(["installed", "phi4"], host="http://127.0.0.1:9", models=models)
    assert specs == [
        ExpertSpec("smollm2-135m", "embedded", str(tmp_path / "site" / "made_up_whole" / "Whole.Q4_1.gguf"), params_billions=0.135),
        ExpertSpec("gemma3-270m", "embedded", str(models / "gemma3-270m.gguf"), params_billions=0.268),
        ExpertSpec("phi4", "ollama", "phi4", host="http://127.0.0.1:9"),
    ]
    assert not models.exists()


def test_the_installed_pool_computes_reads_and_computes_cheaply(tmp_path, monkeypatch):
    site = tmp_path / "site"
    for package in ("small_whole", "large_whole", "other_whole"):
        (site / package).mkdir(parents=True)
        (site / package / "__init__.py").write_text("")
        (site / package / "weights.gguf").write_bytes(b"GGUF")
    monkeypatch.syspath_prepend(str(site))
    large = Weights("qwen2.5-coder-1.5b", ("large_whole",), "")
    small = Weights("qwen2.5-coder-0.5b", ("small_whole",), "")
    other = Weights("smollm2-135m", ("other_whole",), "")
    monkeypatch.setattr(weights, "WEIGHTS", (other, large, small))
    pool = parse_experts(["installed"], models=tmp_path)
    assert [(spec.name, spec.style, spec.params_billions) for spec in pool] == [
        ("qwen2.5-coder-1.5b@program", "program", 1.54),
        ("qwen2.5-coder-1.5b@examples", "examples", 1.54),
        ("qwen2.5-coder-0.5b@program", "program", 0.494),
    ]
    assert pool[0].model == pool[1].model == str(site / "large_whole" / "weights.gguf")
    names = [spec.name for spec in parse_experts(["installed@reason+held"], models=tmp_path)]
    assert names == ["qwen2.5-coder-1.5b@reason+held", "qwen2.5-coder-0.5b@reason+held"]
    monkeypatch.setattr(weights, "WEIGHTS", (other, small))
    assert [spec.name for spec in parse_experts(["installed"], models=tmp_path)] == ["qwen2.5-coder-0.5b@program"]


def test_the_command_line_joins_where_it_is_told(tmp_path, monkeypatch):
    install(tmp_path / "site", monkeypatch)
    arguments = build_parser().parse_args(["experts", "--experts", "installed", "--models", str(tmp_path / "elsewhere")])
    assert [spec.name for spec in expert_specs(arguments)] == ["smollm2-135m", "gemma3-270m"]
    assert expert_specs(arguments)[1].model == str(tmp_path / "elsewhere" / "gemma3-270m.gguf")
    assert build_parser().parse_args(["experts"]).models == DEFAULT_MODELS


def test_installed_models_that_are_not_there_are_told(tmp_path, monkeypatch):
    install(tmp_path / "site", monkeypatch, known=())
    with pytest.raises(SettingsError, match="No model came with this installation"):
        parse_experts(["installed"], models=tmp_path)
    with pytest.raises(SettingsError, match="installed cannot be used here"):
        parse_experts(["installed"])
