"""The model card: `model/README.md`, with front matter that the Hub reads and a body that a stranger can judge by."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import Any

from ruamel.yaml import YAML

from afina.base.about import __version__
from afina.base.durable import write_text
from afina.base.messages import say
from afina.reporting import measures, wording
from afina.reporting.facts import Facts, at, finite, kind, listed, read_facts
from afina.reporting.first_screen import base_name, headline
from afina.reporting.limits import limits
from afina.reporting.picture_scores import contender_title
from afina.reporting.section_training import choice_words, moving_words

FILE_NAME = "README.md"
"""The card's name in the model folder, as the Hub expects it."""

_BUILTIN = {"builtin:minilm": ("sentence-transformers/all-MiniLM-L6-v2", "apache-2.0")}
_HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")
_HUB_METRICS = {"macro_f1": "f1", "micro_f1": "f1", "subset_accuracy": "accuracy"}
_PERSONAL_DATA = "E-DATA-213"
_UNTRUSTED = str.maketrans({"<": "&lt;", "|": "\\|", "\n": " ", "\r": " "})


def write_card(
    run_folder: Path, usage: str, *, language: str = "en", license_id: str = "", text_languages: Sequence[str] = ()
) -> Path:
    """Write the card of a run's model from the run folder's files.

    Args:
        run_folder: The run folder; the card goes into its `model` folder.
        usage: Python code that loads the model without Afina; `FOLDER` in it stands for the model's folder.
        language: Language of the card's text, `en` or `pt`.
        license_id: The base's licence as the Hub spells it; empty: what `environment.json` says under `base.license`.
            Without one the card warns and claims none.
        text_languages: Languages of the texts that the model reads, such as `pt`; empty: `base.languages`, else none.

    Returns:
        The path of the card.

    Raises:
        ResourceError: If the disk is full or read-only.
    """
    path = run_folder / "model" / FILE_NAME
    with wording.speaking(language):
        facts = read_facts(run_folder)
        inherited = at(facts.environment, "base", "license") or _BUILTIN.get(base_name(facts), ("", ""))[1]
        known_license = license_id or str(inherited)
        languages = list(text_languages) or listed(at(facts.environment, "base", "languages"))
        write_text(
            path, f"---\n{_front_matter(facts, known_license, languages)}---\n\n{_body(facts, usage, known_license)}"
        )
    return path


def hub_name(facts: Facts) -> str:
    """Return the base's name on the Hub, or nothing when it came from a folder of this machine."""
    name = base_name(facts)
    given = at(facts.environment, "base", "hub_name")
    if given or name in _BUILTIN:
        return str(given or _BUILTIN[name][0])
    return name if _HUB_NAME.fullmatch(name) and not name.startswith(".") and not Path(name).exists() else ""


def _front_matter(facts: Facts, license_id: str, languages: Sequence[Any]) -> str:
    values: dict[str, Any] = {}
    if hub_name(facts):
        values |= {"base_model": hub_name(facts), "base_model_relation": "finetune"}
    values |= {"library_name": "transformers", "pipeline_tag": "text-classification"}
    if languages:
        values["language"] = [str(name) for name in languages]
    if license_id:
        values["license"] = license_id
    values["tags"] = [
        tag for tag in ("text-classification", "fine-tuned", "afina", kind(facts.recipe.get("tuning"))) if tag
    ]
    scores = _scores(facts)
    if scores:
        values["metrics"] = list(dict.fromkeys(score["type"] for score in scores))
        task = {"type": "text-classification", "name": "Text Classification"}
        data = {"type": "custom", "name": _data_name(facts), "split": "test"}
        values["model-index"] = [{"name": facts.name, "results": [{"task": task, "dataset": data, "metrics": scores}]}]
    stream = io.StringIO()
    writer = YAML()
    writer.default_flow_style = False
    writer.width = 10_000
    writer.dump(values, stream)
    return stream.getvalue()


def _scores(facts: Facts) -> list[dict[str, Any]]:
    scores = []
    for row in listed(at(facts.evaluation, "scores", "tuned", "metrics")):
        metric, value = str(at(row, "metric")), finite(at(row, "value"))
        if value is not None:
            scores.append({"type": _HUB_METRICS.get(metric, metric), "name": metric, "value": round(value, 6)})
    return scores


