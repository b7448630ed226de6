"""Texts become tokens within the length that the model can read."""

import json
import shutil

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from afina.base.errors import SourceError
from afina.models import processor as processors
from afina.models import sources
from afina.recipe.schema import Base
from tests import tiny

LONG = "abcdefghij " * 12


def _processor(folder):
    return processors.load(sources.locate(Base(name=str(folder))))


@pytest.fixture(scope="module")
def processor(tiny_folder):
    return _processor(tiny_folder("bert"))


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_the_longest_sequence_is_one_that_the_model_can_read(tiny_folder, family):
    processor = _processor(tiny_folder(family))
    model = tiny.load(tiny_folder(family), "mean").eval()
    assert 40 < processor.max_tokens <= 50
    code = processor.encode([(LONG,)], processor.max_tokens, "truncate")[0]
    assert len(code.documents[0]) == processor.max_tokens
    ids = torch.from_numpy(code.documents[0].astype(np.int64))[None]
    with torch.no_grad():
        assert model(ids, torch.ones_like(ids, dtype=torch.bool)).isfinite().all()


def test_the_tokenizers_and_the_sentence_encoders_own_limits_are_kept(tiny_folder, tmp_path):
    folder = shutil.copytree(tiny_folder("bert"), tmp_path / "base")
    (folder / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 20}), "utf-8")
    assert _processor(folder).max_tokens == 20
    path = folder / "tokenizer_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), "model_max_length": 12}), "utf-8")
    assert _processor(folder).max_tokens == 12


def test_a_short_text_is_one_document_whole(processor):
    code = processor.encode([("abc",)], 48, "truncate")[0]
    assert code.documents[0].dtype == np.int32
    assert len(code.documents[0]) == code.num_tokens == 5
    assert code.documents[0].tolist() == processor.tokenizer("abc")["input_ids"]


def test_a_long_text_is_cut_at_its_end_and_its_length_is_told(processor):
    code = processor.encode([(LONG,)], 16, "truncate")[0]
    whole = processor.tokenizer(LONG, verbose=False)["input_ids"]
    assert code.num_tokens == len(whole) > 100
    assert code.documents[0].tolist() == [*whole[:15], whole[-1]]


def test_windows_read_every_token_and_overlap_by_a_quarter(processor):
    code = processor.encode([(LONG,)], 16, "windows")[0]
    whole = processor.tokenizer(LONG, verbose=False)["input_ids"][1:-1]
    insides = [document.tolist()[1:-1] for document in code.documents]
    read = insides[0]
    for inside in insides[1:]:
        assert inside[:4] == read[-4:]
        read = read + inside[4:]
    assert read == whole
    assert all(len(document) <= 16 for document in code.documents)


@pytest.mark.parametrize("long_text", ["truncate", "windows"])
def test_pairs_keep_both_halves_and_say_which_is_which(processor, long_text):
    codes = processor.encode([("abc", "de"), (LONG, "de"), ("abc", LONG), (LONG, LONG)], 20, long_text)
    for code in codes:
        for document, types in zip(code.documents, code.token_types, strict=True):
            assert len(document) == len(types) <= 20
            assert set(types.tolist()) == {0, 1}
            assert document.tolist().count(processor.tokenizer.sep_token_id) == 2
    assert len(codes[0].documents) == 1
    if long_text == "windows":
        assert len(codes[1].documents) > 1


@pytest.mark.parametrize("long_text", ["truncate", "windows"])
@pytest.mark.parametrize("max_tokens", [5, 6, 8])
@pytest.mark.parametrize(
    "texts", [[(LONG,), ("a",), ("",)], [(LONG, LONG), ("a", LONG), ("", "")]], ids=["one", "pairs"]
)
def test_even_the_smallest_limits_hold(processor, max_tokens, long_text, texts):
    codes = processor.encode(texts, max_tokens, long_text)
    assert len(codes) == 3
    assert all(2 <= len(document) <= max_tokens for code in codes for document in code.documents)


@given(
    st.lists(st.text(max_size=80), min_size=1, max_size=5), st.integers(6, 40), st.sampled_from(["truncate", "windows"])
)
@settings(max_examples=40, deadline=None)
def test_any_text_is_read_within_the_limit(processor, texts, max_tokens, long_text):
    codes = processor.encode([(text,) for text in texts], max_tokens, long_text)
    assert len(codes) == len(texts)
    assert all(0 < len(document) <= max_tokens for code in codes for document in code.documents)
    assert [code.num_tokens for code in codes] == processor.count([(text,) for text in texts])


def test_several_texts_are_counted_as_they_are_read(processor):
    assert processor.count([("abc", "de")]) == [len(processor.tokenizer("abc", "de")["input_ids"])]


def test_a_base_without_a_tokenizer_is_refused(tiny_folder, tmp_path):
    folder = shutil.copytree(tiny_folder("bert"), tmp_path / "base")
    for path in folder.glob("*token*"):
        path.unlink()
    assert {path.name for path in folder.iterdir()} == {"config.json", "model.safetensors"}
    with pytest.raises(SourceError) as error:
        _processor(folder)
    assert error.value.code == "E-MODEL-007"
    assert error.value.problem.where == str(folder)
