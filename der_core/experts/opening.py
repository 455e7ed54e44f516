"""Open experts of every backend behind one door, and tell beforehand which of them are ready."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from der_core.config import AskOptions, ExpertSpec
from der_core.errors import DerError, SettingsError
from der_core.experts.backends import backend_of, with_address
from der_core.experts.protocol import Expert, ExpertHealth
from der_core.experts.sandbox import SANDBOX

__all__ = ["ExpertHealth", "check_experts", "check_specs", "open_expert", "open_experts"]


@contextmanager
def open_experts(specs: Sequence[ExpertSpec], options: AskOptions) -> Iterator[list[Expert]]:
    """Hold the experts open, in the order of `specs`, and close them at the end.

    Raises SettingsError for specs that do not make sense together and ExpertError, with the next step, for the
    first expert that cannot be opened; those opened before it are closed again.
    """
    check_specs(specs, options)
    with ExitStack() as stack:
        experts: list[Expert] = []
        for spec in specs:
            expert = open_expert(spec, options)
            stack.callback(expert.close)
            experts.append(expert)
        yield experts


def open_expert(spec: ExpertSpec, options: AskOptions) -> Expert:
    """Open one expert, at the usual address of its backend where it has none of its own; the caller closes it."""
    spec.check()
    if spec.style == "program":
        SANDBOX.start()
    return backend_of(spec).open(with_address(spec, options), options)


def check_experts(specs: Sequence[ExpertSpec], options: AskOptions) -> list[ExpertHealth]:
    """The health of each expert, in order; a dead host or a missing model is an answer here, not an error."""
    return [_health(spec, options) for spec in specs]


def _health(spec: ExpertSpec, options: AskOptions) -> ExpertHealth:
    try:
        spec.check()
        if spec.style == "program":
            SANDBOX.start()
        return backend_of(spec).check(with_address(spec, options), options)
    except DerError as error:
        return ExpertHealth(spec, False, spec.digest, None, str(error))


def check_specs(specs: Sequence[ExpertSpec], options: AskOptions) -> None:
    """Raise SettingsError for options out of range, and for two experts of one name."""
    options.check()
    names = [spec.name for spec in specs]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise SettingsError(f"Two experts are named {', '.join(twice)}; give each its own name.")
