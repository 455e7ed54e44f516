"""The charts and figures of the Reward lab."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from der_core.config import TrainConfig
from der_core.evaluation.reward_lab import BestRoutes, Weight
from der_core.evaluation.statistics import Interval
from der_core.routing.reward import describe_preference, order_returns, prefers_right_at_once
from ui.lab import charts
from ui.lab.figures import BETAS, GAMMAS, SETTINGS, WEIGHTS, lab_curve, lab_orders, present
from ui.shared.address_choice import choose_segment
from ui.shared.home import RecordingRef
from ui.shared.parts import number, percent, table_behind, type_size
from ui.shared.settings import carry_settings, in_address

_CARD_WIDTH = 130


def draw_preference(config: TrainConfig, figures: BestRoutes | None) -> None:
    """Say what the reward likes best and how often its best routes are wrong first; where it pays for that, a button repairs it."""
    chosen = config.reward, config.episode, config.ppo.discount
    if prefers_right_at_once(*chosen):
        st.success(describe_preference(*chosen), icon=":material/thumb_up:")
        return
    seen = f" On {percent(figures.wrong_first, 0)} of the held-out questions its best route begins with a wrong answer." if figures else ""
    st.warning(f"{describe_preference(*chosen)}{seen}", icon=":material/warning:")
    repaired = replace(config.reward, shaping="potential")
    if config.reward.shaping != "potential" and prefers_right_at_once(repaired, *chosen[1:]):
        st.button(
            "Repair it: pay only for progress",
            icon=":material/build:",
            key="lab_repair",
            help="Sets shaping to potential: a step earns the change in quality, so that a detour over a wrong answer earns nothing.",
            on_click=_repair,
        )


def _repair() -> None:
    st.session_state["lab_shaping"] = "potential"


def draw_figures(figures: BestRoutes, t_max: int, cost_note: str) -> None:
    """Draw what the exact best routes come to on the held-out questions; `cost_note` says what their costs are made of."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.badge("oracle", icon=":material/diamond:", color="violet")
        st.caption(
            f"The exact best routes for this reward on {figures.n:,} held-out questions. They know the gold answers: no route earns more "
            "under this reward on this recording, replies counted by their own word. They maximise the reward, not accuracy."
        )
    with st.grid(5, min_column_width=type_size(_CARD_WIDTH)):
        interval, wrong_first = _interval(figures.interval), _interval(figures.wrong_first_interval)
        st.metric("Right", percent(figures.accuracy, 0), border=True, help=interval)
        st.metric("Cost", number(figures.cost), border=True, help="Mean per question, by the cost mode chosen.")
        st.metric("Calls", number(figures.calls), border=True, help=f"Mean per question, at most {t_max}.")
        st.metric("Stops early", percent(figures.stopped_early, 0), border=True, help=f"Routes that end before call {t_max}.")
        st.metric("Wrong first", percent(figures.wrong_first, 0), border=True, help=f"{_WRONG_FIRST} {wrong_first}")
    st.caption(f"Right on {percent(figures.accuracy)}, {interval} Wrong first on {percent(figures.wrong_first)}, {wrong_first} {cost_note}")


def _interval(interval: Interval) -> str:
    return f"95 % interval {percent(interval.low)} to {percent(interval.high)}."


def draw_train_link(config: TrainConfig) -> None:
    """Draw the button that opens Train with these settings."""
    if st.button("Train with this reward", icon=":material/model_training:", key="lab_train", width="stretch"):
        carry_settings("train", config, SETTINGS)
        st.switch_page("pages/train.py", query_params=in_address("train", config, SETTINGS))


def draw_by_itself(config: TrainConfig) -> None:
    """Draw what the reward likes by itself, whatever the experts say."""
    st.subheader("By the reward alone", anchor=False)
    # A no-break space: a sign must not stay behind at the end of a line.
    signs = " · ".join(f':color[■]{{foreground="{colour}"}}&nbsp;{kind}' for kind, colour in charts.likings_legend())
    st.markdown(f"{signs} · ✓ a right answer, ✗ a wrong one")
    left, right = st.columns(2)
    with left:
        _draw_orders(config)
    with right:
        _draw_likings(config)


def _draw_orders(config: TrainConfig) -> None:
    """Draw what each order of right and wrong answers earns."""
    returns = order_returns(config.reward, config.episode, config.ppo.discount)
    text_size = type_size(charts.TEXT_SIZE)
    st.echarts_chart(
        charts.orders_chart(returns, config.episode, text_size),
        key="lab_orders",
        height=charts.orders_height(returns, text_size),
        alt=charts.orders_alt(returns),
    )
    left_out = f" The {charts.MOST_ORDERS} best of {len(returns)} orders." if len(returns) > charts.MOST_ORDERS else ""
    st.caption(
        f"Discounted by {config.ppo.discount:g} a step; every call costs 1, which is what a usual call of the cheapest expert costs.{left_out}"
    )
    table_behind(charts.orders_frame(returns, config.episode), "lab_orders")


def _draw_likings(config: TrainConfig) -> None:
    """Draw where in the plane of beta and gamma the reward pays for being wrong first."""
    text_size = type_size(charts.TEXT_SIZE)
    frame = charts.likings_frame(BETAS, GAMMAS, lab_orders(config.reward, config.episode, config.ppo.discount), config.episode)
    st.echarts_chart(
        charts.likings_chart(frame, config.reward.beta, config.reward.gamma, text_size),
        key="lab_likings",
        height=charts.likings_height(text_size),
        alt=charts.likings_alt(frame),
    )
    st.caption(
        "By the reward alone, whatever the experts say: alpha, shaping, end and T_max as chosen. The ring is where the sliders stand."
    )
    table_behind(frame, "lab_likings")


def draw_curve(ref: RecordingRef, config: TrainConfig) -> None:
    """Draw the exact best routes over one weight."""
    weight: Weight = choose_segment("Curve over", WEIGHTS, "beta", "lab_weight")
    values, points = zip(*lab_curve(ref, config, weight), strict=True)
    frame, text_size = charts.sweep_frame(weight, values, points), type_size(charts.TEXT_SIZE)
    moving = charts.moving_panels(frame)
    if moving:
        st.echarts_chart(
            charts.sweep_chart(frame, weight, present(config, weight), moving, log=weight == "alpha", text_size=text_size),
            key="lab_curve",
            height=charts.sweep_height(len(moving), text_size),
            alt=charts.sweep_alt(frame, weight),
        )
    still = [f"{panel.column.lower()} {frame[panel.column].iloc[0]:g}" for panel in charts.PANELS if panel not in moving]
    st.caption(
        ("Dashed: where the slider stands. " if moving else f"With this reward {weight} changes nothing in the best routes. ")
        + (f"The same whatever {weight} is: {', '.join(still)}." if still else "")
    )
    table_behind(frame, f"lab_{weight}")


_WRONG_FIRST = (
    "Questions whose best route begins with a wrong answer and ends with a right one, although some expert would have been right at once: "
    "there this reward pays for the detour."
)
