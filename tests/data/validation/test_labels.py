"""Labels over splits."""

import pytest

from encodery.data.validation.survey import Options
from tests.data.validation.records import entity_record, find, marked, texts, told

TRAIN = texts(*((f"text {n}", "ab"[n % 2]) for n in range(20)))
NAMES = [entity_record(f"Ann and {n}", (0, 3)) for n in range(20)]


def test_a_label_that_train_lacks() -> None:
    dev = texts(("x", "a"), ("y", "c"), ("z", "B "), ("w", "b"))
    findings = find(train=TRAIN, dev=dev)
    assert [(f.code, f.source, f.message) for f in findings] == [
        ("L001", "dev:2", "label 'c' is not among the labels of train ('a', 'b')"),
        ("L001", "dev:3", "label 'B ' is not among the labels of train ('a', 'b')"),
    ]
    assert findings[1].fix == "write 'b', as train does"


def test_the_recipes_labels_decide() -> None:
    findings = find(
        Options(labels=("a", "b", "c")), train=TRAIN, dev=texts(("x", "c"), ("y", "d"), ("z", "a"), ("w", "b"))
    )
    assert told(findings, "L001") == ["dev:2: label 'd' is not among task.labels ('a', 'b', 'c')"]


def test_types_of_entities_and_tags() -> None:
    findings = find(train=NAMES, dev=[entity_record("Ann Bonn", (0, 3), (4, 8, "LOC"))])
    assert told(findings, "L001") == ["dev:1: label 'LOC' is not among the labels of train ('PER')"]
    assert marked(findings[0]) == "Bonn"
    tagged = [{"tokens": ["Ann", str(n)], "tags": ["B-PER", "O"]} for n in range(20)]
    findings = find(train=tagged, dev=[{"tokens": ["Ann", "Bonn"], "tags": ["B-PER", "B-LOC"]}])
    assert told(findings, "L001") == ["dev:1: label 'LOC' is not among the labels of train ('PER')"]
    assert marked(findings[0]) == "Bonn"


def test_without_train_nothing_is_unseen() -> None:
    assert find(dev=TRAIN[:2], test=texts(("x", "c"))) == []


def test_a_label_of_train_alone_and_rare() -> None:
    findings = find(train=[*TRAIN, *texts(("x", "c"))], dev=texts(("y", "a"), ("z", "b")))
    assert told(findings, "L002") == ["train:21: label 'c' occurs in train alone, not in dev"]
    assert told(findings, "L005") == ["train:21: label 'c' has 1 of the 5 examples that it needs at least in train"]
    assert told(findings, "L004") == []


def test_imbalance() -> None:
    train = texts(*((f"text {n}", "a") for n in range(121)), *((f"more {n}", "b") for n in range(5)))
    assert told(find(train=train), "L004") == [
        "train:122: label 'b' is in 5 records of train, 'a' in 121: 24 times as many"
    ]
    assert told(find(train=train[21:]), "L004") == []


def test_two_spellings() -> None:
    train = [*texts(("first", "A "), ("second", "a_1"), ("third", "A-1"), ("fourth", "a_1")), *TRAIN]
    findings = find(train=train)
    assert told(findings, "L003") == [
        "train:1: label 'A '; elsewhere it is spelled 'a'",
        "train:3: label 'A-1'; elsewhere it is spelled 'a_1'",
    ]
    assert [f.source for f in findings if f.code == "L005"] == ["train:2"]


@pytest.mark.parametrize("pair", [("1", "-1"), ("+1", "1"), ("c", "c++"), ("a b", "ab"), (1, -1)])
def test_labels_that_are_two(pair: tuple[str, str]) -> None:
    assert told(find(train=texts(*((f"text {n}", pair[n % 2]) for n in range(20)))), "L003") == []


def test_nothing_to_learn() -> None:
    assert told(find(train=texts(("x", "a"), ("y", "a"))), "L006") == [
        "train:1: every record of train has the label 'a'"
    ]
    assert told(find(train=[entity_record("x"), entity_record("y")]), "L006") == [
        "train:1: no record of train has an entity"
    ]
    assert told(find(train=texts(("x", ["a"]), ("y", ["a"]))), "L006") == []


@pytest.mark.parametrize("label", [0.5, "3.5"])
def test_numbers_are_no_classes(label: object) -> None:
    train = texts(*((f"text {n}", type(label)(n + 0.5)) for n in range(20)))  # type: ignore[call-arg]
    assert find(train=train, dev=texts(("x", label), ("y", "17.25"))) == []
    whole = texts(*((f"text {n}", str(n)) for n in range(20)))
    assert told(find(Options(numbers=True), train=whole), "L005") == []
    assert len(told(find(train=whole), "L005")) == 20


def test_a_mark_for_a_label() -> None:
    findings = find(train=[*TRAIN, *texts(*((f"x {n}", "-") for n in range(7)))])
    assert told(findings, "L007")[0] == "train:21: label = '-'"
    assert len(findings) == 7


def test_lists_of_labels() -> None:
    train = texts(*((f"text {n}", ["a", "b"][: n % 3]) for n in range(20)))
    assert find(train=train, dev=texts(("x", ["b"]), ("y", ["a"]))) == []
    assert told(find(train=train, dev=texts(("x", ["b", "c"]), ("y", ["a"]))), "L001") == [
        "dev:1: label 'c' is not among the labels of train ('a', 'b')"
    ]
