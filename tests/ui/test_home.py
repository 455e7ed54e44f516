"""A home that cannot be used: every page says one sentence with the next step."""

from __future__ import annotations

import os

import pytest
from homes import Home, open_page

from der_core.errors import StoreError
from ui.shared import home
from ui.shared.frame import PAGES
from ui.shared.loaders import stamp
from ui.shared.parts import plain

NEXT = "set DER_HOME to a folder that can be written to and start the dashboard again."


@pytest.mark.parametrize("page", [path for path, _, _ in PAGES])
def test_a_home_that_is_a_file_is_one_sentence(empty_home: Home, page: str) -> None:
    empty_home.folder.write_text("a file")
    app = open_page(page)
    told = f"The folder {empty_home.folder} cannot be used for recordings and runs: {empty_home.folder} is a file; {NEXT}"
    assert not app.exception
    assert [error.value for error in app.error] == [plain(told)]


def test_a_home_that_cannot_be_written_to_is_one_sentence(empty_home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda place, mode: False)
    app = open_page("pages/runs.py")
    assert [error.value for error in app.error] == [
        plain(f"The folder {empty_home.folder} cannot be used for recordings and runs: nothing can be written there; {NEXT}")
    ]


def test_a_home_that_is_still_to_be_made_is_no_error(empty_home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    home.check_home()
    monkeypatch.setenv(home.HOME_VARIABLE, str(empty_home.folder / "deep" / "er"))
    home.check_home()
    assert not empty_home.folder.exists()


def test_a_store_below_a_file_is_an_error_of_ours(empty_home: Home) -> None:
    empty_home.folder.write_text("a file")
    with pytest.raises(StoreError, match="cannot be looked at"):
        stamp(empty_home.store)
