"""Texts to token ids, by the base's own tokenizer; no weights are needed for it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from transformers import AutoTokenizer

from afina.base.errors import SourceError
from afina.base.messages import say
from afina.models.sources import Source

LongText = Literal["truncate", "windows"]

_NO_LIMIT = 1_000_000
"""Tokenizers without a known limit declare an astronomically large one."""

_VOCABULARIES = ("tokenizer.json", "vocab.*", "*.model", "merges.txt")
"""Files of which every tokenizer has at least one."""

_SHIFTED = frozenset(
    {"camembert", "data2vec-text", "ibert", "layoutlmv3", "lilt", "longformer", "luke", "markuplm"}
) | {*("mpnet", "roberta", "roberta-prelayernorm", "xlm-roberta", "xlm-roberta-xl", "xmod")}
"""Models in RoBERTa's line: they number positions from the id after the padding's, and have as many fewer."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """One text, or pair of texts, as token ids.

    Attributes:
        documents: Token ids, one array of shape (length,) per window, special tokens included.
        token_types: Segment ids of the same shapes, or None when the tokenizer makes none.
        num_tokens: Tokens of the whole text before anything was cut.
    """

    documents: tuple[np.ndarray, ...]
    token_types: tuple[np.ndarray, ...] | None
    num_tokens: int


@dataclass(frozen=True, eq=False)
class Processor:
    """A tokenizer with the length that its model can read.

    Attributes:
        tokenizer: The transformers tokenizer.
        max_tokens: The longest sequence, special tokens included.
    """

    tokenizer: Any
    max_tokens: int

    @property
    def pad_token_id(self) -> int:
        """Id that fills a short sequence."""
        return int(self.tokenizer.pad_token_id or 0)

    def encode(self, texts: Sequence[tuple[str, ...]], max_tokens: int, long_text: LongText) -> list[Encoded]:
        """Encode texts or pairs of texts.

        Args:
            texts: One tuple per row, of one text or a pair.
            max_tokens: The longest sequence to make.
            long_text: What to do with a longer one: `truncate` cuts its end (the longer half of a pair first),
                `windows` cuts it into windows that overlap by a quarter.
        """
        pairs = len(texts[0]) == 2 if texts else False
        halves = ([text[0] for text in texts], [text[1] for text in texts] if pairs else None)
        lengths = [len(ids) for ids in self.tokenizer(*halves, truncation=False, verbose=False)["input_ids"]]
        windows = long_text == "windows"
        cut = self.tokenizer(
            *halves,
            truncation="longest_first" if not windows else True,
            max_length=max_tokens,
            return_overflowing_tokens=windows,
            stride=self._overlap(max_tokens, pairs) if windows else 0,
        )
        owners = cut.get("overflow_to_sample_mapping", range(len(texts)))
        documents: list[list[np.ndarray]] = [[] for _ in texts]
        types: list[list[np.ndarray]] = [[] for _ in texts]
        for place, owner in enumerate(owners):
            documents[owner].append(np.asarray(cut["input_ids"][place], dtype=np.int32))
            if "token_type_ids" in cut:
                types[owner].append(np.asarray(cut["token_type_ids"][place], dtype=np.int32))
        return [
            Encoded(tuple(own), tuple(kinds) if kinds else None, length)
            for own, kinds, length in zip(documents, types, lengths, strict=True)
        ]

    def _overlap(self, max_tokens: int, pairs: bool) -> int:
        # A quarter, but less than a window holds beside its special tokens, which the halves of a pair share.
        room = max_tokens - self.tokenizer.num_special_tokens_to_add(pairs)
        return int(max(0, min(max_tokens // 4, (room // 2 if pairs else room) - 1)))

    def count(self, texts: Sequence[tuple[str, ...]]) -> list[int]:
        """Return the number of tokens of each text, special tokens included, nothing cut."""
        columns = zip(*(text if len(text) <= 2 else ("\n".join(text),) for text in texts), strict=True)
        return [len(ids) for ids in self.tokenizer(*map(list, columns), truncation=False, verbose=False)["input_ids"]]


def load(source: Source) -> Processor:
    """Load the tokenizer of a base.

    Raises:
        SourceError: If the base has none that can be read.
    """
    # Without its files transformers makes a tokenizer that knows no word, and says nothing.
    if not any(True for pattern in _VOCABULARIES for _ in source.folder.glob(pattern)):
        raise _unreadable(source, say("there is none"))
    try:
        tokenizer = AutoTokenizer.from_pretrained(source.folder, trust_remote_code=source.trusted)
    except (OSError, ValueError, KeyError) as error:
        raise _unreadable(source, str(error).split("\n")[0]) from error
    return Processor(tokenizer, _longest(source, tokenizer))


def _unreadable(source: Source, reason: str) -> SourceError:
    return SourceError(
        "E-MODEL-007",
        say("The tokenizer of {name} cannot be read: {reason}", name=source.origin.name, reason=reason),
        where=str(source.folder),
        mend=say("Put the tokenizer's files (tokenizer.json) beside the weights."),
    )


def _longest(source: Source, tokenizer: Any) -> int:
    limits = [_positions(source.config)]
    if tokenizer.model_max_length < _NO_LIMIT:
        limits.append(int(tokenizer.model_max_length))
    # sentence-transformers writes the length its model was made for into a file of its own.
    own = source.folder / "sentence_bert_config.json"
    if own.is_file() and (limit := json.loads(own.read_text("utf-8")).get("max_seq_length")):
        limits.append(int(limit))
    return min(limits)


def _positions(config: dict[str, Any]) -> int:
    declared = config.get("max_position_embeddings", config.get("n_positions", 512))
    return int(declared) - (int(config.get("pad_token_id", 1)) + 1 if config["model_type"] in _SHIFTED else 0)
