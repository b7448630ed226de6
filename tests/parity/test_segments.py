"""Several documents in one sequence: equal to each alone on networks of transformers, refused where they are not.

The law is held on the networks themselves: hidden states and gradients of a pack against those of each document alone,
under the network's own attention.
"""

from dataclasses import replace

import numpy as np
import pytest
import torch
from transformers import AutoConfig, AutoModel

from afina.base import registry
from afina.base.types import Layout, Segments
from afina.data import batching
from afina.inference import attention
from afina.inference.forward import Forward
from tests import tiny

VOCABULARY = 64
LENGTHS = (7, 30, 12, 7, 1, 7, 19)
_SIZE = {
    "vocab_size": VOCABULARY,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 32,
    "max_position_embeddings": 700,
    "pad_token_id": 0,
    "initializer_range": 0.2,
}
_GROUPED = {**_SIZE, "num_key_value_heads": 2, "bos_token_id": 2, "eos_token_id": 3}
_WINDOW = {"use_sliding_window": True, "sliding_window": 5, "max_window_layers": 1}
_RELATIVE = {"relative_attention": True, "pos_att_type": ["p2c", "c2p"], "position_biased_input": False}
_GPT2 = {"n_embd": 16, "n_layer": 2, "n_head": 4, "n_positions": 700, "bos_token_id": 2, "eos_token_id": 3}
_DISTIL = {"dim": 16, "n_layers": 2, "n_heads": 4, "hidden_dim": 32, "max_position_embeddings": 700}
EXACT = {
    "bert": ("bert", _SIZE),
    "roberta": ("roberta", {**_SIZE, "pad_token_id": 1}),
    "distilbert": ("distilbert", {"vocab_size": VOCABULARY, "initializer_range": 0.2, **_DISTIL}),
    "gpt2": ("gpt2", {"vocab_size": VOCABULARY, "initializer_range": 0.2, **_GPT2}),
    "llama": ("llama", _GROUPED),
    "qwen2": ("qwen2", _GROUPED),
    "qwen2 with a sliding window": ("qwen2", {**_GROUPED, **_WINDOW}),
}
FORWARDS = ("gpt2", "llama", "qwen2", "qwen2 with a sliding window")
WRONG = {
    "deberta": ("deberta", {**_SIZE, **_RELATIVE}),
    "deberta-v2": ("deberta-v2", {**_SIZE, **_RELATIVE, "share_att_key": True, "type_vocab_size": 0}),
}


def _network(name, own=None):
    kind, options = {**EXACT, **WRONG}[name]
    config = AutoConfig.for_model(kind, **options)
    if own is not None:
        config._attn_implementation = own
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = AutoModel.from_config(config)
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.add_(0.1 * torch.randn_like(parameter))
    if not any(module.__class__.__name__.endswith("RMSNorm") for module in network.modules()):
        return network.double().eval()
    return network.eval()  # its norms compute in float32 whatever they are given


def _layout(network, positions):
    pad = network.config.pad_token_id or 0
    return Layout(700, pad, takes_segments=True, positions=positions, wants_packs=True)


def _positions(name):
    return "after_padding" if name == "roberta" else "from_zero"


def _rows(lengths=LENGTHS, graded=None, seed=0):
    draw = np.random.default_rng(seed)
    documents = [draw.integers(4, VOCABULARY, length).astype(np.int32) for length in lengths]
    return [Segments(row, (document,), graded=graded) for row, document in enumerate(documents)]


def _alone(network, ids):
    ids = torch.from_numpy(np.asarray(ids, dtype=np.int64))[None]
    return network(input_ids=ids, attention_mask=torch.ones_like(ids), use_cache=False).last_hidden_state[0]


def _packed(network, batch):
    with attention.reading(batch):
        states = network(
            input_ids=batch.input_ids,
            attention_mask=batch.attention_mask,
            position_ids=batch.packing.position_ids,
            use_cache=False,
        ).last_hidden_state[0]
    packing = batch.packing
    return [states[places[mask]] for places, mask in zip(packing.read, packing.read_mask, strict=True)]


def _gradients(network, states):
    network.zero_grad(set_to_none=True)
    sum(own.square().sum() for own in states).backward()
    return {name: parameter.grad for name, parameter in network.named_parameters() if parameter.grad is not None}


def _assert_equal(network, reference, found, expected):
    tolerance = 1e-10 if next(network.parameters()).dtype == torch.float64 else 1e-5
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=tolerance, atol=tolerance)
    wanted, got = _gradients(reference, expected), _gradients(network, found)
    assert got.keys() == wanted.keys()
    scale = max(float(gradient.abs().max()) for gradient in wanted.values())
    assert max(float((wanted[name] - got[name]).abs().max()) for name in wanted) <= 1e-6 * scale


