"""A report as one HTML page that needs nothing else: no scripts, no fonts, no pictures from anywhere.

Everything that comes from the report is escaped, and the page forbids itself to load or run anything.
Light and dark follow the reader's system. `docs/metrics.md` defines the figures.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from der_core.errors import ReportError
from der_core.evaluation.bar import bar_sentence
from der_core.evaluation.claims import claims_table
from der_core.evaluation.reported import reported_bar, reported_claims
from der_core.evaluation.tables import DEPLOYABLE_TITLE, NO_DATA, ORACLE_TITLE

Json = Mapping[str, Any]  # Any: a JSON object

_CURVES = (
    ("mean_reward", "Reward, mean of the routes that ended", 1, 3),
    ("validation_reward", "Reward on validation questions", 1, 3),
    ("accuracy", "Right, % of the routes that ended", 100, 1),
    ("validation_accuracy", "Right, % of the validation questions", 100, 1),
    ("cost", "Cost per question", 1, 2),
    ("calls", "Calls per question", 1, 2),
    ("entropy", "Entropy of the choice, nats", 1, 3),
)
_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 420, 200, 56, 12, 12, 40  # of a curve, in pixels

_STYLE = """
:root { color-scheme: light dark; --ground: #ffffff; --card: #f3f6f9; --ink: #1b2733; --soft: #56636f; --line: #d5dde5; --mark: #0072b2; }
@media (prefers-color-scheme: dark) {
  :root { --ground: #10161d; --card: #1a232d; --ink: #e8eef4; --soft: #a3b0bc; --line: #33404d; --mark: #56b4e9; }
}
body { background: var(--ground); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 0 auto; padding: 1.5rem; }
h1, h2 { line-height: 1.2; } h2 { margin-top: 2.2rem; }
p.lead { font-size: 1.15rem; } .soft, caption, figcaption { color: var(--soft); }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { border-bottom: 1px solid var(--line); padding: .3rem .7rem; text-align: right; vertical-align: top; }
th:first-child, td:first-child { text-align: left; } td:not(:first-child) { white-space: nowrap; }
thead th { border-bottom: 2px solid var(--line); }
caption { text-align: left; padding-bottom: .4rem; }
tr.learned td { background: var(--card); font-weight: 600; }
.curves { display: flex; flex-wrap: wrap; gap: 1rem; } figure { margin: 0; }
svg { width: 420px; max-width: 100%; height: auto; } svg text { fill: var(--soft); font-size: 12px; }
svg .axis { stroke: var(--line); } svg .curve { stroke: var(--mark); stroke-width: 2.5; fill: none; }
details { background: var(--card); border-radius: .5rem; padding: .5rem .8rem; margin: .5rem 0; } summary { cursor: pointer; }
code { overflow-wrap: anywhere; }
"""


def html_report(report: Json, name: str) -> str:
    """Return the report of the run `name` as a page; ReportError where the report lacks a part of its schema."""
    try:
        body = "\n".join(_sections(report, name))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ReportError(
            f"The report of {name!r} lacks something its schema asks for ({error!r}); train again for a whole one."
        ) from error
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{escape(name)} · DER report</title>
<style>{_STYLE}</style>
</head>
<body>
{body}
</body>
</html>
"""


def _sections(report: Json, name: str) -> Iterable[str]:
    results = report["results"]
    yield f"<h1>{escape(name)}</h1>"
    yield f'<p class="lead">{escape(results["headline"])}</p>'
    yield f'<p class="soft">{escape(_origin(report))}</p>'
    yield "<h2>Results</h2>"
    for title, key in ((DEPLOYABLE_TITLE, "deployable"), (ORACLE_TITLE, "oracle")):
        if results[key]:
            yield _results(title, results[key], results["cost_mode"])
    yield _legend(results)
    claims = reported_claims(report)
    if claims:
        head, *rows = claims_table(claims)
        yield "<h2>Five claims about DER, tested</h2>"
        yield _table("", head, rows)
    yield "<h2>Learning curves</h2>"
    yield from _curves(report["curves"])
    for seed, training in report.get("training", {}).items():
        yield f'<p class="soft">Seed {escape(seed)}, {escape(training["ending"])}.</p>'
    yield "<h2>Settings</h2>"
    yield _table("", ("setting", "value"), _flat(report["settings"]))
    yield "<h2>Experts</h2>"
    yield _experts(report)
    yield "<h2>What seeing another answer does</h2>"
    yield _flips(report["flips"])
    yield f"<h2>Routes of {escape(report['traces']['router'])}</h2>"
    yield from (_trace(trace) for trace in report["traces"]["questions"])
    yield "<h2>How to repeat this</h2>"
    yield _table("", ("what", "value"), _origins(report))


def _origin(report: Json) -> str:
    data, sides = report["data"], ", ".join(f"{len(ids)} {side}" for side, ids in report["splits"].items())
    counts = f"{data['n_questions']} questions ({sides}), {data['n_left_out']} left out"
    return f"Written {report['created_utc']}. {counts}. Results and routes are of the test questions."


def _results(title: str, rows: Sequence[Json], mode: str) -> str:
    head = (
        "router",
        "right %",
        "95 % interval",
        "balanced %",
        "yes %",
        "calls",
        f"cost ({mode})",
        "p50 s",
        "p95 s",
        "points vs best single",
        "p",
        "points vs best in hindsight",
    )
    cells = [_result_cells(row, mode) for row in rows]
    marks = ["learned" if row["family"] == "learned" else "" for row in rows]
    return _table(title, head, cells, marks)


def _result_cells(row: Json, mode: str) -> tuple[str, ...]:
    name = f"{row['name']}: {row['detail']}" if row["detail"] else row["name"]
    return (
        name,
        _percent(row["accuracy"]),
        f"{_percent(row['low'])} to {_percent(row['high'])}",
        _percent(row["balanced_accuracy"]),
        _percent(row["yes_rate"]),
        _number(row["calls"], 2),
        _number(row["costs"].get(mode), 2),
        _number(row["seconds_p50"], 3),
        _number(row["seconds_p95"], 3),
        _points(row["difference"]),
        _number(row["mcnemar_p"], 3),
        _points(row.get("difference_hindsight")),
    )


def _points(gap: Json | None) -> str:
    """A difference with its interval; reports of an earlier version lack some."""
    return NO_DATA if gap is None else f"{_percent(gap['value'], '+')} ({_percent(gap['low'], '+')} to {_percent(gap['high'], '+')})"


def _legend(results: Json) -> str:
    n, without = _n_counted(results), results.get("n_not_counted", 0)
    counted = f"{n} questions ({without} without an answer are not counted). " if without else f"{n} questions. "
    costs = f" {escape(results['cost_note'])}" if results.get("cost_note") else ""
    return (
        f'<p class="soft">{counted}{_percent(results["gold_yes_rate"])} % of the right answers are yes; always the more frequent one is right for '
        f"{_percent(results['majority_accuracy'])} %. Best single expert, chosen before these questions were looked at: {escape(results['best_single'])}; p is the "
        f"exact McNemar test against it. Cost and seconds are per question.{costs} Highlighted rows are learned.</p>"
        + (f'<p class="soft">{escape(bar_sentence(told))}</p>' if (told := reported_bar(results)) else "")
    )


def _n_counted(results: Json) -> int:
    return int(next(row["n"] for row in (*results["deployable"], *results["oracle"])))


def _curves(curves: Mapping[str, Sequence[Json]]) -> Iterable[str]:
    if not any(curves.values()):
        yield '<p class="soft">Nothing was trained in this run.</p>'
    for seed, points in curves.items():
        if points:
            yield f'<p class="soft">Training questions, while the router explores; seed {escape(seed)}.</p><div class="curves">'
            yield from (_curve(points, *curve) for curve in _CURVES)
            yield "</div>"


def _curve(points: Sequence[Json], field: str, title: str, factor: float, digits: int) -> str:
    known = [(float(point["steps"]), factor * float(point[field])) for point in points if point.get(field) is not None]
    if not known:
        return ""
    xs, ys = zip(*known, strict=True)
    low, high = min(ys), max(ys)
    spread = (high - low) or 1.0
    places = [
        (_LEFT + (_WIDTH - _LEFT - _RIGHT) * x / (max(xs) or 1.0), _TOP + (_HEIGHT - _TOP - _BOTTOM) * (high - y) / spread)
        for x, y in known
    ]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    floor, right = _HEIGHT - _BOTTOM, _WIDTH - _RIGHT
    told = f"{title}: from {ys[0]:.{digits}f} to {ys[-1]:.{digits}f}"
    return f"""<figure><figcaption>{escape(title)}</figcaption>
<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(told)}"><title>{escape(told)}</title>
<path class="axis" fill="none" d="M{_LEFT} {_TOP}V{floor}H{right}"/>
<text x="{_LEFT - 6}" y="{_TOP + 4}" text-anchor="end">{high:.{digits}f}</text>
<text x="{_LEFT - 6}" y="{floor}" text-anchor="end">{low:.{digits}f}</text>
<text x="{_LEFT}" y="{floor + 16}" text-anchor="middle">0</text>
<text x="{right}" y="{floor + 16}" text-anchor="end">{max(xs):,.0f}</text>
<text x="{(_LEFT + right) / 2}" y="{floor + 32}" text-anchor="middle">PPO steps</text>
<polyline class="curve" points="{line}"/></svg></figure>"""


def _experts(report: Json) -> str:
    thresholds = report["thresholds"]
    rows = [
        (
            expert["name"],
            expert["model"],
            expert["backend"],
            expert["style"],
            _number(expert["params_billions"], 2),
            _borders(thresholds.get(expert["name"])),
            expert["digest"],
        )
        for expert in report["experts"]
    ]
    return _table("", ("expert", "model", "backend", "style", "billion parameters", "yes from P(yes)", "digest"), rows)


def _borders(thresholds: float | Sequence[float | None] | None) -> str:
    """The thresholds of one expert; earlier reports have one, whatever was shown."""
    if not isinstance(thresholds, Sequence):
        return _number(thresholds, 3)
    first, *after = (_number(threshold, 3) for threshold in thresholds)
    return f"{first}; after yes, no, invalid {', '.join(after)}"


def _flips(flips: Sequence[Json]) -> str:
    fields = ("n", "wrong_to_right", "right_to_wrong", "kept_right", "kept_wrong", "copied")
    rows = [(flip["expert"], flip["shown"], *(str(flip[field]) for field in fields)) for flip in flips]
    head = ("expert", "shown", "questions", "wrong to right", "right to wrong", "stayed right", "stayed wrong", "copied")
    return _table("Replies after another answer was shown, against the expert's own first reply.", head, rows)


def _trace(trace: Json) -> str:
    mark = "right" if trace["correct"] else "wrong"
    rows = [
        (
            step["expert"],
            step["previous_label"],
            step["label"],
            _number(step["p_yes"], 2),
            _number(step["seconds"], 2),
            _number(step["cost"], 2),
        )
        for step in trace["steps"]
    ]
    head = ("expert", "was shown", "replied", "P(yes)", "seconds", "cost")
    told = f"{trace['question']} – {trace['answer']}, {mark}, {len(rows)} call{'s' if len(rows) != 1 else ''}"
    end = f"{trace['stop_reason']}; the right answer is {trace['gold']}; question {trace['id']}"
    return f'<details><summary>{escape(told)}</summary>{_table("", head, rows)}<p class="soft">{escape(end)}</p></details>'


def _origins(report: Json) -> list[tuple[str, str]]:
    machine = report["machine"]
    return [
        ("command", " ".join(report["command"])),
        ("data hash", report["data"]["hash"]),
        ("machine", f"{machine['cpu']}, {machine['cores']} cores, {machine['system']}"),
        ("training seeds", ", ".join(str(seed) for seed in report["seeds"]["training"]) or NO_DATA),
        ("evaluation seed", str(report["seeds"]["evaluation"])),
        *((package, number) for package, number in report["versions"].items()),
    ]


def _flat(settings: Json, prefix: str = "") -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for key, value in settings.items():
        rows += _flat(value, f"{key}.") if isinstance(value, Mapping) else [(f"{prefix}{key}", _word(value))]
    return rows


def _table(caption: str, head: Sequence[str], rows: Sequence[Sequence[str]], marks: Sequence[str] = ()) -> str:
    titled = f"<caption>{escape(caption)}</caption>" if caption else ""
    heading = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in head)
    classes = marks or [""] * len(rows)
    body = "\n".join(f"<tr{_class(mark)}>{_cells(row)}</tr>" for row, mark in zip(rows, classes, strict=True))
    return f'<div class="wide"><table>{titled}<thead><tr>{heading}</tr></thead>\n<tbody>{body}</tbody></table></div>'


def _class(mark: str) -> str:
    return f' class="{mark}"' if mark else ""


def _cells(row: Sequence[str]) -> str:
    return "".join(f"<td>{escape(str(cell))}</td>" for cell in row)


def _word(value: object) -> str:
    return "on" if value is True else "off" if value is False else str(value)


def _percent(share: float | None, sign: str = "") -> str:
    return NO_DATA if share is None else f"{100 * share:{sign}.1f}"


def _number(value: float | None, digits: int) -> str:
    return NO_DATA if value is None else f"{value:.{digits}f}"
