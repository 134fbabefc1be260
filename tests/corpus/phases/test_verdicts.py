"""Numbers by task: what is written for each is what it reads."""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from encodery.corpus.phases.verdicts import read_verdicts, write_in_order, write_verdicts

numbers = st.integers(0, 2**32 - 1)


@given(st.lists(st.lists(numbers, max_size=7, unique=True), min_size=1, max_size=11), st.randoms())
def test_there_and_back(by_task: list[list[int]], chance: object) -> None:
    pairs = [(task, number) for task, own in enumerate(by_task) for number in own]
    with TemporaryDirectory() as folder:
        tasks, given_numbers = (np.array([pair[index] for pair in pairs], np.uint32) for index in range(2))
        write_verdicts(Path(folder) / "a", tasks, given_numbers, len(by_task))
        in_order = (np.array(sorted(own), np.uint32) for own in by_task)
        write_in_order(Path(folder) / "b", in_order, len(by_task))
        assert (Path(folder) / "a").read_bytes() == (Path(folder) / "b").read_bytes()
        for task, own in enumerate(by_task):
            assert read_verdicts(Path(folder) / "a", task, len(by_task)).tolist() == sorted(own)
