"""`prompts`: every word that experts are sent."""

import argparse

from der_core.cli.terminal import say
from der_core.experts.prompts import show_prompts


def execute(arguments: argparse.Namespace) -> int:
    """Print all prompts in full."""
    say(show_prompts())
    return 0
