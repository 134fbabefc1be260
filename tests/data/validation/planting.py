"""Demo sets in three scripts, and faults to plant in them, each with the code that must be found at its line."""

import random
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from encodery.demo import world

Record = dict[str, Any]
Sets = dict[str, list[Record]]

LATIN = "abcdefghijklmnopqrstuvwxyz"
CYRILLIC = "абцдефгхийклмнопярстувщьыз"
HAN = "天地玄黄宇宙洪荒日月盈昃辰宿列张寒来暑往秋收冬藏闰余"
# a letter for a letter, so that every offset stays where it is
SCRIPTS: Mapping[str, tuple[str, dict[int, int]]] = {
    "Latin": ("de", {}),
    "Cyrillic": ("fr", str.maketrans(LATIN + LATIN.upper(), CYRILLIC + CYRILLIC.upper())),
    "Han": ("sw", str.maketrans(LATIN + LATIN.upper(), HAN + "".join(chr(ord(c) + 20) for c in HAN))),
}
SIZES = {"train": 211, "dev": 113}
MAX_CHARACTERS = 2000


@dataclass(frozen=True)
class Planted:
    """A fault in place: what must be found where; `also` are codes that the same fault brings with it there."""

    code: str
    split: str
    index: int
    also: tuple[str, ...] = ()
    word: int = 0
    """Of a record of words the one that has the fault."""


@dataclass
class Field:
    """The records of a data set, and which of them are untouched."""

    sets: Sets
    draw: random.Random
    planted: list[Planted] = field(default_factory=list)
    used: dict[str, set[int]] = field(default_factory=lambda: {split: set() for split in SIZES})

    def pick(self, split: str, fits: Callable[[Record], Any] = lambda record: True) -> int:
        """An untouched record, neither the first of its split (of its label, mostly) nor one used before."""
        free = [
            index
            for index, record in enumerate(self.sets[split])
            if index > 20 and index not in self.used[split] and fits(record)
        ]
        index = self.draw.choice(free)
        self.used[split].add(index)
        return index


Fault = Callable[[Field], Planted]


def topics(script: str) -> Sets:
    """Text classification."""
    return _distinct(world.topics, script, "text")


def entities(script: str) -> Sets:
    """Token classification with character spans."""
    return _distinct(world.entities, script, "text")


def words(script: str) -> Sets:
    """Token classification with words and tags."""
    return {split: [_tagged(record) for record in records] for split, records in entities(script).items()}


def choices(script: str) -> Sets:
    """Multiple choice: which of all topics is a text about?"""
    sets = topics(script)
    names = sorted({record["label"] for records in sets.values() for record in records})
    table = SCRIPTS[script][1]
    shown = [name.translate(table) for name in names]
    return {
        split: [{**record, "choices": [*shown], "label": names.index(record["label"])} for record in records]
        for split, records in sets.items()
    }


def one_class(script: str) -> Sets:
    """A train set with a single label."""
    return {"train": [{**record, "label": "sports"} for record in topics(script)["train"]]}


def no_entity(script: str) -> Sets:
    """A train set in which nothing is labelled."""
    return {"train": [{**record, "entities": []} for record in entities(script)["train"]]}


def questions(script: str) -> Sets:
    """Question answering."""
    return _distinct(world.questions, script, "context")


def pairs(script: str) -> Sets:
    """Texts with a translation: each backwards, which is as long and never the same."""
    return {split: [_paired(record) for record in records] for split, records in topics(script).items()}


def _paired(record: Record) -> Record:
    sides = {"text": record["text"], "translation": record["text"][::-1]}
    return {"id": record["id"], **sides, "source_language": "en", "target_language": "de"}


