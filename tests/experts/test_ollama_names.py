import pytest

from der_core.errors import HostRefused, SettingsError
from der_core.experts.ollama_names import (
    canonical_ollama_name,
    default_ollama_host,
    is_ollama_name,
    read_ollama_host,
    same_ollama_model,
)


@pytest.mark.parametrize(
    ("value", "address"),
    [
        ("", "http://127.0.0.1:11434"),
        ("  ", "http://127.0.0.1:11434"),
        ("0.0.0.0", "http://127.0.0.1:11434"),
        ("0.0.0.0:8080", "http://127.0.0.1:8080"),
        ("http://0.0.0.0:11434", "http://127.0.0.1:11434"),
        (":56789", "http://127.0.0.1:56789"),
        ("127.0.0.1:", "http://127.0.0.1:11434"),
        ("1.2.3.4", "http://1.2.3.4:11434"),
        ("http://1.2.3.4", "http://1.2.3.4:80"),
        ("https://1.2.3.4", "https://1.2.3.4:443"),
        ("HTTPS://Example.com/", "https://example.com:443"),
        ("example.com:56789/path/", "http://example.com:56789/path"),
        ("localhost/", "http://localhost:11434"),
        ("::1", "http://[::1]:11434"),
        ("[::1]", "http://[::1]:11434"),
        ("[::1]:56789/", "http://[::1]:56789"),
        ("::", "http://[::1]:11434"),
        ("[::]:80", "http://[::1]:80"),
        ('"127.0.0.1:11435"', "http://127.0.0.1:11435"),
        (" '127.0.0.1' ", "http://127.0.0.1:11434"),
        ("ollama.com", "https://ollama.com:443"),
    ],
)
def test_the_address_in_the_environment_is_read_as_ollama_reads_it(value, address):
    assert read_ollama_host(value) == address


@pytest.mark.parametrize(
    "value", ["127.0.0.1:port", "127.0.0.1:99999", "127.0.0.1:0", "[::1", "a b", "a\nb", "user:secret@127.0.0.1", "ftp://127.0.0.1"]
)
def test_an_address_that_is_none_is_told_in_one_line(value):
    with pytest.raises(SettingsError, match="OLLAMA_HOST is set to something that is no address") as caught:
        read_ollama_host(value)
    assert "secret" not in str(caught.value) and "\n" not in str(caught.value)


def test_another_computer_in_the_environment_needs_permission():
    surroundings = {"OLLAMA_HOST": "gpu-box:8000"}
    with pytest.raises(HostRefused, match="in OLLAMA_HOST is not called: Host gpu-box is not on this computer"):
        default_ollama_host(False, surroundings)
    assert default_ollama_host(True, surroundings) == "http://gpu-box:8000"
    assert default_ollama_host(False, {}) == "http://127.0.0.1:11434"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("mistral", "mistral:latest"),
        ("Mistral:Latest", "mistral"),
        ("library/mistral", "mistral"),
        ("registry.ollama.ai/library/mistral:latest", "mistral"),
        ("qwen2.5:3b-instruct-q4_K_M", "qwen2.5:3B-INSTRUCT-Q4_k_m"),
        ("user/model", "registry.ollama.ai/user/model:latest"),
        ("localhost:5000/team/model", "localhost:5000/team/model:latest"),
    ],
)
def test_names_that_ollama_takes_for_one_model(first, second):
    assert same_ollama_model(first, second)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("mistral", "mistral:7b"),
        ("user/mistral", "mistral"),
        ("hf.co/org/model:q4", "org/model:q4"),
        ("hf.co/library/mistral", "mistral"),
        ("localhost:5000/team/model", "localhost/team/model"),
    ],
)
def test_names_that_ollama_tells_apart(first, second):
    assert not same_ollama_model(first, second)


def test_a_canonical_name_is_whole():
    assert canonical_ollama_name("Llama3.2") == "registry.ollama.ai/library/llama3.2:latest"


def test_what_ollama_could_call_a_model():
    for name in ("smollm2:135m", "hf.co/bartowski/Qwen2.5-GGUF:Q4_K_M", "localhost:5000/a/b:c", "gpt-oss:120b-cloud", "_x"):
        assert is_ollama_name(name)
    for name in ("", "a b", "a=b", "a@b", "a:b:c", "a//b", "/a", "a/", "a:", "-a", "a\nb", "a" * 81, "w/x/y/z"):
        assert not is_ollama_name(name)
