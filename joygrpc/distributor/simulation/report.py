"""The outcome of simulations, for people: as a table, as JSON, as a drawing."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from html import escape

from joygrpc.distributor.simulation.replay import Outcome, Setting

Results = Sequence[tuple[Setting, Outcome]]

_COLOURS = {"lru": "#8a8a8a", "lru_sp": "#0072b2", "s3_fifo": "#d55e00", "split": "#009e73"}
_PANEL, _HEIGHT, _LEFT, _TOP, _GAP = 260, 200, 60, 70, 90


def size_text(size: float) -> str:
    """Bytes in the unit that suits them, powers of 1024."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.4g} {unit}"
        size /= 1024
    return f"{size:.4g} TiB"


def table(results: Results) -> str:
    """A line for each cache, under a header."""
    lines = [
        f"{'policy':<8} {'admission':<10} {'cache':>10} {'object hit':>10} {'byte hit':>9} {'written':>10} {'evicted':>9}"
    ]
    lines += [
        f"{setting.policy:<8} {setting.admission:<10} {size_text(setting.capacity):>10} {outcome.object_hit_ratio:>10.2%}"
        f" {outcome.byte_hit_ratio:>9.2%} {size_text(outcome.written_bytes):>10} {outcome.evictions:>9}"
        for setting, outcome in results
    ]
    return "\n".join(lines) + "\n"


def as_json(results: Results) -> str:
    """A list of objects; sizes in bytes, ratios 0 to 1."""
    rows = [
        {
            "policy": setting.policy,
            "admission": setting.admission,
            "capacity": setting.capacity,
            **asdict(outcome),
            "object_hit_ratio": outcome.object_hit_ratio,
            "byte_hit_ratio": outcome.byte_hit_ratio,
        }
        for setting, outcome in results
    ]
    return json.dumps(rows, indent=2) + "\n"


def plot(results: Results) -> str:
    """An SVG with three panels over the size of the cache: object hits, byte hits, bytes written; one line for each policy, dashed for second-hit admission."""
    capacities = sorted({setting.capacity for setting, _ in results})
    series = list(dict.fromkeys((setting.policy, setting.admission) for setting, _ in results))
    width = _LEFT + 3 * (_PANEL + _GAP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {_TOP + _HEIGHT + 60}" font-family="sans-serif" font-size="11" fill="#333">',
        f'<rect width="{width}" height="{_TOP + _HEIGHT + 60}" fill="#fff"/>',
    ]
    for place, name in enumerate(series):
        x = _LEFT + place * 150
        parts.append(f'<line x1="{x}" y1="20" x2="{x + 24}" y2="20" {_stroke(name)}/>')
        parts.append(f'<text x="{x + 30}" y="24">{escape(_label(name))}</text>')
    measures: list[tuple[str, Callable[[Outcome], float], Callable[[float], str]]] = [
        ("object hit ratio", lambda outcome: outcome.object_hit_ratio, lambda value: f"{value:.0%}"),
        ("byte hit ratio", lambda outcome: outcome.byte_hit_ratio, lambda value: f"{value:.0%}"),
        ("bytes written", lambda outcome: float(outcome.written_bytes), size_text),
    ]
    for panel, (title, measure, shown) in enumerate(measures):
        left = _LEFT + panel * (_PANEL + _GAP)
        top_value = max((measure(outcome) for _, outcome in results), default=0) * 1.05 or 1.0
        parts += _axes(left, title, capacities, top_value, shown)
        for name in series:
            points = [
                (
                    left + _PANEL * (capacities.index(setting.capacity) + 0.5) / len(capacities),
                    _TOP + _HEIGHT * (1 - measure(outcome) / top_value),
                )
                for setting, outcome in sorted(results, key=lambda result: result[0].capacity)
                if (setting.policy, setting.admission) == name
            ]
            path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
            parts.append(f'<polyline points="{path}" fill="none" {_stroke(name)}/>')
            parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" fill="{_colour(name)}"/>' for x, y in points]
    return "\n".join([*parts, "</svg>"]) + "\n"


def _axes(
    left: float, title: str, capacities: Sequence[int], top_value: float, shown: Callable[[float], str]
) -> list[str]:
    bottom = _TOP + _HEIGHT
    parts = [f'<text x="{left}" y="{_TOP - 16}" font-size="13" font-weight="bold">{title}</text>']
    for step in range(5):
        y = bottom - _HEIGHT * step / 4
        parts.append(f'<line x1="{left}" y1="{y}" x2="{left + _PANEL}" y2="{y}" stroke="#ddd"/>')
        parts.append(f'<text x="{left - 6}" y="{y + 4}" text-anchor="end">{shown(top_value * step / 4)}</text>')
    for place, capacity in enumerate(capacities):
        x = left + _PANEL * (place + 0.5) / len(capacities)
        parts.append(f'<text x="{x:.1f}" y="{bottom + 18}" text-anchor="middle">{size_text(capacity)}</text>')
    parts.append(f'<text x="{left + _PANEL / 2}" y="{bottom + 40}" text-anchor="middle">size of the cache</text>')
    return parts


def _label(name: tuple[str, str]) -> str:
    return name[0] if name[1] == "always" else f"{name[0]}, second hit"


def _colour(name: tuple[str, str]) -> str:
    return _COLOURS.get(name[0], "#333")


def _stroke(name: tuple[str, str]) -> str:
    dashes = "" if name[1] == "always" else ' stroke-dasharray="5 3"'
    return f'stroke="{_colour(name)}" stroke-width="2"{dashes}'
