"""Experts as a recording asks them, or asks them again: each at every address that shares its calls."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from der_core.config import AskOptions, ExpertSpec
from der_core.experts.locating import at_addresses
from der_core.experts.opening import check_specs, open_expert
from der_core.experts.protocol import Expert


@contextmanager
def open_replicas(specs: Sequence[ExpertSpec], options: AskOptions, hosts: Sequence[str] = ()) -> Iterator[dict[str, list[Expert]]]:
    """Hold every expert open by name, at its own address, else at each of `hosts`, else at the usual one of its backend."""
    check_specs(specs, options)
    with ExitStack() as stack:
        replicas: dict[str, list[Expert]] = {spec.name: [] for spec in specs}
        for place in (place for spec in specs for place in at_addresses(spec, hosts)):
            expert = open_expert(place, options)
            stack.callback(expert.close)
            replicas[place.name].append(expert)
        yield replicas
