"""The stage: a route played by a component of ours, plain SVG and CSS in the browser."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from ui.route.stage_data import StageData

_HERE = Path(__file__).parent
_stage = st.components.v2.component(
    "route_stage",
    html='<div class="stage-frame"><div class="stage"></div></div>',
    css=(_HERE / "stage.css").read_text(encoding="utf-8"),
    js=(_HERE / "stage.js").read_text(encoding="utf-8"),
)


def draw_stage(data: StageData, key: str = "route_stage", *, height: int = 0, plays: bool = False, link: str = "") -> None:
    """Draw the stage, `height` pixels high (0: as high as the window leaves room); `plays` begins without being asked.

    `link` is the address that leads to the route, "" where it is that of the page.

    Nothing comes back from it: it plays in the browser, and no page runs anew for a step.
    """
    _stage(data={**data, "height": height, "plays": plays, "link": link}, key=key)
