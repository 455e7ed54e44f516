"""`experts`: which experts are ready, and the next step for those that are not."""

from __future__ import annotations

import argparse

from der_core.commands.settings import ask_options, expert_specs
from der_core.commands.terminal import say
from der_core.experts.locating import at_addresses
from der_core.experts.opening import check_experts


def execute(arguments: argparse.Namespace) -> int:
    """Print one line per expert; return 2 if one is not ready."""
    replicas = [replica for spec in expert_specs(arguments) for replica in at_addresses(spec, arguments.host)]
    healths = check_experts(replicas, ask_options(arguments))
    for health in healths:
        size = f"{health.size_bytes / 1e9:.2f} GB" if health.size_bytes else ""
        say(
            f"{'ready  ' if health.ready else 'missing'}  {health.spec.name:32s} {health.digest[:19]:20s} {size:8s} {health.message}".rstrip()
        )
    return 0 if all(health.ready for health in healths) else 2
