"""Record and Experts with two servers, an Ollama and one of OpenAI's protocol: models ticked from their lists, recorded to the end."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import urlencode

import pytest
from ollama_server import OllamaServer
from openai_listener import OpenAIListener
from playwright.sync_api import Page, expect

from benchmarks.dashboard import Dashboard
from browser.conftest import OpenTab
from browser.tab import cells, check_drawn, check_sound, choose_segment, tables, widget

pytestmark = pytest.mark.browser

Chat = Sequence[dict[str, str]]


def yes(messages: Chat) -> str:
    return "Yes"


@pytest.fixture(scope="module")
def ollama() -> Iterator[OllamaServer]:
    with OllamaServer(yes, ["gamma:1b", "delta:3b", "far:671b-cloud"]) as server:
        yield server


@pytest.fixture(scope="module")
def openai() -> Iterator[OpenAIListener]:
    with OpenAIListener(["alpha", "text-embedder"], yes, path="/team") as server:
        yield server


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    """A server on a home of its own, in which nothing is recorded yet."""
    folder = tmp_path_factory.mktemp("servers")
    with Dashboard(folder / "home", folder / "server.log") as dashboard:
        yield dashboard


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_models_are_ticked_from_the_lists_of_two_servers_and_recorded(
    open_tab: OpenTab, fresh: Dashboard, ollama: OllamaServer, openai: OpenAIListener, scheme: str
) -> None:
    at = {"record_samples": 4, "experts_source": "Your Ollama", "experts_ollama_host": ollama.url, "experts_openai_host": openai.url}
    tab = open_tab(f"record?{urlencode(at)}", scheme=scheme, url=fresh.url)
    check_drawn(tab, "Record")
    expect(cells(tables(tab).first, 1)).to_have_text(["gamma:1b", "delta:3b", "far:671b-cloud"])
    tick(tab, "experts_ollama_models", "gamma:1b")
    record(tab, f"{scheme} one", "12 of 12 replies recorded")
    tab = open_tab(f"record?{urlencode({**at, 'experts_source': 'Your server'})}", scheme=scheme, url=fresh.url)
    check_drawn(tab, "Record")
    expect(cells(tables(tab).first, 1)).to_have_text(["alpha", "text-embedder"])
    tick(tab, "experts_openai_models", "alpha")
    record(tab, f"{scheme} two", "12 of 12 replies recorded")
    assert {chat["model"] for chat in ollama.chats} == {"gamma:1b"} and {call.body["model"] for call in openai.chats} == {"alpha"}
    check_sound(tab)


@pytest.mark.parametrize(("page", "title"), [("record", "Record"), ("experts", "Experts")])
def test_models_are_picked_by_clicking_them_right_after_the_source_was_switched(
    open_tab: OpenTab, fresh: Dashboard, ollama: OllamaServer, page: str, title: str
) -> None:
    tab = open_tab(f"{page}?{urlencode({'experts_source': 'Own list', 'experts_ollama_host': ollama.url})}", url=fresh.url)
    check_drawn(tab, title)
    choose_segment(tab, "experts_source", "Your Ollama")
    for picked in (["gamma:1b"], ["gamma:1b", "delta:3b"]):
        widget(tab, "experts_ollama_models").get_by_role("combobox").click()
        expect(tab.get_by_role("option", name="671b-cloud")).to_have_count(0)
        tab.get_by_role("option", name=picked[-1], exact=True).click()
        for model in picked:
            expect(widget(tab, "experts_ollama_models").get_by_text(model)).to_be_visible()
    tab.keyboard.press("Escape")  # the list stays open for more
    check_drawn(tab, title)
    expect(tab).to_have_url(re.compile("experts_ollama_models=gamma%3A1b&experts_ollama_models=delta%3A3b"))
    for model in picked:
        expect(widget(tab, "experts_ollama_models").get_by_text(model)).to_be_visible()
    check_sound(tab)


def test_an_experts_file_with_both_servers_is_ready(
    open_tab: OpenTab, fresh: Dashboard, ollama: OllamaServer, openai: OpenAIListener, tmp_path: Path
) -> None:
    pool = tmp_path / "pool.toml"
    experts = [("near", "gamma:1b", ollama.url), ("team", "openai:alpha", openai.url)]
    pool.write_text("\n".join(f'[[experts]]\nname = "{name}"\nmodel = "{model}"\nhost = "{host}"' for name, model, host in experts))
    tab = open_tab(f"experts?{urlencode({'experts_source': 'Experts file'})}", url=fresh.url)
    check_drawn(tab, "Experts")
    tab.locator("input[type=file]").first.set_input_files(pool)
    expect(cells(tables(tab).first, 2)).to_have_text(["near", "team"])
    expect(cells(tables(tab).first, 1)).to_contain_text(["ready", "ready"])
    check_sound(tab)


def tick(tab: Page, key: str, model: str) -> None:
    """Tick one of the models, as one does by the keyboard."""
    check_drawn(tab, "Record")  # a page that is still being drawn closes the list again
    box = widget(tab, key).get_by_role("combobox")
    box.press_sequentially(model)
    box.press("Enter")
    box.press("Escape")
    expect(widget(tab, key).get_by_text(model)).to_be_visible()


def record(tab: Page, name: str, told: str) -> None:
    box = widget(tab, "record_name").get_by_role("textbox")
    box.fill(name)
    box.press("Enter")
    expect(tab.get_by_text(re.compile("^12 to 16 calls"))).to_be_visible()
    widget(tab, "record_start").get_by_role("button").click()
    expect(tab.get_by_text(f"Recording '{name}' is complete: {told}")).to_be_visible()
