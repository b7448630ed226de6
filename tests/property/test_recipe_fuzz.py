"""Malformed recipes: never a traceback, always exit code 2, and the file with the place in every message."""

import json
import random
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from afina.base.errors import RecipeError
from afina.cli.main import main
from afina.recipe.reading import from_text, read

GOOD = "base: builtin:minilm\ndata: rows.csv\ntuning: full\n"
PLACE = re.compile(r"bad\.yaml:\d+:\d+")

STRUCTURE = [
    "", "\n", "# nothing\n", "---\n", "...\n", "- a\n- b\n", "text", "5", "null", "[]", "{}", "'", '"', "[", "{", "]",
    "}", ":", "? a", "a: b: c", "a:\n b\n  c: d", "\ta: b", "a:\n\tb: c", "a: [1, 2", "a: {b: 1", "a: 'x", 'a: "x',
    "a: b\n---\nc: d\n", "%YAML 1.1\n---\na: b", "%TAG ! x\n---\na: !b c", "a: *b", "a: &a [*a]", "&a a: *a",
    "a: !!python/object/apply:os.system [ls]", "a: !!binary aGk=", "a: !x y", "a: !!str 5", "!!map {a: b}",
    "? [a, b]\n: c", "? {a: b}\n: c", "? !!x a\n: c", "a: 1\na: 2\n", "a: |\n  text\nb", "a: >\n text\n  - x\n y",
    "@a: b", "`a`: b", "a: @b", "a: `b`", "a: %b", "<<: {a: 1}", "a: &x y\n<<: *x", "=: a", "a: \x00", "a: \x07",
    "a: \x1b[31m", "a: \x7f", "a: \x85b", "a: \ufffe", 'a: "\\0"', 'a: "\\ud800"', 'a: "\\x"', 'a: "\\U00110000"',
    f"a: {'9' * 5000}", f"a: {'[' * 2000}", f"a: {'{b: ' * 2000}",
    "a:\n" + "".join(" " * n + "b:\n" for n in range(1, 80)), "a: [" + ", ".join("1" for _ in range(11_000)) + "]",
    f"{'k' * 5000}: 1", f"a: {'x' * 100_000}", "\U0001f600: 1", "ключ: значение",
    "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
    + "".join(f"{b}: &{b} [{', '.join([f'*{a}'] * 10)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)),
    "k0: &k0 [1]\n" + "".join(f"k{n}: &k{n} [*k{n - 1}]\n" for n in range(1, 70)), "base,data\nx,y\n",
    '{"base": "x", "data": "y"}', "<html><body>x</body></html>", "import os\nos.system('ls')\n", "a = b\n[c]\n",
]  # fmt: skip
"""What is no recipe at all, or breaks a limit."""

KEYS = [
    "lr: 1e-4", "epochs: 3", "num_train_epochs: 3", "per_device_train_batch_size: 8", "model_name_or_path: x",
    "tuningg: full", "Base: x", "learning_rate: 1e-4", "lora: {rank: 8}", "stages: []", "export: gguf",
    "tracking: wandb", "1: 2", "null: 1", "true: 1", "'': 1", "' ': 1", "a.b: 1", "training.epochs: 3",
    "__proto__: 1", "model_config: 1", "kind: full", "extends:", "extends: 3", "extends: [a.yaml]",
    "extends: nowhere.yaml", "extends: .", "extends: bad.yaml",
]  # fmt: skip
"""Keys that a recipe does not have at its top."""

VALUES = [
    "version: 2", "version: '1'", "version: 1.5", "seed: -1", "seed: 1.5", "seed: '42'", "seed: true",
    "seed: 99999999999999999999", "seed: 1e400", "seed: .nan", "seed: [1]", "seed:", "output: 5", "output: ''",
    "output: []", "output: true", "task: 5", "task: {}", "task: {kind: auto}", "task: classification", "task: [auto]",
    "objective: 5", "objective: none", "objective: {kind: }", "objective: {label_smoothing: 1}",
    "objective: {label_smoothing: a}", "objective: {kind: supervised, class_weights: [0]}",
    "objective: {kind: supervised, rank: 8}", "retention: yes", "retention: {kind: l2-sp, zzz: 1}",
    "retention: [none]", "training: 5", "training: []", "training: fast", "training: {epochs: abc}",
    "training: {epochs: 0}", "training: {epochs: -1}", "training: {epochs: .inf}", "training: {epochs: .nan}",
    "training: {epochs: true}", "training: {epochs: '3'}", "training: {epochs: [3]}", "training: {epochs: {a: 1}}",
    "training: {epochs:}", "training: {epochs: 1e9}", "training: {learning_rate: 0}",
    "training: {learning_rate: 1e-4x}", "training: {learning_rate: '1e-4'}", "training: {learning_rate: 11}",
    "training: {learning_rate: fast}", "training: {global_batch_size: 0}", "training: {global_batch_size: 8.5}",
    "training: {global_batch_size: 8, micro_batch_size: 9}", "training: {micro_batch_size: 0}",
    "training: {max_steps: 0}", "training: {max_gradient_norm: 0}", "training: {precision: fp16}",
    "training: {precision: 16}", "training: {save_every_steps: never}", "training: {optimizer: adam}",
    "training: {optimizer: {kind: adamw, weight_decay: x}}", "training: {optimizer: {kind: [adamw]}}",
    "training: {schedule: {kind: cosine, zzz: 1}}", "training: {schedule: ../linear}",
    "training: {callbacks: early-stop}", "training: {callbacks: [zz]}",
    "training: {callbacks: [{kind: early-stop, patience: 0}]}", "training: {callbacks: [[early-stop]]}",
    "training: {callbacks: [null]}", "training: {callbacks: {kind: early-stop}}", "evaluation: 5",
    "evaluation: {confidence: 1}", "evaluation: {confidence: 95}", "evaluation: {num_resamples: 5}",
    "evaluation: {retained: a.csv}", "evaluation: {retained: [5]}", "evaluation: {retained: [{text: a}]}",
    "evaluation: {retained: [{path: a, label: [b]}]}", "evaluation: {retained: [[a]]}", "token: hf_abc", "api_key: x",
    "output: hf_aaaaaaaaaaaaaaaaaaaaaaaaaaaa", "output: ${HOME}/x",
]  # fmt: skip
"""Values that a recipe does not take."""

REPLACED = [
    "base:", "base: 5", "base: []", "base: ''", "base: {}", "base: {nme: x}", "base: {name: x, dropout: 1}",
    "base: {name: x, dropout: high}", "base: {name: x, trust_remote_code: yes}",
    "base: {name: x, trust_remote_code: 1}", "base: {name: x, revision: 5}", "base: [x, y]", "data:", "data: 5",
    "data: []", "data: {}", "data: {test: a.csv}", "data: {train: [a.csv, b.csv]}", "data: {train: a.csv, text: 5}",
    "data: {train: a.csv, text: [1]}", "data: {train: a.csv, text: ['']}", "data: {train: a.csv, format: {zzz: 1}}",
    "data: {train: a.csv, format: xlsx}", "data: {train: a.csv, split: 0.1}",
    "data: {train: a.csv, split: {test: 1}}", "data: {train: a.csv, split: {test: 0.6, validation: 0.6}}",
    "data: {train: a.csv, split: {test: -0.1}}", "data: {train: a.csv, on_bad_row: ignore}",
    "data: {train: a.csv, max_bad_share: 2}", "data: {train: a.csv, long_text: cut}",
    "data: {train: a.csv, max_tokens: 0}", "data: {train: a.csv, max_tokens: many}",
    "data: {train: a.csv, label_column: y}", "data: {train: ${DATA}}", "tuning:", "tuning: 5", "tuning: []",
    "tuning: {}", "tuning: true", "tuning: lora2", "tuning: FULL", "tuning: 'full '", "tuning: {kind: full, rank: 8}",
    "tuning: {kind: full, layer_decay: 0}", "tuning: {kind: full, layer_decay: 1.5}",
    "tuning: {kind: full, freeze_blocks: -1}", "tuning: {kind: full, freeze_blocks: 1.5}",
    "tuning: {kind: full, kind: head}", "tuning: {layer_decay: 0.9}", "tuning: {type: full}", "tuning: full, head",
    "tuning: ../../os", "tuning: contract", "tuning: __init__", "tuning: _selection", "tuning: {kind: null}",
    "tuning: {kind: {kind: full}}", "tuning: [full]",
]  # fmt: skip
"""Lines that stand where one of the three needed lines stood."""

BYTES = [
    b"\xff\xfe" + GOOD.encode("utf-16-le"), b"\x00" * 100, bytes(range(256)), b"PK\x03\x04" + b"\x00" * 50,
    b"\x1f\x8b\x08\x00abc", b"\x89PNG\r\n\x1a\n", GOOD.encode() + b"output: \xe9t\xe9\n", b"#" * 1_000_001,
    b"a: b\n" * 250_000, b"\xef\xbb\xbf",
]  # fmt: skip
"""Files that are no text."""


def _replaced(line):
    key = line.partition(":")[0]
    return "".join(old + "\n" for old in GOOD.splitlines() if not old.startswith(key)) + line + "\n"


TEXTS = [*STRUCTURE, *(GOOD + line + "\n" for line in [*KEYS, *VALUES]), *(_replaced(line) for line in REPLACED)]
CASES = [*(text.encode("utf-8", "surrogatepass") for text in TEXTS), *BYTES]


def test_there_are_enough_cases():
    assert len(CASES) > 200


@pytest.mark.parametrize("content", CASES, ids=range(len(CASES)))
def test_a_malformed_recipe_is_refused_with_its_place(content, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.yaml").write_bytes(content)
    assert main(["recipe", "validate", "bad.yaml"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "Traceback" not in captured.err
    assert captured.err.startswith("E-RECIPE-")
    assert (
        PLACE.search(captured.err)
        or "nowhere.yaml" in captured.err
        or "extends: ." in content.decode("utf-8", "replace")
    )
    assert len(captured.err) < 6000


def test_every_single_problem_has_its_own_place(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    several = [line for line in VALUES if not re.search("hf_|token|api_key", line)]
    keys = {line.partition(":")[0]: line for line in several}
    (tmp_path / "bad.yaml").write_text(GOOD + "\n".join(keys.values()) + "\nzzz: 1\n", encoding="utf-8")
    assert main(["--json", "recipe", "validate", "bad.yaml"]) == 2
    problems = json.loads(capsys.readouterr().out)["error"]["problems"]
    assert len(problems) >= len(keys)
    assert all(PLACE.match(problem["where"]) for problem in problems)


def test_a_recipe_with_a_random_wound_is_read_or_refused(tmp_path):
    text = (GOOD + "training:\n  epochs: 3\n  callbacks: [early-stop]\nseed: 7\n").encode()
    draw = random.Random(0)
    path = tmp_path / "bad.yaml"
    for _ in range(300):
        wounded = bytearray(text)
        for _ in range(draw.randint(1, 4)):
            place = draw.randrange(len(wounded))
            wounded[place : place + draw.randint(0, 3)] = draw.randbytes(draw.randint(0, 3))
        path.write_bytes(bytes(wounded))
        refusal = _refusal(lambda: read(path))
        assert refusal is None or PLACE.search(str(refusal)), wounded


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=60))
def test_any_text_is_read_or_refused(text):
    refusal = _refusal(lambda: from_text(GOOD + text))
    assert refusal is None or refusal.exit_code == 2


def _refusal(reading):
    try:
        reading()
    except RecipeError as error:
        return error
    return None