@pytest.mark.parametrize("lengths", [LENGTHS, (600, 5, 5)], ids=["short", "long"])
@pytest.mark.parametrize("name", EXACT)
def test_documents_packed_are_documents_alone(name, lengths):
    reference, network = _network(name, "eager"), _network(name)
    assert attention.switch(network, attention.NAME)
    rows = _rows(lengths)
    found = _packed(network, batching.collate(rows, _layout(network, _positions(name)), "class"))
    _assert_equal(network, reference, found, [_alone(reference, row.documents[0]) for row in rows])


@pytest.mark.parametrize("name", FORWARDS)
def test_a_shared_prefix_is_the_prompt_repeated(name):
    reference, network = _network(name, "eager"), _network(name)
    attention.switch(network, attention.NAME)
    draw = np.random.default_rng(1)
    prompts = [draw.integers(4, VOCABULARY, length).astype(np.int32) for length in (9, 3)]
    answers = [[draw.integers(4, VOCABULARY, n).astype(np.int32) for n in counts] for counts in ((4, 11, 4), (6, 1))]
    rows = [
        Segments(row, tuple(own), prefix=prompt) for row, (prompt, own) in enumerate(zip(prompts, answers, strict=True))
    ]
    rows += _rows((8,))
    batch = batching.collate(rows, _layout(network, "from_zero"), "class")
    assert batch.packing.num_tokens == sum(row.num_tokens for row in rows) == 12 + 26 + 8
    texts = [np.concatenate([prompt, own]) for prompt, owns in zip(prompts, answers, strict=True) for own in owns]
    texts.append(rows[-1].documents[0])
    _assert_equal(network, reference, _packed(network, batch), [_alone(reference, text) for text in texts])


def test_a_prefix_is_not_shared_where_positions_see_what_comes_after_them():
    network = _network("bert")
    attention.switch(network, attention.NAME)
    row = Segments(0, (np.asarray([5, 6], dtype=np.int32),), prefix=np.asarray([7], dtype=np.int32))
    with pytest.raises(NotImplementedError, match="prefix"):
        _packed(network, batching.collate([row], _layout(network, "from_zero"), "class"))


@pytest.mark.parametrize("name", [*WRONG, "roberta"])
def test_packing_would_be_wrong_where_it_is_refused(name):
    network = _network(name)
    attention.switch(network, attention.NAME)
    rows = _rows()
    with torch.no_grad():
        # The positions that are right on every other network.
        found = _packed(network, batching.collate(rows, _layout(network, "from_zero"), "class"))
        alone = [_alone(network, row.documents[0]) for row in rows]
    assert max(float((one - other).abs().max()) for one, other in zip(found, alone, strict=True)) > 0.1


def test_a_pack_is_refused_by_a_model_that_keeps_keys():
    network = _network("llama")
    attention.switch(network, attention.NAME)
    batch = batching.collate(_rows(), _layout(network, "from_zero"), "class")
    kept = network(input_ids=torch.ones(1, 3, dtype=torch.int64), use_cache=True).past_key_values
    with attention.reading(batch), pytest.raises(NotImplementedError, match="whole"):
        network(input_ids=batch.input_ids, position_ids=batch.packing.position_ids, past_key_values=kept)


@pytest.mark.parametrize("name", FORWARDS)
@pytest.mark.parametrize("own", ["eager", "sdpa"])
def test_padded_decoders_run_on_our_attention(name, own):
    reference, network = _network(name, own), _network(name)
    attention.switch(network, attention.NAME)
    batch = batching.collate(_rows(), Layout(700, 0), "class")
    states = [
        [
            text[mask]
            for text, mask in zip(
                one(input_ids=batch.input_ids, attention_mask=batch.attention_mask, use_cache=False).last_hidden_state,
                batch.attention_mask,
                strict=True,
            )
        ]
        for one in (network, reference)
    ]
    _assert_equal(network, reference, *states)


CPU = torch.device("cpu")
TAKES = ["bert", "roberta", "distilbert", "electra", "xlm-roberta", "roberta-prelayernorm", "modernbert"]
REFUSES = ["albert", "mpnet", "deberta-v2", "megatron-bert", "layoutlm"]
"""Of ALBERT, whose one block is all blocks, a head of its own alone is refused: there is no last block to unpack."""