def _distinct(make: Callable[..., Iterator[Record]], script: str, key: str) -> Sets:
    """Records whose texts differ in more than case; Han has none, so the mapped text counts.

    The demo's own splits share what is said of nobody in particular.
    """
    language, table = SCRIPTS[script]
    seen: set[str] = set()
    sets: Sets = {split: [] for split in SIZES}
    for split, records in sets.items():
        for record in make(language, split, 10**9):
            mapped = _translated(record, table)
            if mapped[key].casefold() not in seen:
                seen.add(mapped[key].casefold())
                records.append({"id": f"{split}-{len(records)}", **mapped})
            if len(records) == SIZES[split]:
                break
    return sets


def _translated(record: Record, table: dict[int, int]) -> Record:
    record = deepcopy(record)
    for key in ("text", "context", "question"):
        if key in record:
            record[key] = record[key].translate(table)
    if "answers" in record:
        record["answers"]["text"] = [text.translate(table) for text in record["answers"]["text"]]
    return record


def _tagged(record: Record) -> Record:
    tokens: list[str] = []
    tags: list[str] = []
    at = 0
    text = record["text"]
    cuts = sorted({edge for e in record["entities"] for edge in (e["start"], e["end"])} | {0, len(text)})
    for start, end in pairwise(cuts):
        inside = next((e for e in record["entities"] if e["start"] <= start < e["end"]), None)
        for word in text[start:end].split():
            begins = inside is not None and at == 0
            tags.append("O" if inside is None else f"{'B' if begins else 'I'}-{inside['label']}")
            tokens.append(word)
            at += 1
        at = 0
    return {"id": record["id"], "tokens": tokens, "tags": tags}


def change(
    code: str, split: str, edit: Callable[[Record], Any], *also: str, fits: Any = lambda record: True
) -> Fault:
    """A fault that edits one record."""

    def plant(place: Field) -> Planted:
        index = place.pick(split, fits)
        edit(place.sets[split][index])
        return Planted(code, split, index, also)

    return plant


def change_word(code: str, split: str, edit: Callable[[Record], int], fits: Any = lambda record: True) -> Fault:
    """A fault that edits one word of a record, or its tag; `edit` says which."""

    def plant(place: Field) -> Planted:
        index = place.pick(split, fits)
        return Planted(code, split, index, word=edit(place.sets[split][index]))

    return plant


def copy(code: str, source: str, to: str, edit: Callable[[Record], Any], *also: str) -> Fault:
    """A fault that takes the place of a record of `to` with an edited copy of an earlier record of `source`."""

    def plant(place: Field) -> Planted:
        original, index = place.pick(source), place.pick(to)
        if source == to:  # the later of the two is the copy
            original, index = sorted((original, index))
        record = deepcopy(place.sets[source][original])
        record["id"] = f"copy-{to}-{index}"
        edit(record)
        place.sets[to][index] = record
        return Planted(code, to, index, also)

    return plant


def insert(text: str) -> Callable[[Record], None]:
    """Writes something into the middle of the text."""

    def edit(record: Record) -> None:
        middle = len(record["text"]) // 2
        record["text"] = record["text"][:middle] + text + record["text"][middle:]

    return edit


def other_label(record: Record) -> None:
    record["label"] = "food" if record["label"] != "food" else "nature"


def shout(record: Record) -> None:
    """What has no case gets more space."""
    text = record["text"]
    record["text"] = text.upper() if text.upper() != text else text.replace(" ", "  ")


def shout_otherwise(record: Record) -> None:
    shout(record)
    other_label(record)


def first(record: Record) -> Record:
    entity: Record = record["entities"][0]
    return entity


def accent(record: Record) -> None:
    """The last letter of the only entity gets an accent that the entity leaves out."""
    end = first(record)["end"]
    record["text"] = record["text"][:end] + "\u0301" + record["text"][end:]


def alone(record: Record) -> bool:
    """One entity of some length, inside the text."""
    return len(record["entities"]) == 1 and 1 < first(record)["end"] < len(record["text"])


def some(record: Record) -> bool:
    return bool(record["entities"])


