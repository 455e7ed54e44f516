"""Choosing experts, alike on every page that asks some: a pool, the servers they are on, and how they answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd
import streamlit as st

from der_core.config import AskOptions, ExpertSpec
from der_core.errors import DerError, SettingsError
from der_core.experts import ollama
from der_core.experts.backends import BACKENDS, models_are_files
from der_core.experts.experts_file import read_experts_file
from der_core.experts.hosts import check_host
from der_core.experts.pool import parse_experts
from der_core.experts.presets import INSTALLED, PRESETS, SMALL_POOL, installed_pool, installed_styles
from der_core.experts.protocol import Backend, ListedModel
from der_core.experts.weights import GgufFiles, installed_weights
from ui.shared.address_choice import choose_segment
from ui.shared.home import allow_remote, gguf_folder, models_folder
from ui.shared.parts import DASH, count, notice, plain, plain_sentence

SOURCES = {
    "ollama": "Your Ollama",
    "small": "Small pool",
    "paper": "Paper pool",
    "installed": "Inside this program",
    "gguf": "GGUF files",
    "openai": "Your server",
    "own": "Own list",
    "file": "Experts file",
}
"""Where experts come from; the address holds the words on the right."""
STYLES = {"direct": "Answers at once", "examples": "Sees four examples first", "reason": "Reasons first", "program": "Writes a program"}
MAX_EXPERTS = 8
"""As many as there are colours to tell them apart."""

_CONNECT_S, _LIST_S = 1.0, 5.0
_ANSWER_S = 0.4  # a page waits this long to connect to Ollama, and again for what it says
_SMALL = "They are small, and small models err often."
_ABOUT = {
    "ollama": "The models that your Ollama has. Tick those that should answer.",
    "small": f"Four models of up to 1.5 billion parameters, served by Ollama: a laptop without a graphics card runs them. {_SMALL}",
    "paper": "Three instruction models of 3 to 7 billion parameters, served by Ollama.",
    "installed": f"Models that came with the installation and answer inside this program, without any server. {_SMALL}",
    "gguf": "Model files that run inside this program, without any server.",
    "openai": "The models of llama.cpp's server, vLLM, LM Studio or any other server that speaks OpenAI's protocol. Tick those that should answer.",
    "file": "A TOML file with each expert's model, address, style and limits; docs/servers.md shows one. A key is named by its environment variable.",
    "own": "Any mixture: `llama3.2:3b` is a model of Ollama, `openai:NAME` one of the other server, `gguf:NAME.gguf` a file; `@reason` behind it lets it reason first, `@examples` shows it four examples, `@program` lets it write a program that is run.",
}


def choose_experts() -> tuple[ExpertSpec, ...]:
    """Draw the choice and return the experts chosen; none, with the reason on the page, where it makes no sense."""
    usual = usual_source()
    source = choose_segment("Experts from", list(SOURCES), usual, "experts_source", format_func=SOURCES.__getitem__)
    st.caption(_about(source))
    try:
        specs = _chosen(source)
        if len(specs) > MAX_EXPERTS:
            raise SettingsError(f"{len(specs)} experts are chosen; choose at most {MAX_EXPERTS}.")
    except DerError as error:
        notice(error)
        return ()
    return tuple(specs)


def usual_source() -> str:
    """Return where experts come from unless people say otherwise, the same for as long as a tab is open.

    Ollama's small pool where Ollama answers (or nothing else could), else the models that came with the installation.
    """
    if "experts_usual" not in st.session_state:
        st.session_state["experts_usual"] = "small" if not installed_weights() or _ollama_answers() else "installed"
    usual: str = st.session_state["experts_usual"]
    return usual


def usual_experts() -> list[ExpertSpec]:
    """Return the experts of the usual source; raises DerError where they cannot be had."""
    return installed_pool(models_folder()) if usual_source() == "installed" else list(SMALL_POOL)


def gguf_files() -> Mapping[str, Path]:
    """Return the GGUF files that may be chosen, by file name: those of installed packages, then the user's own."""
    folder = gguf_folder()
    return GgufFiles(installed_weights(), sorted(folder.glob("*.gguf")) if folder else (), models_folder())


