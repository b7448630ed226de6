"""How a metric is spoken of: its name, and numbers as the reader's language writes them.

Portuguese writes a comma where English writes a point. Shares are spoken of in percent and their differences in points.
"""

from __future__ import annotations

from afina.base.messages import language, say

_SHARES = {"accuracy", "macro_f1", "micro_f1", "subset_accuracy"}


def title(metric: str) -> str:
    """Return the metric's name for people, in the language in force."""
    titles = {
        "accuracy": say("accuracy"),
        "macro_f1": say("macro-F1"),
        "micro_f1": say("micro-F1"),
        "subset_accuracy": say("rows with every class right"),
        "mae": say("mean absolute error"),
        "rmse": say("root mean squared error"),
        "r2": say("R2"),
        "spearman": say("rank correlation"),
    }
    return titles[metric]


def is_share(metric: str) -> bool:
    """Return whether the metric is a share of 1, spoken of in percent."""
    return metric in _SHARES


def number(value: float | None, digits: int = 3) -> str:
    """Return `value` with `digits` decimals in the language in force; a dash when it is undefined."""
    return "-" if value is None else localised(_unsigned_zero(f"{value:,.{digits}f}"))


def value_text(metric: str, value: float | None) -> str:
    """Return a value of `metric`: `89.1%` for a share, `0.412` otherwise, a dash when it is undefined."""
    if value is None or not is_share(metric):
        return number(value)
    return localised(f"{100 * value:.1f}%")


def difference_text(metric: str, difference: float | None) -> str:
    """Return a difference of two values of `metric`: `+4.1 points` for a share, `-0.210` otherwise."""
    if is_share(metric) and difference is not None:
        return say("{number} points", number=signed(metric, difference))
    return signed(metric, difference)


def signed(metric: str, difference: float | None) -> str:
    """Return a difference with its sign and without its unit: `+4.1` points for a share, `-0.210` otherwise."""
    if difference is None:
        return "-"
    text = f"{100 * difference:+.1f}" if is_share(metric) else f"{difference:+,.3f}"
    return localised(_unsigned_zero(text))


def p_text(p_value: float) -> str:
    """Return a p-value as `p = 0.012`, or `p < 0.001`."""
    return localised(f"p = {p_value:.3f}" if p_value >= 0.001 else "p < 0.001")


def count(value: int) -> str:
    """Return a whole number with its thousands set apart."""
    return localised(f"{value:,}")


def localised(text: str) -> str:
    """Return a number written the English way, `1,234.5`, as the language in force writes it."""
    return text.translate(str.maketrans(",.", ".,")) if language() == "pt" else text


def _unsigned_zero(text: str) -> str:
    # What rounds to nothing has no sign.
    return text if text.strip("+-0.,") else text.lstrip("+-")