def after_space(record: Record) -> bool:
    return some(record) and record["text"][: first(record)["start"]].endswith(" ")


def continued(record: Record) -> bool:
    return any(tag.startswith("I-") for tag in record["tags"])


def orphan(record: Record) -> int:
    index = next(i for i, tag in enumerate(record["tags"]) if tag.startswith("I-"))
    record["tags"][index - 1] = "O"
    return index


def single(record: Record) -> int | None:
    """Where an entity of one word is."""
    tags = [*record["tags"], "O"]
    found = (i for i, (tag, after) in enumerate(pairwise(tags)) if tag.startswith("B-") and after[:1] != "I")
    return next(found, None)


def has_single(record: Record) -> bool:
    return single(record) is not None


def retag(label: Callable[[str], str]) -> Callable[[Record], int]:
    """Calls an entity of one word something else."""

    def edit(record: Record) -> int:
        index = single(record)
        assert index is not None
        record["tags"][index] = f"B-{label(record['tags'][index][2:])}"
        return index

    return edit


def last_word(text: str) -> Callable[[Record], int]:
    """Writes something in the place of the last word, which is in no entity."""

    def edit(record: Record) -> int:
        record["tokens"][-1] = text
        return len(record["tokens"]) - 1

    return edit


def ends_outside(record: Record) -> bool:
    return len(record["tags"]) > 2 and record["tags"][-1] == "O"


def blank_choice(record: Record) -> None:
    """A wrong one."""
    record["choices"][record["label"] - 1] = " "


def right_choice_twice(record: Record) -> None:
    record["choices"][record["label"] - 1] = record["choices"][record["label"]]


def other_choice(record: Record) -> None:
    record["label"] = (record["label"] + 1) % len(record["choices"])


def over_40(record: Record) -> bool:
    return len(record["text"]) > 40


def answer(record: Record) -> Record:
    answers: Record = record["answers"]
    return answers


def once(record: Record) -> bool:
    """The answer occurs once, with a space before it."""
    start, text = answer(record)["answer_start"][0], answer(record)["text"][0]
    return bool(start > 0 and record["context"][start - 1] == " " and record["context"].count(text) == 1)


def with_space(record: Record) -> None:
    answer(record)["answer_start"][0] -= 1
    answer(record)["text"][0] = " " + answer(record)["text"][0]


