"""What is taken for what: a matrix that can be read cell by cell while classes are few, and the worst pairs always."""

from __future__ import annotations

from collections.abc import Sequence

from afina.base.messages import say
from afina.reporting import wording
from afina.reporting.page import table, twin
from afina.reporting.svg import Scale, box, picture, shorten, words

READABLE = 14
"""Up to this many classes the matrix carries names and counts."""

_DRAWN = 120
_WIDTH = 400.0
_ROWS_IN_TWIN = 40

Matrix = Sequence[Sequence[int]]


def most_confused(labels: Sequence[str], matrix: Matrix, most: int) -> list[tuple[str, str, int, int]]:
    """Return (truth, said instead, rows, rows of that truth) of the most frequent mistakes, worst first."""
    found = [
        (labels[row], labels[column], count, sum(matrix[row]))
        for row in range(len(labels))
        for column, count in enumerate(matrix[row])
        if row != column and count
    ]
    return sorted(found, key=lambda pair: (-pair[2], -pair[2] / pair[3], pair[0], pair[1]))[:most]


def matrix_picture(labels: Sequence[str], matrix: Matrix) -> str:
    """Return the matrix with names and counts; rows are what is true, columns what the model said."""
    longest = max((len(label) for label in labels), default=1)
    gutter = min(124.0, 16 + 6.4 * min(longest, 17))
    side = min((_WIDTH - gutter) / len(labels), 64.0)
    top = 26.0
    marks = [
        words(gutter, 12, say("the model said →")),
        words(gutter - 8, 12, say("true ↓"), anchor="end"),
    ]
    for row, label in enumerate(labels):
        middle = top + (row + 0.5) * side
        marks.append(words(gutter - 8, middle + 4, shorten(label, 17), "count", "end"))
        total = sum(matrix[row])
        for column, count in enumerate(matrix[row]):
            left = gutter + column * side
            title = say(
                "{truth}, said to be {said}: {count} of {total}",
                truth=label,
                said=labels[column],
                count=count,
                total=total,
            )
            marks.append(_cell(left, top + row * side, side - 2, count, total, row == column, title))
            if count:
                strong = "count strong" if _strength(count, total) > 0.6 else "count"
                marks.append(words(left + side / 2 - 1, middle + 3.5, wording.number(count), strong, "middle"))
    below = top + len(labels) * side + 8
    longest_below = max(min(len(label), 15) for label in labels)
    for column, label in enumerate(labels):
        x = gutter + (column + 0.5) * side
        if longest_below * 6.4 < side:
            marks.append(words(x, below + 9, label, "count", "middle"))
            continue
        turn = f"rotate(-42 {x + 3:.1f} {below + 6:.1f})"
        marks.append(words(x + 3, below + 6, shorten(label, 17), "count", "end", transform=turn))
    depth = 16.0 if longest_below * 6.4 < side else 14 + 4.3 * longest_below
    return picture(_WIDTH, below + depth, say("Confusion matrix"), marks) + twin(_twin(labels, matrix))


def overview_picture(labels: Sequence[str], matrix: Matrix) -> str:
    """Return a matrix of many classes without names, to see its texture; empty cells are not drawn."""
    if len(labels) > _DRAWN:
        return ""
    side = 380.0 / len(labels)
    marks = [box(0, 0, 380, 380, "cell-empty", rx=3)]
    for row in range(len(labels)):
        total = sum(matrix[row])
        for column, count in enumerate(matrix[row]):
            if count:
                title = say(
                    "{truth}, said to be {said}: {count} of {total}",
                    truth=labels[row],
                    said=labels[column],
                    count=count,
                    total=total,
                )
                marks.append(_cell(column * side, row * side, side * 0.94, count, total, row == column, title))
    return picture(380, 380, say("Confusion matrix"), marks) + twin(_twin(labels, matrix))


def pairs_picture(labels: Sequence[str], matrix: Matrix, most: int = 9) -> str:
    """Return the most frequent mistakes as bars: the share of a class's rows, half of them at full width."""
    found = most_confused(labels, matrix, most)
    if not found:
        return ""
    step = 41.0
    worst = max(count / total for _, _, count, total in found)
    scale = Scale(0, 0.5 if worst <= 0.5 else 1.0, 0, _WIDTH)
    marks = []
    for position, (truth, said, count, total) in enumerate(found):
        top = 12 + position * step
        marks.append(words(0, top, f"{shorten(truth, 27)} → {shorten(said, 27)}", "count"))
        marks.append(words(_WIDTH, top, f"{wording.number(count)}/{wording.number(total)}", anchor="end"))
        marks.append(box(0, top + 7, _WIDTH, 7, "track", rx=3))
        marks.append(box(0, top + 7, max(2.0, scale(count / total)), 7, "pair", rx=3))
    height = 12 + len(found) * step - 14
    return picture(_WIDTH, height, say("Most frequent mistakes"), marks) + twin(_twin(labels, matrix))


def _cell(x: float, y: float, side: float, count: int, total: int, right: bool, title: str) -> str:
    if not count:
        return box(x, y, side, side, "cell-empty", rx=min(3.0, side / 6), title=title)
    strength = f"fill-opacity:{_strength(count, total):.2f}"
    class_ = "cell-right" if right else "cell-wrong"
    return box(x, y, side, side, class_, rx=min(3.0, side / 6), style=strength, title=title)


def _strength(count: int, total: int) -> float:
    # The square root keeps single mistakes visible beside a full diagonal.
    return 0.1 + 0.9 * (count / total) ** 0.5 if total else 0.0


def _twin(labels: Sequence[str], matrix: Matrix) -> str:
    if len(labels) <= READABLE:
        rows = [
            (label, *(wording.number(count) for count in counts)) for label, counts in zip(labels, matrix, strict=True)
        ]
        return table((say("True class"), *labels), rows)
    found = most_confused(labels, matrix, _ROWS_IN_TWIN)
    headings = (say("True class"), say("Taken for"), say("Rows"), say("of"))
    return table(headings, [(t, s, wording.number(n), wording.number(m)) for t, s, n, m in found], numeric_from=2)