@pytest.mark.parametrize(
    ("family", "pooling"),
    [*((family, pooling) for family in TAKES for pooling in ("cls", "mean", "last")), ("albert", "mean")],
)
def test_a_model_that_takes_segments_says_the_same_packed(tiny_folder, family, pooling):
    reference, model = (tiny.load(tiny_folder(family), pooling).eval() for _ in range(2))
    forward = Forward(model, CPU, "float32", layout="packed")
    assert model.layout.takes_segments
    assert not any("padded" in note for note in forward.notes)
    rows = tiny.rows(9, pooling, windows=3, longest=30)
    batch = forward.collate(rows, "class")
    assert batch.input_ids.shape == (1, sum(row.num_tokens for row in rows))
    plain = tiny.batch(reference, rows)
    expected = reference(plain.input_ids, plain.attention_mask, plain.token_type_ids, plain.owner, len(plain))
    found = forward(batch)
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-6)
    wanted, got = _gradients(reference, [expected]), _gradients(model, [found])
    assert got.keys() == wanted.keys()
    scale = max(float(gradient.abs().max()) for gradient in wanted.values())
    assert max(float((wanted[name] - got[name]).abs().max()) for name in wanted) <= 1e-6 * scale


@pytest.mark.parametrize("family", REFUSES)
def test_a_model_that_does_not_falls_back_aloud(tiny_folder, family):
    pooling = "cls" if family == "albert" else "mean"
    reference, model = (tiny.load(tiny_folder(family), pooling).eval() for _ in range(2))
    forward = Forward(model, CPU, "float32", layout="packed")
    assert not model.layout.takes_segments
    assert sum("padded" in note for note in forward.notes) == 1
    batch = forward.collate(tiny.rows(5, pooling), "class")
    assert batch.packing is None
    with torch.no_grad():
        plain = reference(batch.input_ids, batch.attention_mask, batch.token_type_ids, batch.owner, len(batch))
        torch.testing.assert_close(forward(batch), plain, rtol=1e-5, atol=1e-5)


def test_a_technique_that_takes_no_segments_is_believed(tiny_folder):
    model = tiny.load(tiny_folder("bert"), "mean").eval()
    forward = Forward(model, CPU, "float32", "packed", takes_segments=False)
    assert not model.layout.takes_segments
    assert any("padded" in note for note in forward.notes)
    assert forward.collate(tiny.rows(3, "mean"), "class").packing is None


def test_without_being_asked_nothing_is_packed_and_nothing_said(tiny_folder):
    for family in ("bert", "layoutlm"):
        model = tiny.load(tiny_folder(family), "mean").eval()
        for choice in ("auto", "padded"):
            forward = Forward(model, CPU, "float32", layout=choice)
            assert forward.collate(tiny.rows(3, "mean"), "class").packing is None
            assert not any("padded" in note for note in forward.notes)
            assert model.layout.takes_segments is (family == "bert")


def _techniques():
    family = {"bert": "encoder", "gpt2": "decoder", "llama": "decoder"}
    return [
        (kind, model, pooling)
        for kind in registry.names("tuning")
        for model, pooling in (("bert", "cls"), ("bert", "mean"), ("gpt2", "last"), ("llama", "mean"))
        if family[model] in tiny.technique("tuning", kind, **tiny.OPTIONS.get(kind, {})).supports
        and (kind, model) != ("bias", "llama")
    ]


@pytest.mark.parametrize(("kind", "family", "pooling"), _techniques())
def test_every_technique_packs_exactly_or_not_at_all(tiny_folder, kind, family, pooling):
    requires = tiny.technique("tuning", kind, **tiny.OPTIONS.get(kind, {})).requires
    model = tiny.load(tiny_folder(family), pooling, requires=requires)
    _, report = tiny.tuned(model, kind, **tiny.OPTIONS.get(kind, {}))
    with torch.no_grad(), torch.random.fork_rng():
        torch.manual_seed(0)
        for name in report.names:  # what starts at zero would hide a mistake
            model.get_parameter(name).add_(0.1 * torch.randn_like(model.get_parameter(name)))
    model.eval()
    forward = Forward(model, CPU, "float32", "packed", report.takes_segments)
    # What puts tokens or keys before the text is refused, whatever it says of itself.
    assert model.layout.takes_segments is report.takes_segments is (report.virtual_tokens == 0)
    if not report.takes_segments:
        assert any("padded" in note for note in forward.notes)
        Forward(model, CPU, "float32", "packed", takes_segments=True)
        assert not model.layout.takes_segments
        return
    rows = tiny.rows(7, pooling, longest=30)
    padded, packed = (
        batching.collate(rows, replace(model.layout, wants_packs=wanted), "class") for wanted in (False, True)
    )
    assert packed.packing is not None
    with torch.no_grad():
        torch.testing.assert_close(forward(packed), forward(padded), rtol=1e-5, atol=1e-5)
