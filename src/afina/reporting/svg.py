"""The few marks that pictures are made of, as inline SVG whose colours come from the page's style sheet.

Coordinates are in pixels of the picture's own width, x to the right and y downwards.
"""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Scale:
    """A straight mapping of values to pixels.

    Attributes:
        low: Value at `start`.
        high: Value at `end`.
        start: Pixel of the lowest value.
        end: Pixel of the highest value.
    """

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """Return the pixel of a value; values outside land outside."""
        return self.start + (value - self.low) / ((self.high - self.low) or 1.0) * (self.end - self.start)


def tag(name: str, *children: str, **attributes: object) -> str:
    """Return an element; `class_` becomes `class`, other underscores become hyphens, values are escaped."""
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{html.escape(_short(value))}"'
        for key, value in attributes.items()
        if value is not None and value != ""
    )
    return f"<{name}{written}>{''.join(children)}</{name}>" if children else f"<{name}{written}/>"


def picture(width: float, height: float, label: str, children: Iterable[str]) -> str:
    """Return a whole picture that grows with its place; `label` is what a screen reader says of it."""
    return tag("svg", *children, viewBox=f"0 0 {_short(width)} {_short(height)}", role="img", aria_label=label)


def words(x: float, y: float, content: str, class_: str = "", anchor: str = "", **more: object) -> str:
    """Return a line of text whose baseline begins, or by `anchor` is centred or ends, at (x, y)."""
    return tag("text", html.escape(content), x=x, y=y, class_=class_, text_anchor=anchor, **more)


def line(points: Sequence[Point], class_: str, **more: object) -> str:
    """Return a line through points."""
    path = "M" + "L".join(f"{_short(round(x, 1))} {_short(round(y, 1))}" for x, y in points)
    return tag("path", d=path, class_=class_, **more)


def box(x: float, y: float, width: float, height: float, class_: str, **more: object) -> str:
    """Return a rectangle; its first child may be given as `title`, which a pointer shows."""
    title = str(more.pop("title", ""))
    children = [tag("title", html.escape(title))] if title else []
    return tag("rect", *children, x=x, y=y, width=max(0.0, width), height=max(0.0, height), class_=class_, **more)


def dot(x: float, y: float, radius: float, class_: str, title: str = "") -> str:
    """Return a disc."""
    children = [tag("title", html.escape(title))] if title else []
    return tag("circle", *children, cx=x, cy=y, r=radius, class_=class_)


def ticks(low: float, high: float, about: int = 4) -> list[float]:
    """Return about as many round numbers between `low` and `high` as asked, ends included where they are round."""
    span = high - low
    if not math.isfinite(span) or span <= 0:
        return [low]
    rough = span / max(1, about)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [index * step for index in range(first, last + 1)]


def shorten(text: str, most: int) -> str:
    """Return a text of at most `most` characters, its end replaced by an ellipsis when it was longer."""
    return text if len(text) <= most else text[: max(1, most - 1)].rstrip() + "…"


def _short(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.2f}".rstrip("0").rstrip(".")
    return str(value)