def _body(facts: Facts, usage: str, license_id: str) -> str:
    parts = [
        f"# {_plain(facts.name)}",
        " ".join(_plain(str(text)) for text in (headline(facts), *listed(at(facts.evaluation, "verdict", "remarks")))),
        _part(say("What it is for"), _intended(facts)),
        _part(say("How good it is"), _results(facts)),
        _part(say("How to use it"), f"```python\n{_runnable(usage)}\n```"),
        _part(say("The data"), _data(facts)),
        _part(say("How it was trained"), _training(facts)),
        _part(say("Limits"), "\n".join(f"- {_plain(sentence)}" for sentence in limits(facts))),
        _part(say("Licence"), _licence(license_id)),
        _part(say("How to reproduce"), f"```\n{facts.environment.get('command') or 'afina train recipe.yaml'}\n```"),
        say("Written by Afina {version}.", version=__version__),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _part(title: str, text: str) -> str:
    return f"## {title}\n\n{text}" if text else ""


def _intended(facts: Facts) -> str:
    labels = [_plain(str(label)) for label in listed(at(facts.evaluation, "labels"))]
    named = ", ".join(f"`{label}`" for label in labels[:30]) + (" …" if len(labels) > 30 else "")
    return {
        "single": say("It reads a text and chooses one of {count} classes: {names}.", count=len(labels), names=named),
        "multi": say(
            "It reads a text and says which of {count} labels apply: {names}.", count=len(labels), names=named
        ),
        "regression": say("It reads a text and gives a number."),
    }.get(str(at(facts.evaluation, "problem")), "")


def _results(facts: Facts) -> str:
    evaluation = facts.evaluation
    if evaluation is None:
        return say("This run was not evaluated.")
    contenders = [name for name in ("majority", "base", "tuned") if at(evaluation, "scores", name)]
    lines = [
        "| " + " | ".join([say("Metric"), *(contender_title(name) for name in contenders)]) + " |",
        "|---|" + "---:|" * len(contenders),
    ]
    for row in listed(at(evaluation, "scores", "tuned", "metrics")):
        metric = str(at(row, "metric"))
        cells = [_cell(evaluation, name, metric) for name in contenders]
        lines.append("| " + " | ".join([measures.title(metric), *cells]) + " |")
    rows = say(
        "Judged on {count} test rows that no training step and no choice has seen.",
        count=wording.number(evaluation.get("n")),
    )
    return "\n".join(lines) + f"\n\n{rows}"


def _cell(evaluation: Any, name: str, metric: str) -> str:
    values = [
        at(row, "value") for row in listed(at(evaluation, "scores", name, "metrics")) if at(row, "metric") == metric
    ]
    return measures.value(metric, values[0]) if values else wording.ABSENT


def _data(facts: Facts) -> str:
    lines = []
    names = {"train": say("training"), "validation": say("validation"), "test": say("test")}
    splits = [
        f"{wording.number(at(facts.data, 'splits', key))} {name}"
        for key, name in names.items()
        if at(facts.data, "splits", key)
    ]
    if splits:
        lines.append(f"- {say('Divided into')}: {', '.join(splits)}")
    if at(facts.data, "splits", "rule"):
        lines.append(f"- {say('Rule')}: {_plain(str(at(facts.data, 'splits', 'rule')))}")
    fingerprint = at(facts.data, "fingerprint") or {}
    lines += [f"- `{_plain(PurePath(name).name)}` SHA-256 `{sha}`" for name, sha in list(fingerprint.items())[:20]]
    personal = [row for row in listed(facts.data.get("findings")) if at(row, "code") == _PERSONAL_DATA]
    lines += [f"- {_plain(str(at(row, 'what')))}" for row in personal]
    lines.append(f"- {say('This card holds no row of the data.')}")
    return "\n".join(lines)


def _training(facts: Facts) -> str:
    training = facts.recipe.get("training")
    rows = [
        (say("Base"), hub_name(facts) or PurePath(base_name(facts)).name),
        (say("Tuning"), choice_words(facts, "tuning")),
        (say("Parameters that move"), moving_words(facts)),
        (say("Epochs"), _written(at(training, "epochs"))),
        (say("Learning rate"), _written(at(training, "learning_rate"))),
        (say("Rows per step"), _written(at(training, "global_batch_size"))),
        (say("Seed"), str(facts.recipe.get("seed", ""))),
    ]
    return "\n".join(f"- {name}: {_plain(value)}" for name, value in rows if value)


def _runnable(usage: str) -> str:
    """Return the code with the folder's name given, so that it runs where the card lies."""
    named = "FOLDER" in usage and "FOLDER =" not in usage
    return ('FOLDER = "."\n\n' if named else "") + usage.strip()


def _written(value: Any) -> str:
    return wording.scientific(value) if isinstance(value, float) else wording.number(value) if value else ""


def _licence(license_id: str) -> str:
    if license_id:
        return say("{license}, as its base.", license=license_id)
    return say("The base does not say under which licence it stands. Find out before you pass this model on.")


def _data_name(facts: Facts) -> str:
    data = facts.recipe.get("data")
    path = data if isinstance(data, str) else at(data, "train")
    return PurePath(str(path)).name if path else "data"


def _plain(text: str) -> str:
    """Return a user's text so that Markdown shows it as text: no HTML, one line."""
    return text.translate(_UNTRUSTED)
