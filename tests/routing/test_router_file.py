"""A saved router comes back whole; anything else than a whole, honest one is refused with one line."""

from __future__ import annotations

import io
import json
import pickle
import re
import struct
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_tables import random_table
from safetensors import numpy as safetensors
from trained_routers import QUICK_DEPLOYABLE, QUICK_PAPER, agent_routes, untrained_router

from der_core.config import PPOConfig
from der_core.errors import RouterFileError, RouterMismatch
from der_core.routing.saved.manifest import SCHEMA
from der_core.routing.saved.router_file import MANIFEST, MAX_BYTES, TENSORS, load_router, pack_router, save_router
from der_core.routing.saved.trained import TrainedRouter

TABLE = random_table(np.random.default_rng(3), n_questions=12, n_experts=3)
ROUTERS = {"text": untrained_router(TABLE, QUICK_PAPER), "features": untrained_router(TABLE, QUICK_DEPLOYABLE)}
ROUTER = ROUTERS["features"]
WHOLE = pack_router(ROUTER)


def members_of(body: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(members: dict[str, bytes], kind: int = zipfile.ZIP_DEFLATED) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", kind) as archive:
        for name, body in members.items():
            archive.writestr(name, body)
    return packed.getvalue()


def with_manifest(change: Callable[[dict[str, object]], object], body: bytes = WHOLE) -> bytes:
    """The file with its manifest changed in place."""
    members = members_of(body)
    manifest = json.loads(members[MANIFEST])
    change(manifest)
    return zipped({**members, MANIFEST: json.dumps(manifest).encode()})


def with_arrays(change: Callable[[dict[str, np.ndarray]], object], body: bytes = WHOLE) -> bytes:
    members = members_of(body)
    arrays = {name: array.copy() for name, array in safetensors.load(members[TENSORS]).items()}
    change(arrays)
    return zipped({**members, TENSORS: safetensors.save(arrays)})


def set_in(path: str, value: object) -> Callable[[dict[str, object]], None]:
    """A change that sets the value at a path such as "config.ppo.hidden"; numbers index lists."""

    def change(data: object) -> None:
        *above, last = (int(part) if part.isdigit() else part for part in path.split("."))
        for part in above:
            data = data[part]
        data[last] = value

    return change


def assert_equal(ours: TrainedRouter, theirs: TrainedRouter) -> None:
    plain = {"thresholds", "curves", "program_confidence"} ^ ours.facts().keys()
    assert all(getattr(ours, name) == getattr(theirs, name) for name in plain)
    assert np.array_equal(ours.thresholds, theirs.thresholds, equal_nan=True)
    assert repr(ours.curves) == repr(theirs.curves)
    assert (ours.state.size, ours.state.encoder_id, ours.state.dimension) == (
        theirs.state.size,
        theirs.state.encoder_id,
        theirs.state.dimension,
    )
    assert ours.network.masks_stop == theirs.network.masks_stop
    assert ours.network.weights.keys() == theirs.network.weights.keys()
    assert all(np.array_equal(array, theirs.network.weights[name]) for name, array in ours.network.weights.items())


class TestRoundTrip:
    @pytest.mark.parametrize("router", ROUTERS.values(), ids=ROUTERS.keys())
    def test_brings_back_an_equal_router(self, router: TrainedRouter, tmp_path: Path) -> None:
        save_router(router, tmp_path / "router.zip")
        loaded = load_router(tmp_path / "router.zip")
        assert_equal(loaded, router)
        assert agent_routes(loaded, TABLE) == agent_routes(router, TABLE)

    def test_leaves_nothing_but_the_file(self, tmp_path: Path) -> None:
        save_router(ROUTER, tmp_path / "router.zip")
        save_router(ROUTER, tmp_path / "router.zip")
        assert [path.name for path in tmp_path.iterdir()] == ["router.zip"]

    @pytest.mark.parametrize("router", ROUTERS.values(), ids=ROUTERS.keys())
    def test_equal_routers_give_equal_bytes(self, router: TrainedRouter) -> None:
        assert pack_router(router) == pack_router(load_router(pack_router(router)))

    def test_holds_two_members_and_no_pickle(self) -> None:
        assert list(members_of(WHOLE)) == [TENSORS, MANIFEST]
        assert json.loads(members_of(WHOLE)[MANIFEST])["schema"] == SCHEMA

    def test_keeps_unknown_sizes_and_endless_losses_as_null(self) -> None:
        spec = replace(ROUTER.experts[0], params_billions=None, host=None)
        prices = replace(ROUTER.prices, params_billions=(np.nan, 1.0, 1.5))
        curves = (replace(ROUTER.curves[0], value_loss=np.inf),)
        loaded = load_router(pack_router(replace(ROUTER, experts=(spec, *ROUTER.experts[1:]), prices=prices, curves=curves)))
        assert loaded.experts[0].params_billions is None
        assert np.isnan(loaded.prices.params_billions[0]) and np.isnan(loaded.curves[0].value_loss)

    def test_text_without_variance_has_a_projection_of_width_0(self) -> None:
        one = replace(TABLE.questions[0], text="same", passage=None)
        same = replace(TABLE, questions=tuple(replace(one, id=str(i)) for i in range(12)))
        router = untrained_router(same, QUICK_DEPLOYABLE)
        assert router.state.projections["question"].basis.shape[1] == 0
        assert_equal(load_router(pack_router(router)), router)

    def test_accepts_a_zip_that_was_unpacked_and_packed_again(self) -> None:
        assert_equal(load_router(zipped(members_of(WHOLE), zipfile.ZIP_STORED)), ROUTER)

    def test_expected_experts_and_encoder_are_let_through(self) -> None:
        load_router(WHOLE, expected_experts=ROUTER.experts, expected_encoder="hash-encoder")


class TestMismatch:
    def test_an_older_router_with_addresses_loads_without_them(self) -> None:
        spec = {"host": "http://10.0.0.7:1", "key_env": "MY_KEY", "backend": "embedded", "model": "/home/jane/models/tiny.gguf"}

        def with_addresses(data: dict[str, object]) -> None:
            for field, value in spec.items():
                set_in(f"experts.0.{field}", value)(data)

        router = load_router(with_manifest(with_addresses))
        expert = router.experts[0]
        assert [line.split(";")[0] for line in router.left_out] == [
            "The router holds addresses of experts",
            "The router holds names of variables that hold keys",
        ]
        assert load_router(WHOLE).left_out == load_router(pack_router(router)).left_out == ()
        assert (expert.host, expert.key_env, expert.model) == (None, None, "tiny.gguf")

    def test_no_address_is_saved(self) -> None:
        at_home = replace(ROUTER.experts[0], host="http://10.0.0.7:1", key_env="MY_KEY", backend="embedded", model="/home/jane/tiny.gguf")
        manifest = members_of(pack_router(replace(ROUTER, experts=(at_home, *ROUTER.experts[1:]))))[MANIFEST]
        assert not any(word in manifest for word in (b"10.0.0.7", b"MY_KEY", b"jane"))

    def test_other_experts(self) -> None:
        with pytest.raises(RouterMismatch, match="expert2, not expert0"):
            load_router(WHOLE, expected_experts=ROUTER.experts[:1])

    def test_another_style(self) -> None:
        with pytest.raises(RouterMismatch, match="style direct, not reason"):
            load_router(WHOLE, expected_experts=[replace(spec, style="reason") for spec in ROUTER.experts])

    def test_other_weights(self) -> None:
        with pytest.raises(RouterMismatch, match="expert0 has the weights sha256:new"):
            load_router(WHOLE, expected_experts=[replace(spec, digest="sha256:new") for spec in ROUTER.experts])

    def test_another_encoder(self) -> None:
        with pytest.raises(RouterMismatch, match="'hash-encoder', not 'all-MiniLM-L6-v2'"):
            load_router(WHOLE, expected_encoder="all-MiniLM-L6-v2")

    @pytest.mark.parametrize("schema", ["der-router-4", None, 1, ["der-router-1"]])
    def test_another_schema(self, schema: object) -> None:
        with pytest.raises(RouterMismatch, match=f"{re.escape(str(schema))}.*reads 'der-router-1', 'der-router-2', 'der-router-3'"):
            load_router(with_manifest(set_in("schema", schema)))


def refuse(body: bytes, message: str) -> None:
    with pytest.raises(RouterFileError, match=message) as caught:
        load_router(body)
    assert "\n" not in str(caught.value)


class TestForgedZips:
    def test_a_missing_file(self, tmp_path: Path) -> None:
        with pytest.raises(RouterFileError, match="No such file"):
            load_router(tmp_path / "none.zip")

    def test_a_folder(self, tmp_path: Path) -> None:
        with pytest.raises(RouterFileError, match="cannot be read"):
            load_router(tmp_path)

    @pytest.mark.parametrize("body", [b"", b"no zip at all", pickle.dumps({"policy": [1.0]}), WHOLE[: len(WHOLE) // 2]])
    def test_what_is_no_zip(self, body: bytes) -> None:
        refuse(body, "not a whole zip of a router")

    def test_a_model_of_stable_baselines(self) -> None:
        refuse(zipped({"data": b"{}", "policy.pth": pickle.dumps([1]), "pytorch_variables.pth": b""}), "does not hold exactly")

    def test_one_member_too_many(self) -> None:
        refuse(zipped({**members_of(WHOLE), "policy.pkl": pickle.dumps([1])}), "does not hold exactly")

    @pytest.mark.parametrize("absent", [TENSORS, MANIFEST])
    def test_one_member_too_few(self, absent: str) -> None:
        refuse(zipped({name: body for name, body in members_of(WHOLE).items() if name != absent}), "does not hold exactly")

    @pytest.mark.filterwarnings("ignore:Duplicate name")
    def test_a_member_twice(self) -> None:
        packed = io.BytesIO(WHOLE)
        with zipfile.ZipFile(packed, "a") as archive:
            archive.writestr(MANIFEST, b"{}")
        refuse(packed.getvalue(), "does not hold exactly")

    def test_a_member_that_climbs_out_of_its_folder(self) -> None:
        members = members_of(WHOLE)
        refuse(zipped({TENSORS: members[TENSORS], f"../{MANIFEST}": members[MANIFEST]}), "does not hold exactly")

    def test_a_manifest_that_unpacks_to_too_much(self) -> None:
        refuse(zipped({**members_of(WHOLE), MANIFEST: b" " * (MAX_BYTES[MANIFEST] + 1)}), "more than any router has")

    def test_a_size_that_lies(self) -> None:
        """A directory entry that declares fewer bytes than there are: no more than declared is unpacked, and the sum is off."""
        bomb = bytearray(zipped({**members_of(WHOLE), MANIFEST: b" " * (MAX_BYTES[MANIFEST] + 1)}))
        honest = struct.pack("<L", MAX_BYTES[MANIFEST] + 1)
        assert bomb.count(honest) == 2
        refuse(bytes(bomb.replace(honest, struct.pack("<L", 100))), "not a whole zip of a router")

    def test_a_file_larger_than_any_router(self) -> None:
        refuse(bytes(sum(MAX_BYTES.values()) + 1), "larger than 80 MB")

    def test_another_compression(self) -> None:
        refuse(zipped(members_of(WHOLE), zipfile.ZIP_LZMA), "packed in a way this program does not write")

    def test_an_encrypted_member(self) -> None:
        body = bytearray(WHOLE)
        entry = body.index(b"PK\x01\x02")
        body[entry + 8] |= 1
        refuse(bytes(body), "encrypted")


class TestForgedArrays:
    def test_what_is_no_safetensors(self) -> None:
        refuse(zipped({**members_of(WHOLE), TENSORS: pickle.dumps([1.0])}), "cannot be read as safetensors")

    @pytest.mark.parametrize("name", ["actor.0.weight", "head.bias", "projection.passage.basis"])
    def test_a_missing_array(self, name: str) -> None:
        refuse(with_arrays(lambda arrays: arrays.pop(name)), f"should hold {name} .* holds nothing")

    def test_one_array_too_many(self) -> None:
        refuse(with_arrays(set_in("critic", np.zeros(2, dtype=np.float32))), "arrays that no router")

    @pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
    def test_a_number_that_is_not_finite(self, value: float) -> None:
        def change(arrays: dict[str, np.ndarray]) -> None:
            arrays["projection.question.mean"][3] = value

        refuse(with_arrays(change), "projection.question.mean that are not finite")

    def test_another_shape(self) -> None:
        refuse(
            with_arrays(lambda arrays: arrays.update({"head.bias": np.zeros(5, dtype=np.float32)})),
            r"shape \(4,\) and holds float32 of shape \(5,\)",
        )

    def test_another_kind_of_number(self) -> None:
        refuse(with_arrays(lambda arrays: arrays.update({"head.bias": np.zeros(4)})), "holds float64")

    def test_arrays_of_another_kind_of_state(self) -> None:
        text = members_of(pack_router(ROUTERS["text"]))
        refuse(zipped({**members_of(WHOLE), TENSORS: text[TENSORS]}), "should hold projection")
        refuse(zipped({**text, TENSORS: members_of(WHOLE)[TENSORS]}), "should hold actor.0.weight")


class TestForgedManifests:
    @pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff\xfe", b"NaN", b"[" * 100_000, b'{"schema": "\\ud800"}', pickle.dumps({})])
    def test_what_is_no_json_object(self, body: bytes) -> None:
        refuse(zipped({**members_of(WHOLE), MANIFEST: body}), "not JSON|a JSON object")

    @pytest.mark.parametrize("value", ["NaN", "Infinity", "1e999"])
    def test_numbers_that_are_not_finite(self, value: str) -> None:
        members = members_of(WHOLE)
        forged = re.sub(rb'"alpha": [0-9.]+', f'"alpha": {value}'.encode(), members[MANIFEST])
        refuse(zipped({**members, MANIFEST: forged}), "not JSON|alpha must lie")

    @pytest.mark.parametrize("name", sorted(json.loads(members_of(WHOLE)[MANIFEST])))
    def test_a_missing_field(self, name: str) -> None:
        refuse(with_manifest(lambda manifest: manifest.pop(name)), f"at {name}: it is missing|this version reads")

    @pytest.mark.parametrize("path", ["prices.scale", "prices.charged", "curves.0.accuracy", "experts.0.model"])
    def test_a_missing_part_of_what_is_fitted(self, path: str) -> None:
        def remove(data: object) -> None:
            *above, last = path.split(".")
            for part in above:
                data = data[int(part)] if part.isdigit() else data[part]
            del data[last]

        refuse(with_manifest(remove), re.escape(f"at {path.replace('.0', '[0]')}: it is missing"))

    def test_a_missing_setting_has_its_default(self) -> None:
        older = load_router(with_manifest(lambda data: data["config"]["ppo"].pop("patience")))
        assert older.config.ppo.patience == PPOConfig().patience

    def test_an_unknown_field(self) -> None:
        refuse(with_manifest(set_in("run_this", "rm")), "at run_this: this version knows no such field")

    @pytest.mark.parametrize(
        ("path", "value", "message"),
        [
            ("config.ppo.hidden", [64, 64, 64, 64, 64], "one to four layers"),
            ("config.ppo.hidden", "64", "hidden"),
            ("config.ppo.hidden", [64.0], "hidden"),
            ("config.ppo", None, "ppo"),
            ("config.episode.t_max", 11, "between 1 and 10"),
            ("config.episode.t_max", True, "t_max"),
            ("config.episode.t_max", "3", "t_max"),
            ("config.episode.end", "whenever", "config.episode.end: Input should be"),
            ("config.reward.alpha", None, "alpha"),
            ("config.reward.extra", 1, "at config.reward.extra: this version knows no such field"),
            ("experts", [], "at experts: "),
            ("experts.0", "expert0", r"at experts.0.: "),
            ("experts.0.name", "expert1", "two of them have the same name"),
            ("experts.0.name", None, "name"),
            ("experts.0.style", "shout", r"at experts.0..style: "),
            ("experts.0.backend", "pickle", "unknown backend"),
            ("experts.0.params_billions", 1e7, "params_billions"),
            ("experts.0.digest", "x" * 201, "digest"),
            ("experts.0.params_billions", -1, "params_billions"),
            ("experts.0.weights", "x", r"at experts.0..weights: this version knows no such field"),
            ("encoder", 1, "encoder"),
            ("dimension", -1, "dimension"),
            ("dimension", 2**40, "dimension"),
            ("dimension", 13, "should hold projection"),
            ("components", {}, "do not fit its kind of state"),
            ("components.question", 33, "do not fit its kind of state"),
            ("components.question", 1, "should hold projection.question.basis"),
            ("prices.mode", "free", "at prices.mode: "),
            ("prices.mode", [], "at prices.mode: "),
            ("prices.experts", ["expert0"], "prices.experts are not"),
            ("prices.scale", [0, 1, 1], "scale"),
            ("prices.prompt_rate_s", [0.1, -0.1, 0.1], "prompt_rate_s"),
            ("prices.generation_rate_s", [0.1, None, 0.1], "generation_rate_s"),
            ("prices.charged", ["whole"], "charged"),
            ("prices.charged", ["whole", "nothing", "whole"], "charged"),
            ("prices.charged", "whole", "charged"),
            ("scaled", "yes", "scaled"),
            ("best_update", 2, "best_update"),
            ("best_update", True, "best_update"),
            ("converged", 1, "converged"),
            ("curves.0.validation_reward", "good", "curves"),
            ("thresholds", [0.5, 0.5, 0.5], "thresholds"),
            ("thresholds", [[0.5] * 4], "thresholds"),
            ("thresholds.0", [0.5], "thresholds"),
            ("thresholds.0", [0.5, 1.5, None, 0.5], "thresholds"),
            ("curves", None, "curves"),
            ("curves.0.expert_shares", [1.0], "expert_shares"),
            ("curves.0.steps", 1.5, "steps"),
            ("curves.0.accuracy", "all", "curves"),
            ("training_question_ids", "q0", "training_question_ids"),
            ("training_question_ids.0", 5, "training_question_ids"),
            ("validation_question_ids", "q0", "validation_question_ids"),
            ("validation_question_ids.0", None, "validation_question_ids"),
            ("versions.torch", 2, "versions"),
            ("results", [], "at results: "),
            ("results.notes", "x" * 100_000, "at results: "),
            ("config.ppo.total_steps", 10**30, "total_steps"),
            ("config.seed", -1, "seed"),
            ("config.reward.beta", 1e7, "beta must lie"),
            ("config.encoder", "", "names no encoder"),
            ("curves.0.steps", 10**30, "at curves.0..steps: "),
            ("curves.0.value_loss", 10**400, "value_loss"),
            ("data_hash", "x" * 10**6, "at data_hash: "),
            ("stopped", "no", "at stopped: "),
        ],
    )
    def test_a_field_of_the_wrong_kind_or_range(self, path: str, value: object, message: str) -> None:
        refuse(with_manifest(set_in(path, value)), message)


def test_a_router_of_an_earlier_version_does_not_tell_its_validation_questions() -> None:
    older = load_router(with_manifest(lambda data: data.update(schema="der-router-2") or data.pop("validation_question_ids")))
    assert older.validation_question_ids == ()


def test_a_router_of_an_earlier_version_sees_its_columns_as_they_are_and_has_one_threshold_an_expert() -> None:
    def age(data: dict[str, object]) -> None:
        data |= {"schema": "der-router-1", "thresholds": [0.3, None, 0.6]}
        for name in ("scaled", "best_update", "converged", "is_sure"):
            data.pop(name)
        data["config"]["ppo"].pop("patience")
        data["config"].pop("algorithm")
        for point in data["curves"]:
            for name in ("validation_reward", "validation_accuracy", "validation_cost"):
                point.pop(name)

    older = load_router(with_manifest(age))
    assert older.state.scaling is None and older.config.ppo.patience == 0
    assert (older.best_update, older.converged) == (None, None) and np.isnan(older.curves[0].validation_reward)
    np.testing.assert_array_equal(older.thresholds, [[0.3] * 4, [np.nan] * 4, [0.6] * 4])
    assert agent_routes(older, TABLE) == agent_routes(replace(ROUTER, thresholds=np.array([0.3, np.nan, 0.6])), TABLE)


def test_a_router_of_the_version_before_planners_is_an_agent_and_is_not_sure() -> None:
    def age(data: dict[str, object]) -> None:
        data["schema"] = "der-router-2"
        data.pop("is_sure")
        data["config"].pop("algorithm")

    older = load_router(with_manifest(age))
    assert older.config.algorithm == "ppo" and older.sureness is None
    assert agent_routes(older, TABLE) == agent_routes(ROUTER, TABLE)


def test_scaling_travels_with_the_router() -> None:
    size = ROUTER.state.size
    columns = np.random.default_rng(4).normal(2.0, 3.0, size=(50, size)).astype(np.float32)
    scaled = replace(ROUTER, state=ROUTER.state.with_scaling([columns]))
    loaded = load_router(pack_router(scaled))
    np.testing.assert_array_equal(loaded.state.scaling.mean, scaled.state.scaling.mean)
    np.testing.assert_array_equal(loaded.state.scaling.spread, scaled.state.scaling.spread)
    assert agent_routes(loaded, TABLE) == agent_routes(scaled, TABLE) != agent_routes(ROUTER, TABLE)
    scaled.state.scaling.spread[2] = 0.0
    refuse(pack_router(scaled), "not above 0")
    refuse(with_manifest(set_in("scaled", True)), "should hold scaling.mean")


def test_the_prices_of_an_earlier_version_charge_the_whole_prompt() -> None:
    older = load_router(with_manifest(lambda data: data.update(schema="der-router-2") or data["prices"].pop("charged")))
    assert older.prices == replace(ROUTER.prices, charged=())
    assert older.prices.told == "The whole prompt is charged, whatever the server found in its cache."


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damaged_bytes_are_refused_or_harmless(data: st.DataObject) -> None:
    body = bytearray(WHOLE)
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.one_of(st.integers(0, len(body) - 1), st.integers(len(body) - 200, len(body) - 1), st.integers(0, 60)))
        body[place] = data.draw(st.integers(0, 255))
    try:
        loaded = load_router(bytes(body))
    except RouterFileError:
        return
    assert_equal(loaded, ROUTER)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_damaged_members_are_refused_or_still_a_router(data: st.DataObject) -> None:
    """The zip is sound but what is in it was changed, so that no checksum helps."""
    members = {name: bytearray(body) for name, body in members_of(WHOLE).items()}
    body = members[data.draw(st.sampled_from([TENSORS, MANIFEST]))]
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, min(len(body), 1500) - 1))] = data.draw(st.integers(0, 255))
    try:
        loaded = load_router(zipped({name: bytes(content) for name, content in members.items()}))
    except RouterFileError:
        return
    assert all(np.isfinite(array).all() for array in loaded.network.weights.values())
    pack_router(loaded)
