from dataclasses import replace

import pytest

from afina.base import device
from afina.planning import fits
from afina.planning.fits import Job


@pytest.fixture
def laptop(tmp_path):
    facts = device.facts(tmp_path)
    return replace(facts, num_cores=4, memory_available_bytes=6 * 10**9, has_native_bfloat16=False, accelerator=None)


@pytest.mark.parametrize(("hidden", "blocks", "position"), [(384, 6, 0), (768, 12, 2), (1024, 24, 3)])
def test_jobs_state_the_true_sizes(hidden, blocks, position):
    import torch
    from transformers import BertConfig, BertModel

    job = list(fits.jobs().values())[position]
    with torch.device("meta"):
        config = BertConfig(
            hidden_size=hidden,
            num_hidden_layers=blocks,
            num_attention_heads=12 if hidden < 1000 else 16,
            intermediate_size=4 * hidden,
        )
        model = BertModel(config)
    assert job.num_parameters == sum(weight.numel() for weight in model.parameters())
    assert job.num_block_parameters == sum(weight.numel() for weight in model.encoder.parameters())


def test_memory_grows_with_what_is_trained_and_with_the_batch():
    whole = Job(10**8, 8 * 10**7, 12, 768, trains_encoder=True)
    head = replace(whole, trains_encoder=False)
    assert head.memory_bytes() < whole.memory_bytes()
    assert whole.memory_bytes(1) < whole.memory_bytes(32)
    assert whole.memory_bytes(0) == fits.PROCESS_BYTES + 16 * 10**8


def test_fits_judges_by_memory(laptop):
    verdicts = [fit.verdict for fit in fits.fits(laptop)]
    assert verdicts == ["fits", "fits", "fits", "no"]
    assert [fit.verdict for fit in fits.fits(replace(laptop, memory_available_bytes=3 * 10**9))] == [
        "fits",
        "fits",
        "tight",
        "no",
    ]


def test_fits_counts_on_the_card_where_there_is_one(laptop):
    card = device.Accelerator("cuda", "Some card", 24 * 10**9, has_native_bfloat16=True)
    with_card = fits.fits(replace(laptop, accelerator=card))
    assert {fit.verdict for fit in with_card} == {"fits"}
    assert with_card[0].seconds[1] < fits.fits(laptop)[0].seconds[0]


def test_times_shrink_with_cores_and_bfloat16(laptop):
    slow, fast = fits.fits(laptop), fits.fits(replace(laptop, num_cores=8, has_native_bfloat16=True))
    assert fast[0].seconds[0] == pytest.approx(slow[0].seconds[0] / (2 * fits.BFLOAT16_GAIN))
    assert slow[0].seconds[0] < slow[0].seconds[1]
