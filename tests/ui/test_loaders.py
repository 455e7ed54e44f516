"""What pages read stays in memory while something else in the same file changes."""

from __future__ import annotations

import numpy as np
from fakes import make_questions
from homes import Home, made_up_experts, write_recording

from der_core.config import DEPLOYABLE
from der_core.recording.recorder import record
from der_core.recording.store import Store
from ui.experts.facts import expert_facts
from ui.record.replies import load_replies
from ui.shared.home import RecordingRef
from ui.shared.loaders import baseline_evaluation, load, recordings, run_recording, stamp


def ref_of(home: Home) -> RecordingRef:
    return RecordingRef(home.store, home.recording)


def test_writing_to_another_recording_leaves_what_is_known_of_this_one(trained_home: Home) -> None:
    ref = ref_of(trained_home)
    before = load(ref), load_replies(ref), baseline_evaluation(ref, DEPLOYABLE)
    state = stamp(ref.file)
    write_recording(trained_home.store, "other", 4)
    with Store.open(trained_home.store) as store:
        store.put_vectors("encoder", {"text": np.ones(3, dtype=np.float32)})
    assert stamp(ref.file) != state
    after = load(ref), load_replies(ref), baseline_evaluation(ref, DEPLOYABLE)
    assert all(one is two for one, two in zip(before, after, strict=True))
    assert [known.name for known in recordings()] == ["other", trained_home.recording]
    assert run_recording(trained_home.run_id) == ref


def test_more_replies_are_seen_at_once(recorded_home: Home) -> None:
    ref = ref_of(recorded_home)
    before, facts = load(ref), expert_facts(ref)
    experts = {expert.spec.name: [expert] for expert in made_up_experts()}
    with Store.open(recorded_home.store) as store:
        record(store, ref.name, make_questions(before.n_questions + 2), experts)
    assert load(ref).n_questions == before.n_questions + 2
    assert expert_facts(ref).n_questions == facts.n_questions + 2


def test_a_recording_that_was_made_anew_under_its_name_is_another_one(recorded_home: Home) -> None:
    ref = ref_of(recorded_home)
    assert load(ref).n_experts == 3
    recorded_home.store.unlink()
    for log in recorded_home.folder.glob("recordings.sqlite-*"):
        log.unlink()
    experts = {expert.spec.name: [expert] for expert in made_up_experts()[:2]}
    with Store.open(recorded_home.store) as store:
        record(store, ref.name, make_questions(8), experts)
    assert (load(ref).n_questions, load(ref).n_experts) == (8, 2)
