"""A resolved recipe, written and read back, is the same recipe with the same origins."""

from hypothesis import given, settings
from hypothesis import strategies as st

from afina.recipe.reading import from_keywords
from afina.recipe.resolved import Resolved, differences
from afina.recipe.secrets import holds_secret

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0$"), min_size=1, max_size=20).filter(
    lambda text: not holds_secret(text)
)
WHY = st.text(st.characters(categories=["L", "N", "P", "S", "Zs"]), min_size=1, max_size=40)
SHARE = st.floats(0, 0.49, allow_nan=False)
DATA = st.fixed_dictionaries(
    {"train": TEXT},
    optional={
        "text": st.lists(TEXT, min_size=1, max_size=3),
        "label": TEXT,
        "group": TEXT,
        "split": st.fixed_dictionaries({"validation": SHARE, "test": SHARE}),
        "max_tokens": st.one_of(st.just("auto"), st.integers(4, 1_000_000)),
    },
)
TRAINING = st.fixed_dictionaries(
    {},
    optional={
        "epochs": st.floats(1e-9, 1e4),
        "learning_rate": st.one_of(st.just("auto"), st.floats(1e-30, 10)),
        "max_gradient_norm": st.one_of(st.none(), st.floats(1e-5, 1e300)),
        "callbacks": st.lists(
            st.sampled_from(["early-stop", "divergence", {"kind": "early_stop", "patience": 2}]), max_size=3
        ),
        "optimizer": st.sampled_from(["adamw", "sgd", {"kind": "muon"}]),
    },
)
RECIPE = st.fixed_dictionaries(
    {
        "base": TEXT,
        "data": DATA,
        "tuning": st.sampled_from(["full", "last_blocks", {"kind": "full", "layer_decay": 0.5}]),
    },
    optional={
        "training": TRAINING,
        "output": TEXT,
        "seed": st.integers(0, 2**32 - 1),
        "evaluation": st.fixed_dictionaries({"retained": st.lists(TEXT, max_size=2)}),
    },
)


@settings(max_examples=150, deadline=None)
@given(RECIPE)
def test_dump_and_load_give_the_same_recipe(values):
    before = from_keywords(values)
    after = Resolved.load(before.dump())
    assert after == before
    assert differences(before.recipe, after.recipe) == []


@settings(max_examples=50, deadline=None)
@given(RECIPE, WHY)
def test_an_inferred_value_keeps_its_reason(values, why):
    before = from_keywords(values).infer("training.micro_batch_size", 1, why)
    after = Resolved.load(before.dump())
    assert after.recipe == before.recipe
    assert after.origins["training.micro_batch_size"].why == " ".join(why.split())
