"""Times of day as whole minutes after midnight."""

from __future__ import annotations


def clock(minutes: int) -> str:
    """The time of day that many minutes after midnight, on a 24-hour clock: 575 is "09:35"."""
    return f"{minutes // 60 % 24:02d}:{minutes % 60:02d}"
