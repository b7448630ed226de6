"""What every test shares: tiny random models made on the spot, small labelled files, a closed door to the network."""

from __future__ import annotations

import csv
import json
import os
import random
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

# Before torch and transformers are imported by any test: results must not depend on the machine's cores or caches.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["AFINA_LANG"] = "en"
# What one test computed must not be there for another run of the suite; processes that tests start share it.
os.environ["AFINA_CACHE"] = tempfile.mkdtemp(prefix="afina-cache-")
os.environ["NO_COLOR"] = "1"

LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789.,!?'-"
WORDS = {
    "good": ("great", "lovely", "fast", "works", "happy", "perfect"),
    "bad": ("broken", "awful", "slow", "late", "sad", "useless"),
    "odd": ("maybe", "fine", "average", "plain", "usual", "common"),
}
FILLERS = ("the", "a", "it", "was", "box", "came", "and", "very", "today", "my", "order", "phone", "is", "not", "so")
MAKE_CSV_ROWS = 60


@pytest.fixture(autouse=True, scope="session")
def _no_network() -> Iterator[None]:
    """Refuse every connection that leaves this machine: no test may need the network."""
    connect, resolve = socket.socket.connect, socket.getaddrinfo

    def local_connect(self: socket.socket, address: Any) -> None:
        if self.family != socket.AF_UNIX and not _is_local(address[0]):
            raise AssertionError(f"a test tried to reach {address}")
        connect(self, address)

    def local_resolve(host: Any, *rest: Any, **named: Any) -> Any:
        if not _is_local(host):
            raise AssertionError(f"a test tried to resolve {host}")
        return resolve(host, *rest, **named)

    socket.socket.connect, socket.getaddrinfo = local_connect, local_resolve  # type: ignore[method-assign]
    yield
    socket.socket.connect, socket.getaddrinfo = connect, resolve  # type: ignore[method-assign]


@pytest.fixture(autouse=True)
def _english() -> Iterator[None]:
    """Give every test the English texts again, whatever the one before it chose."""
    from afina.base import messages

    messages.set_language(None)
    yield
    messages.set_language(None)


@pytest.fixture(scope="session")
def tiny_bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a random two-block BERT (hidden size 32, float32) and its lower-casing WordPiece tokenizer."""
    folder = tmp_path_factory.mktemp("base") / "tiny-bert"
    vocabulary = _vocabulary()
    _save_tokenizer(folder, vocabulary)
    _save_bert(folder, len(vocabulary))
    return folder


@pytest.fixture(scope="session")
def tiny_sentence_encoder(tiny_bert: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same base, whose own files name mean pooling as sentence encoders do."""
    folder = tmp_path_factory.mktemp("base") / "tiny-sentence-encoder"
    shutil.copytree(tiny_bert, folder)
    (folder / "1_Pooling").mkdir()
    pooling = {"word_embedding_dimension": 32, "pooling_mode_cls_token": False, "pooling_mode_mean_tokens": True}
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling), encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def sentences() -> Callable[..., list[tuple[str, str]]]:
    """A function that makes labelled sentences which a model can learn: `sentences(num_rows, labels=2, seed=0)`."""
    return _sentences


@pytest.fixture
def make_csv(tmp_path: Path) -> Callable[..., Path]:
    """A function that writes such sentences as a CSV file: `make_csv(num_rows, labels=2, seed=0, name="rows.csv")`."""

    def make(num_rows: int = MAKE_CSV_ROWS, labels: int = 2, seed: int = 0, name: str = "rows.csv") -> Path:
        path = tmp_path / name
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(("text", "label"))
            writer.writerows(_sentences(num_rows, labels, seed))
        return path

    return make


def _sentences(num_rows: int, labels: int = 2, seed: int = 0) -> list[tuple[str, str]]:
    draw = random.Random(seed)
    names = list(WORDS)[:labels]
    rows, seen = [], set()
    while len(rows) < num_rows:
        label = names[len(rows) % labels]
        words = draw.choices(FILLERS, k=draw.randint(3, 14)) + draw.choices(WORDS[label], k=2)
        draw.shuffle(words)
        text = " ".join(words)
        if text not in seen:
            seen.add(text)
            rows.append((text, label))
    return rows


def _vocabulary() -> dict[str, int]:
    whole = [*FILLERS, *(word for words in WORDS.values() for word in words)]
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *LETTERS, *(f"##{letter}" for letter in LETTERS), *whole]
    return {piece: number for number, piece in enumerate(dict.fromkeys(pieces))}


def _save_tokenizer(folder: Path, vocabulary: dict[str, int]) -> None:
    from transformers import BertTokenizer

    BertTokenizer(vocab=vocabulary, do_lower_case=True, model_max_length=64).save_pretrained(folder)


def _save_bert(folder: Path, num_pieces: int) -> None:
    import torch
    from transformers import BertConfig, BertModel

    config = BertConfig(
        vocab_size=num_pieces,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=64,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        BertModel(config).save_pretrained(folder)


def _is_local(host: Any) -> bool:
    name = host.decode() if isinstance(host, bytes) else host
    return name in {None, "", "localhost", "0.0.0.0", "::", "::1", socket.gethostname()} or str(name).startswith("127.")


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A function that returns the folder of a tiny random encoder of a family: `tiny_folder("roberta")`."""
    from tests import tiny

    root = tmp_path_factory.mktemp("families")

    def folder(family: str = "bert") -> Path:
        path = root / family
        return path if path.is_dir() else tiny.save(family, path)

    return folder