TEXT_FAULTS: tuple[Fault, ...] = (
    change("R001", "train", lambda r: r.pop("label")),
    change("R001", "dev", lambda r: r.pop("text")),
    change("R002", "train", lambda r: r.update(text=7)),
    change("R002", "dev", lambda r: r.update(label=True)),
    change("R003", "train", lambda r: r.update(text=" \n")),
    change("R004", "train", lambda r: r.update(label=None)),
    change("R004", "dev", lambda r: r.update(label="")),
    change("R005", "train", lambda r: r.update(id="train-3")),
    change("T001", "train", insert("\ufffd")),
    change("T002", "train", insert("fÃ¼r")),
    change("T002", "dev", insert("itâ€™s")),
    change("T003", "dev", insert("\x07")),
    change("T004", "train", insert("\u200b")),
    change("T005", "dev", lambda r: r.update(text=" ".join([r["text"], "und so weiter"] * 100))),
    change("L001", "dev", lambda r: r.update(label="weather")),
    change("L003", "train", lambda r: r.update(label=f"{r['label'].upper()} ")),
    change("L005", "train", lambda r: r.update(label="sports"), "L002", "L004"),
    change("L007", "train", lambda r: r.update(label="-"), "L002", "L004", "L005"),
    copy("D001", "train", "train", lambda r: None),
    copy("D002", "train", "train", shout),
    copy("D003", "train", "dev", lambda r: None),
    copy("D004", "train", "dev", shout),
    copy("D005", "train", "train", other_label),
    copy("D006", "train", "train", shout_otherwise),
)
SPAN_FAULTS: tuple[Fault, ...] = (
    change("R001", "train", lambda r: r.pop("entities")),
    change("R002", "dev", lambda r: first(r).update(start="3"), fits=some),
    change("S001", "train", lambda r: first(r).update(end=len(r["text"]) + 3), fits=alone),
    change("S001", "dev", lambda r: first(r).update(start=-2), fits=alone),
    change("S002", "train", lambda r: first(r).update(end=first(r)["start"]), fits=some),
    change("S003", "train", lambda r: first(r).update(start=first(r)["end"], end=first(r)["start"]), fits=some),
    change(
        "S004",
        "dev",
        lambda r: r["entities"].append({**first(r), "label": "LOC"}),
        fits=lambda r: some(r) and first(r)["label"] == "PER",
    ),
    change("S005", "train", lambda r: first(r).update(start=first(r)["start"] - 1), fits=after_space),
    change("S006", "train", accent, fits=alone),
    change("S007", "dev", lambda r: first(r).update(text="Ludwig"), fits=some),
    change("S008", "train", lambda r: r["entities"].append(dict(first(r))), fits=some),
    change("L001", "dev", lambda r: first(r).update(label="ANIMAL"), fits=some),
    change("L003", "train", lambda r: first(r).update(label=first(r)["label"].lower()), fits=some),
)
WORD_FAULTS: tuple[Fault, ...] = (
    change("B001", "train", orphan, fits=continued),
    change(
        "B002",
        "dev",
        lambda r: r["tags"].__setitem__(1, "X_PER"),
        fits=lambda r: r["tags"][1:3] == ["O", "O"],
    ),
    change("B002", "train", lambda r: r["tags"].__setitem__(1, ""), fits=lambda r: r["tags"][1:3] == ["O", "O"]),
    change("B003", "train", lambda r: r["tags"].pop()),
    change("B004", "dev", lambda r: r["tokens"].__setitem__(1, " ")),
    change("R003", "train", lambda r: r.update(tokens=[], tags=[])),
)
COLUMN_FAULTS: tuple[Fault, ...] = (
    change_word("B001", "train", orphan, fits=continued),
    change_word("B001", "dev", orphan, fits=continued),
    change_word("B004", "train", last_word("\u00a0"), fits=ends_outside),
    change_word("L001", "dev", retag(lambda label: "ANIMAL"), fits=has_single),
    change_word("L003", "train", retag(str.lower), fits=has_single),
    change_word("T001", "train", last_word("x\ufffd"), fits=ends_outside),
    change_word("T002", "dev", last_word("fÃ¼r"), fits=ends_outside),
    change_word("T003", "train", last_word("x\x07"), fits=ends_outside),
    change_word("T004", "dev", last_word("x\u200b"), fits=ends_outside),
    copy("D001", "train", "train", lambda r: None),
    copy("D003", "train", "dev", lambda r: None),
)
CHOICE_FAULTS: tuple[Fault, ...] = (
    change("R001", "train", lambda r: r.pop("choices")),
    change("R002", "dev", lambda r: r.update(choices="wet")),
    change("R003", "train", lambda r: r.update(text="")),
    change("R005", "train", lambda r: r.update(id="train-3")),
    change("M001", "train", lambda r: r.update(label=len(r["choices"]))),
    change("M001", "dev", lambda r: r.update(label="sports")),
    change("M001", "train", lambda r: r.update(label=None)),
    change("M002", "train", lambda r: r.update(choices=r["choices"][:1], label=0)),
    change("M002", "dev", blank_choice),
    change("M003", "train", right_choice_twice),
    change("T001", "dev", insert("\ufffd")),
    change("T006", "train", lambda r: r.update(text=" ".join([r["text"], "und so weiter"] * 100))),
    copy("D001", "train", "train", lambda r: None),
    copy("D003", "train", "dev", lambda r: None),
    copy("D005", "train", "train", other_choice),
)
QUESTION_FAULTS: tuple[Fault, ...] = (
    change("R001", "train", lambda r: r.pop("context")),
    change("R002", "dev", lambda r: r.update(answers="Berlin")),
    change("R003", "train", lambda r: r.update(question="")),
    change("R005", "dev", lambda r: r.update(id="dev-2")),
    change("Q001", "train", lambda r: answer(r).update(answer_start=[answer(r)["answer_start"][0] + 1]), fits=once),
    change("Q001", "dev", lambda r: answer(r).update(answer_start=[0]), fits=once),
    change("Q002", "train", lambda r: answer(r).update(text=["the answer that is not there"])),
    change("Q003", "train", lambda r: r.update(answers=None)),
    change("Q003", "dev", lambda r: answer(r).update(text=[None])),
    change("Q003", "train", lambda r: answer(r).update(answer_start=[])),
    change("Q004", "dev", lambda r: answer(r).update(text=[""])),
    change("Q005", "train", lambda r: r.update(is_impossible=True)),
    change("Q005", "dev", lambda r: r.update(is_impossible=False, answers={"text": [], "answer_start": []})),
    change("S005", "train", with_space, fits=once),
)
PAIR_FAULTS: tuple[Fault, ...] = (
    change("R001", "train", lambda r: r.pop("translation")),
    change("R002", "dev", lambda r: r.update(translation=["x"])),
    change("R002", "train", lambda r: r.update(source_language=7), "P001"),
    change("R003", "train", lambda r: r.update(translation="")),
    change("R003", "dev", lambda r: r.update(text=" ")),
    change("P001", "train", lambda r: r.update(target_language=None)),
    change("P001", "train", lambda r: r.pop("source_language")),
    change("P002", "train", lambda r: r.update(target_language="deu")),
    change("P002", "dev", lambda r: r.update(source_language="eng")),
    change("P003", "train", lambda r: r.update(source_language="de")),
    change("P004", "dev", lambda r: r.update(source_language="de", target_language="en")),
    change("P005", "train", lambda r: r.update(translation=r["text"])),
    change("P005", "dev", lambda r: r.update(translation=f"{r['text'].upper()}  ".replace(" ", "  ").strip())),
    change("P006", "train", lambda r: r.update(translation="x")),
    change("P006", "dev", lambda r: r.update(translation=r["translation"] * 10)),
    change("P007", "train", lambda r: r.update(text=r["text"] * 60, translation=r["translation"] * 60), fits=over_40),
    change("P008", "train", lambda r: r.update(text=f" {r['text']}")),
    change("P008", "dev", lambda r: r.update(translation=f"{r['translation']}\n")),
    change("T005", "dev", lambda r: r.update(text=r["text"] * 60, translation=r["translation"] * 60), fits=over_40),
    change("T001", "train", lambda r: r.update(translation=f"{r['translation']}\ufffd")),
    copy("D001", "train", "train", lambda r: None),
    copy("D002", "train", "train", shout),
    copy("D003", "train", "dev", lambda r: None),
    copy("D004", "train", "dev", shout),
    copy("D007", "train", "train", lambda r: r.update(translation=f"{r['translation']}!")),
)
TASKS: Mapping[str, tuple[Callable[[str], Sets], tuple[Fault, ...]]] = {
    "topics": (topics, TEXT_FAULTS),
    "entities": (entities, SPAN_FAULTS),
    "words": (words, WORD_FAULTS),
    "columns": (words, COLUMN_FAULTS),
    "choices": (choices, CHOICE_FAULTS),
    "questions": (questions, QUESTION_FAULTS),
    "pairs": (pairs, PAIR_FAULTS),
}


def plant(task: str, script: str) -> tuple[Sets, list[Planted]]:
    """A demo set with every fault of its task in it, one a record."""
    make, faults = TASKS[task]
    place = Field(make(script), random.Random(f"{task} {script}"))
    return place.sets, [fault(place) for fault in faults]
