"""The ranking in sentences."""

from afina.base.messages import set_language
from afina.evaluation import ranking_words
from afina.evaluation.ranking import Pair, Ranking, Standing

NAMES = {"a": "lora (rank 8)", "b": "full", "c": "head"}


def _ranking(told, num_seeds=3):
    """Return a ranking of a, b and c in which `told` pairs are told apart."""
    values = {"a": 0.91, "b": 0.89, "c": 0.8}
    standings = tuple(
        Standing(name=name, by_seed=(value,) * num_seeds, value=value, low=value - 0.02, high=value + 0.02)
        for name, value in values.items()
    )
    pairs = tuple(
        Pair(
            first=first,
            second=second,
            difference=values[first] - values[second],
            low=0.01,
            high=0.05,
            p_value=0.002,
            adjusted=0.004,
            is_told_apart=first + second in told,
        )
        for first, second in ("ab", "ac", "bc")
    )
    return Ranking(metric="accuracy", n=1200, num_seeds=num_seeds, confidence=0.95, standings=standings, pairs=pairs)


def test_a_winner_is_named_with_its_evidence():
    said = ranking_words.sentence(_ranking({"ab", "ac"}), NAMES)
    assert said.startswith("lora (rank 8) is best: accuracy 91.0% against 89.0% of full, the next (95% interval")
    assert "p = 0.004 after correction for 3 pairs, n = 1,200 test rows, 3 seeds" in said
    assert ranking_words.remarks(_ranking({"ab", "ac"}), NAMES) == []


def test_nobody_wins_where_two_are_level():
    ranking = _ranking({"ac"})
    said = ranking_words.sentence(ranking, NAMES)
    assert said.startswith("No difference between lora (rank 8) and full at n = 1,200 test rows and 3 seeds")
    assert "2.0 points" in said
    assert ranking_words.remarks(ranking, NAMES) == ["Worse than lora (rank 8): head (-11.0 points)."]


def test_few_seeds_are_said():
    assert "One seed" in ranking_words.remarks(_ranking({"ab", "ac"}, 1), NAMES)[0]
    assert "Two seeds" in ranking_words.remarks(_ranking({"ab", "ac"}, 2), NAMES)[0]


def test_one_alone_is_compared_with_nothing():
    ranking = _ranking(set())
    alone = Ranking(metric="accuracy", n=9, num_seeds=1, confidence=0.95, standings=ranking.standings[:1], pairs=())
    assert "nothing to compare" in ranking_words.sentence(alone, NAMES)
    assert alone.winner is None


def test_names_are_listed_as_a_sentence_lists_them():
    assert ranking_words.listed(["a"]) == "a"
    assert ranking_words.listed(["a", "b", "c"]) == "a, b and c"
    set_language("pt")
    assert ranking_words.num_seeds(1) in ("1 semente", "1 seed")