def found(specs: Sequence[ExpertSpec]) -> list[ExpertSpec]:
    """Return experts with their model files as they are here: recordings made elsewhere know a file by its name only.

    An expert whose file is not here stays as it is.
    """
    return [_found(spec, gguf_files()) if models_are_files(spec) else spec for spec in specs]


def read_list(texts: Sequence[str], files: Mapping[str, Path], hosts: Mapping[str, str]) -> list[ExpertSpec]:
    """Return the experts of an own list, in the grammar of der_core.experts.grammar; `gguf:` names one of `files`.

    `hosts` are the addresses by backend. Raises SettingsError for words that are none; a path is no name, so that a link cannot make this program read any file.
    """
    texts = [word for text in texts for word in (_installed_words() if text.strip() == INSTALLED else [text])]
    specs = [replace(spec, host=hosts.get(spec.backend)) for spec in parse_experts(texts)]
    return [replace(spec, model=str(_file(spec.model, files))) if models_are_files(spec) else spec for spec in specs]


def _chosen(source: str) -> list[ExpertSpec]:
    if source == "installed":
        return _from_installed()
    if source == "gguf":
        return _from_files(gguf_files())
    if source == "file":
        return _from_experts_file()
    if source in ("ollama", "openai"):
        return _from_server(BACKENDS[source])
    if source == "own":
        known = [spec.model for pool in PRESETS.values() for spec in pool]
        names = _names("experts_list", "Experts", "Type any, press Enter after each", known)
        return read_list(names, gguf_files(), {name: _host(backend) for name, backend in BACKENDS.items() if backend.needs_address})
    names = [spec.model for spec in PRESETS[source]]
    return read_list(_styled(names), {}, {"ollama": _host(ollama.BACKEND)})


def _from_experts_file() -> list[ExpertSpec]:
    """The experts of an uploaded file, kept while the tab is open; a model file is one of those that are here, by its name."""
    uploaded = st.file_uploader("Experts file", type=["toml"], key="experts_file", max_upload_size=1)
    if uploaded is not None:
        try:
            st.session_state["experts_file_text"] = uploaded.getvalue().decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise SettingsError(f"{uploaded.name} is not UTF-8 text ({error.reason}); save it as UTF-8.") from error
    text = st.session_state.get("experts_file_text")
    if not text:
        return []
    files = gguf_files()
    specs = read_experts_file(text)
    return [replace(spec, model=str(_file(Path(spec.model).name, files))) if models_are_files(spec) else spec for spec in specs]


def _from_server(backend: Backend) -> list[ExpertSpec]:
    """The models ticked of those that a server lists; where it cannot be asked, names may be typed all the same."""
    above = st.container()  # where a laptop shows all of it: a click on a box at the lower edge scrolls the page, which closes its list
    host = _host(backend)
    listed, why_not = _listed(backend.name, host, allow_remote())
    with above:
        names = _names(
            f"experts_{backend.name}_models", "Models", "Tick, or type a name", [model.id for model in listed if _is_offered(model)]
        )
    if why_not:
        st.warning(plain_sentence(why_not), icon=":material/cloud_off:")
    elif listed:
        st.dataframe(_listing(listed), hide_index=True, width="stretch")
    else:
        st.caption(
            f"The server at {plain(host)} lists no model."
            + (f" Fetch one, for instance `{backend.fetch_command('llama3.2:3b')}`." if backend.fetch_command("m") else "")
        )
    return read_list(_styled([f"{backend.prefix}{name}" for name in names]), {}, {backend.name: host})


def _is_offered(model: ListedModel) -> bool:
    """Whether a model answers questions, and on this computer or where others may be called."""
    return model.kind == "chat" or (model.kind == "cloud" and allow_remote())


def _listing(listed: Sequence[ListedModel]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "Model": model.id,
                "Size": DASH if model.size_bytes is None else f"{model.size_bytes / 1e9:.2f} GB",
                "Parameters": DASH if model.params_billions is None else f"{model.params_billions:.3g} billion",
                "Quantisation": model.quantisation or DASH,
                "Window": f"{count(model.context_tokens)} tokens" if model.context_tokens else DASH,
                "Remark": model.note or ("" if _is_offered(model) else f"not offered: {model.kind}"),
            }
            for model in listed
        ]
    )


