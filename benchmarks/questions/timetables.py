"""Timetables: lines, opening hours, classes and films."""

from __future__ import annotations

from benchmarks.questions import classes, departures, films, openings

SCENES = (departures.build_scene, openings.build_scene, classes.build_scene, films.build_scene)
"""All kinds of passages."""
