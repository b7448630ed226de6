"""Credentials are refused."""

import pytest

from afina.recipe import secrets

HUB = "hf_" + "a" * 34


@pytest.mark.parametrize(
    "tree",
    [
        {"base": HUB},
        {"data": {"train": f"https://x/{HUB}/rows.csv"}},
        {"a": [{"b": "sk-" + "x" * 30}]},
        {"token": "abc"},
        {"hub_token": "abc"},
        {"api-key": 5},
        {"senha": "abc"},
        {"password": "abc"},
        {"data": "https://name:word@host/rows.csv"},
        {"a": "AKIA" + "A" * 16},
        {HUB: 1},
    ],
)
def test_find_sees_a_secret_and_never_repeats_it(tree):
    found = list(secrets.find(tree))
    assert len(found) == 1
    path, problem = found[0]
    assert HUB not in f"{path} {problem}"
    assert problem.mend


@pytest.mark.parametrize(
    "tree",
    [{"max_tokens": 5}, {"tokens": "a"}, {"base": "org/sk-model"}, {"token": None}, {"data": "tokenizer.csv"}],
)
def test_find_leaves_the_innocent_alone(tree):
    assert not list(secrets.find(tree))
