import threading
import time
from contextlib import nullcontext
from dataclasses import replace

import pytest
from raw_server import RawServer, http

from der_core.config import AskOptions, ExpertSpec
from der_core.errors import ExpertTimeout, HostUnreachable, ServerBusy, SettingsError, WaitStopped
from der_core.experts.openai_compatible import OpenAICompatibleExpert
from der_core.experts.patience import Waited, watched_waits, with_patience
from der_core.records import Label, Question

OPTIONS = AskOptions(patience_s=20.0, retries=2, backoff_s=0.25)


def after(*faults: Exception):
    """A call that meets the faults one after the other, the last one for ever if it is the only one, and counts."""
    left = list(faults)
    calls = []

    def call() -> str:
        calls.append(1)
        if left:
            raise left.pop(0)
        return "done"

    return call, calls


def pauses_of(*faults: Exception, options: AskOptions = OPTIONS) -> list[float]:
    pauses: list[float] = []
    call, _ = after(*faults)
    assert with_patience(call, options, pauses.append) == "done"
    return [round(pause, 2) for pause in pauses]


def busy(retry_after_s: float | None = None) -> ServerBusy:
    return ServerBusy("busy", retry_after_s)


def test_a_busy_server_is_waited_for_with_doubled_pauses_of_5_s_at_most():
    assert pauses_of(*[busy()] * 6) == [0.5, 1, 2, 4, 5, 5]


def test_what_the_server_asks_for_comes_first():
    assert pauses_of(busy(7.0), busy(), busy(0.0)) == [7, 1, 2]


def test_no_wait_is_longer_than_the_patience_that_is_left():
    assert pauses_of(busy(3600.0)) == [20]
    assert pauses_of(busy(15.0), busy(15.0)) == [15, 5]


@pytest.mark.parametrize("fault", [busy(), HostUnreachable("gone")])
def test_what_was_waited_for_in_vain_is_not_waited_for_again_until_a_call_succeeds(fault: Exception):
    options, waited = replace(OPTIONS, patience_s=0.5, retries=1), Waited()

    def pauses_until(error: type[Exception] | None, *faults: Exception) -> int:
        pauses: list[float] = []
        call, _ = after(*faults)
        with watched_waits(waited=waited), nullcontext() if error is None else pytest.raises(error):
            with_patience(call, options, pauses.append)
        return len(pauses)

    other = HostUnreachable("gone") if isinstance(fault, ServerBusy) else busy()
    assert pauses_until(type(fault), fault, fault) == 1
    assert pauses_until(type(fault), fault) == 0
    assert pauses_until(None, other) == 1, "another fault is waited for, and the reply begins anew"
    assert pauses_until(None, fault) == 1


def test_calls_that_nobody_watches_wait_each_for_itself():
    for _ in range(2):
        call, calls = after(*[busy()] * 9)
        with pytest.raises(ServerBusy):
            with_patience(call, replace(OPTIONS, patience_s=0.5), lambda seconds: None)
        assert len(calls) == 2


@pytest.mark.parametrize("patience_s", [0.0, 3.0])
def test_when_patience_ends_the_last_fault_is_raised(patience_s):
    pauses: list[float] = []
    call, calls = after(*[busy()] * 100)
    with pytest.raises(ServerBusy):
        with_patience(call, AskOptions(patience_s=patience_s), pauses.append)
    assert sum(pauses) == pytest.approx(patience_s, abs=0.01) and len(calls) == len(pauses) + 1


def test_connection_faults_have_a_budget_of_their_own():
    gone = HostUnreachable("gone")
    assert pauses_of(gone, busy(), gone, busy()) == [0.25, 0.5, 0.5, 1]
    call, calls = after(*[gone] * 9)
    with pytest.raises(HostUnreachable):
        with_patience(call, OPTIONS, lambda _: None)
    assert len(calls) == 3


def test_other_faults_are_not_waited_for():
    call, calls = after(ExpertTimeout("slow"))
    with pytest.raises(ExpertTimeout):
        with_patience(call, OPTIONS, lambda _: pytest.fail("waited"))
    assert len(calls) == 1


def test_waits_are_shown_with_their_reason():
    shown: list[tuple[float, str]] = []
    with watched_waits(on_wait=lambda seconds, why: shown.append((seconds, why))):
        pauses_of(busy(), HostUnreachable("gone"))
    pauses_of(busy())
    assert [(round(seconds, 2), why) for seconds, why in shown] == [(0.5, "busy"), (0.25, "gone")]


def test_a_stop_ends_a_wait_within_two_tenths_of_a_second():
    stop = threading.Event()
    stopped_at: list[float] = []

    def set_flag() -> None:
        stopped_at.append(time.monotonic())
        stop.set()

    call, calls = after(*[busy(60.0)] * 9)
    threading.Timer(0.3, set_flag).start()
    with pytest.raises(WaitStopped, match="Stopped while waiting: busy"), watched_waits(is_stopped=stop.is_set):
        with_patience(call, AskOptions())
    assert time.monotonic() - stopped_at[0] < 0.2 and len(calls) == 1


def test_watching_changes_nothing_about_how_long_is_waited():
    call, _ = after(busy(), busy())
    began = time.monotonic()
    with watched_waits(is_stopped=lambda: False):
        assert with_patience(call, OPTIONS) == "done"
    assert 1.5 <= time.monotonic() - began < 2.0


@pytest.mark.parametrize("patience_s", [-1.0, float("nan"), float("inf")])
def test_patience_is_a_finite_number_of_seconds(patience_s):
    with pytest.raises(SettingsError, match="patience"):
        AskOptions(patience_s=patience_s).check()


def test_an_expert_waits_for_a_server_that_loads_its_model():
    loading = http(503, b'{"error": {"code": 503, "message": "Loading model", "type": "unavailable_error"}}', Retry_After="1")
    models = http(200, b'{"data": [{"id": "m"}]}')
    chat = http(200, b'{"choices": [{"message": {"content": "yes"}, "finish_reason": "stop"}]}')
    many = http(429, b'{"error": {"message": "Too many requests, retry after 1 s"}}', Retry_After="1")
    with RawServer(loading, models, many, chat) as server:
        expert = OpenAICompatibleExpert(ExpertSpec("m", "openai", "m", host=server.url), AskOptions(patience_s=5.0))
        reply = expert.ask(Question("q", "is water wet"), Label.NONE)
        expert.close()
        assert reply.label == Label.YES and reply.wall_s < 0.9
        assert server.at[1] - server.at[0] >= 1.0 and server.at[3] - server.at[2] >= 1.0
