"""`advice`: what being shown another expert's answer does to each expert of a recording."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from der_core.cli.terminal import say
from der_core.cli.train import load_pool
from der_core.evaluation.tables import text_table
from der_core.evaluation.transfer import ALL_KINDS, transfer_effects, transfer_rows
from der_core.recording.store import Store
from der_core.recording.table import check_has_gold


def execute(arguments: argparse.Namespace) -> int:
    """Print the table of alone, shown and random, by expert and, where it is wanted, by kind."""
    with Store.open(Path(arguments.store), create=False, read_only=True) as store:
        table = load_pool(store, arguments.recording, arguments.use_experts)
    check_has_gold(table.questions)
    effects = transfer_effects(table, np.random.default_rng(arguments.seed))
    if not effects:
        say("There is one expert alone, whom nobody shows an answer.")
        return 0
    shown = [effect for effect in effects if arguments.by_kind or effect.kind == ALL_KINDS]
    say(text_table(transfer_rows(shown), markdown=arguments.markdown))
    say(
        "\nalone: first reply; shown: after another expert's answer to the same question; random: after yes or no as often as the others "
        "say them, whatever the question. Shown less random is what the answer itself is worth."
    )
    return 0
