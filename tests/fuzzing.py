"""How many examples property-based tests of hostile input try: `make fuzz` tries many times as many as the suite."""

import os


def examples(n: int) -> int:
    """So many in the suite, FUZZ times as many where that is set."""
    return n * int(os.environ.get("FUZZ", "1"))
