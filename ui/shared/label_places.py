"""Where to write the names of points so that they cover neither one another nor anything else on the chart."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ui.shared.palette import QUIET

Box = tuple[float, float, float, float]
"""Left, bottom, right, top, in pixels."""

_GAP = 12.0
"""Distance of a name from its point, in pixels."""
_FAR, _HIDDEN = 200.0, 5.0
"""Square pixels that a line of distance counts for; how much worse it is to cover a name, or to leave the chart, than a mark."""


@dataclass(frozen=True)
class Type:
    """The type names are written in: its size in pixels, from which widths and heights are estimated."""

    size: float

    @property
    def line(self) -> float:
        """Height of a name with the border around it."""
        return 1.3 * self.size + 6

    def width(self, name: str) -> float:
        """Width of a name with the border around it."""
        return 0.54 * self.size * len(name) + 8


@dataclass(frozen=True)
class Spot:
    """A side of a point: -1 left or below, 1 right or above, 0 centred; `lines` further up or down, in lines of type."""

    x: int
    y: int
    lines: float = 0.0

    def annotation(self, kind: Type) -> dict[str, object]:
        """Return the place as Plotly's annotations write it; a name that is not right beside its point has a line to it."""
        across, up = self.x * _GAP, self.y * self._away(kind)
        anchors = {"xanchor": {-1: "right", 0: "center", 1: "left"}[self.x], "yanchor": {-1: "top", 0: "middle", 1: "bottom"}[self.y]}
        if not self.y:
            return {**anchors, "showarrow": False, "xshift": across, "yshift": up}
        return {**anchors, "showarrow": True, "ax": across, "ay": -up, "arrowhead": 0, "arrowwidth": 1.2, "arrowcolor": QUIET}

    def label(self, kind: Type) -> dict[str, object]:
        """Return the place as ECharts' labels write it, which count downwards."""
        position = {-1: "left", 0: "top" if self.y > 0 else "bottom", 1: "right"}[self.x]
        up = self.y * (self._away(kind) + kind.line / 2) if self.x else self.y * kind.line * self.lines
        return {"position": position, "distance": _GAP, "offset": [0, -round(up)]}

    def box(self, x: float, y: float, name: str, kind: Type) -> Box:
        """Return what a name covers when it is written here beside the point (x, y)."""
        width, away = kind.width(name), self._away(kind)
        left = x + {-1: -_GAP - width, 0: -width / 2, 1: _GAP}[self.x]
        bottom = y + {-1: -away - kind.line, 0: -kind.line / 2, 1: away}[self.y]
        return left, bottom, left + width, bottom + kind.line

    def _away(self, kind: Type) -> float:
        return _GAP * (self.x == 0) + kind.line * self.lines


SPOTS = (
    Spot(1, 0),
    Spot(-1, 0),
    *(Spot(x, y, lines) for lines in (0, 0.5, 1, 2, 3) for x in (1, -1) for y in (1, -1)),
    Spot(0, 1, 1),
    Spot(0, -1, 1),
)
"""Preferred first: beside the point, because intervals run up and down through it."""


def boxes_around(points: Iterable[tuple[float, float]], half: float) -> list[Box]:
    """Return what marks at these points cover, each reaching `half` to every side."""
    return [(x - half, y - half, x + half, y + half) for x, y in points]


def place_labels(
    points: Sequence[tuple[float, float]], names: Sequence[str], obstacles: Sequence[Box], extent: Box, kind: Type
) -> list[Spot]:
    """Return a spot for the name of each point; all in pixels, `extent` is the chart.

    One name after another takes the spot that covers least; names already placed and the edge weigh more than `obstacles`.
    """
    taken: list[Box] = []
    chosen = []
    for (x, y), name in zip(points, names, strict=True):
        boxes = {spot: spot.box(x, y, name, kind) for spot in SPOTS}
        best = min(SPOTS, key=lambda spot: _harm(boxes[spot], taken, obstacles, extent) + _FAR * spot.lines)  # called at once
        taken.append(boxes[best])
        chosen.append(best)
    return chosen


def _harm(box: Box, taken: Sequence[Box], obstacles: Sequence[Box], extent: Box) -> float:
    """Square pixels covered, weighed."""
    area = (box[2] - box[0]) * (box[3] - box[1])
    outside = area - _overlap(box, extent)
    return _HIDDEN * (sum(_overlap(box, other) for other in taken) + outside) + sum(_overlap(box, other) for other in obstacles)


def _overlap(a: Box, b: Box) -> float:
    return max(0.0, min(a[2], b[2]) - max(a[0], b[0])) * max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
