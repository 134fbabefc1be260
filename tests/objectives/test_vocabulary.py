"""Tables over the ids."""

import numpy as np

from tests.objectives.vocabularies import vocabulary


def test_special_and_regular_ids_share_the_vocabulary() -> None:
    tables = vocabulary(11)
    assert tables.is_special().tolist() == [True] * 5 + [False] * 6
    assert tables.regular_ids().tolist() == [5, 6, 7, 8, 9, 10]
    assert np.flatnonzero(tables.continues_word).tolist() == [6, 9]