@st.cache_data(ttl=10, max_entries=16, show_spinner=False)
def _listed(backend: str, host: str, remote: bool) -> tuple[tuple[ListedModel, ...], str]:
    """The models that a server lists, and why it could not be asked, "" where it could."""
    options = AskOptions(connect_timeout_s=_CONNECT_S, read_timeout_s=_LIST_S, retries=0, patience_s=0, allow_remote=remote)
    try:
        return tuple(BACKENDS[backend].list_models(host, options)), ""
    except DerError as error:
        return (), str(error)


def _from_installed() -> list[ExpertSpec]:
    pool = installed_pool(models_folder())
    if any(spec.style != "direct" for spec in pool):
        return pool
    files = {f"{spec.name}.gguf": Path(spec.model) for spec in pool}
    return read_list(_styled([f"gguf:{name}" for name in files]), files, {})


def _installed_words() -> list[str]:
    return [f"gguf:{weights.file_name}@{style}" for weights, style in installed_styles()]


def _from_files(files: Mapping[str, Path]) -> list[ExpertSpec]:
    if not files:
        raise SettingsError("There are no GGUF files: set DER_GGUF to a folder with some and start the dashboard again.")
    names = st.multiselect(
        "Files", list(files), default=list(files)[:1], key="experts_files", bind="query-params", persist_state="session", wrap=True
    )
    return read_list(_styled([f"gguf:{name}" for name in names if name in files]), files, {})


def _names(key: str, label: str, placeholder: str, known: list[str]) -> list[str]:
    return st.multiselect(
        label, known, key=key, accept_new_options=True, placeholder=placeholder, bind="query-params", persist_state="session", wrap=True
    )


def _host(backend: Backend) -> str:
    typed = st.text_input(
        f"Address: {backend.label}",
        placeholder=_usual_address(backend),
        key=f"experts_{backend.name}_host",
        bind="query-params",
        persist_state="session",
        help=None if allow_remote() else "On this computer only; DER_ALLOW_REMOTE=1 allows others.",
    )
    address = (typed or "").strip()
    return check_host(address, allow_remote()) if address or backend.default_host is None else backend.default_host(allow_remote())


def _usual_address(backend: Backend) -> str:
    try:
        return backend.default_host(allow_remote()) if backend.default_host else ""
    except DerError:  # told once nothing else is typed
        return ""


def _ollama_answers() -> bool:
    host = st.session_state.get("experts_ollama_host") or _usual_address(ollama.BACKEND)
    return bool(host) and _is_up(host, allow_remote())


def _styled(texts: Sequence[str]) -> list[str]:
    picked = st.pills(
        "How they answer",
        list(STYLES),
        selection_mode="multi",
        default=["direct"],
        format_func=STYLES.__getitem__,
        key="experts_styles",
        bind="query-params",
        persist_state="session",
        help="With several, each model stands once for each, with a price and an accuracy of its own each time.",
        wrap=True,
    )
    styles = [style for style in STYLES if style in (picked or [])] or ["direct"]
    return [f"{text}@{style}" for text in texts for style in styles]


def _about(source: str) -> str:
    names = ", ".join(spec.name for spec in installed_pool(models_folder())) if installed_weights() else ""
    return f"{_ABOUT[source]} Here: {names}." if source == "installed" and names else _ABOUT[source]


@st.cache_data(ttl=10, max_entries=8, show_spinner=False)
def _is_up(host: str, remote: bool) -> bool:
    return ollama.is_ollama_up(host, _ANSWER_S, remote)


def _found(spec: ExpertSpec, files: Mapping[str, Path]) -> ExpertSpec:
    place = Path(spec.model)
    return spec if place.is_file() else replace(spec, model=str(files.get(place.name, place)))


def _file(name: str, files: Mapping[str, Path]) -> Path:
    if name not in files:
        raise SettingsError(f"No GGUF file is named {name[:80]}; there are: {', '.join(files) or 'none'}.")
    return files[name]
