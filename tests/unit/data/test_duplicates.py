import numpy as np

from afina.data.duplicates import NUM_PERMUTATIONS, groups, signatures, similar_pairs

LONG = "the parcel came late on monday and the box was broken at two of its corners"


def _texts():
    return [
        f"{number} entirely different words {number * 7919} stand in this line {number**3}" for number in range(200)
    ]


def test_signatures_have_one_row_per_text():
    assert signatures([]).shape == (0, NUM_PERMUTATIONS)
    assert signatures(["a", "", "longer than a shingle"]).shape == (3, NUM_PERMUTATIONS)


def test_signatures_do_not_depend_on_neighbours():
    alone = signatures([LONG])[0]
    among = signatures([*_texts(), LONG, *_texts()])[200]
    assert np.array_equal(alone, among)


def test_signatures_estimate_similarity():
    one, other, far = signatures([LONG, LONG + "!", "nothing of this is in the other text"])
    assert (one == other).mean() > 0.9
    assert (one == far).mean() < 0.2


def test_groups_follow_similarity_through_and_leave_others_alone():
    texts = [*_texts(), LONG, LONG + "!", LONG + "?!"]
    assert groups(signatures(texts)) == [[200, 201, 202]]


def test_groups_of_chosen_rows_keep_their_numbers():
    digests = signatures([LONG, "x", LONG, "y", LONG + "!"])
    assert groups(digests, np.array([0, 1, 3, 4])) == [[0, 4]]


def test_similar_pairs_of_few_rows():
    assert list(similar_pairs(signatures(["alone here"]))) == []
