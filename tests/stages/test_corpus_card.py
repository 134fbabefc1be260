"""The card of a corpus: YAML that a hub reads, and tables that say where everything comes from."""

import re
from dataclasses import replace

import yaml

from encodery.artifact import FileRecord
from encodery.corpus.ledger import Ledger
from encodery.corpus.page import Page
from encodery.stages.corpus_card import corpus_card
from encodery.stages.corpus_facts import CorpusFacts, Source

HASH = "0123456789abcdef" * 4
CRAWL = Source("warc/*.warc.gz", 3, 1_234_567, "aa11")
WIKI = Source("wiki.xml.bz2", 1, 7919, "bb22", "CC-BY-SA-4.0", "no")


def make_ledger() -> Ledger:
    ledger = Ledger()
    pages = [Page("ein Satz", "f!1", language="de"), Page("setning", "f!2", language="no"), Page("x", "f!3")]
    ledger.passed("read", pages)
    ledger.drop(pages[2], "quality/short")
    ledger.passed("quality", pages)
    return ledger


def make_facts(*sources: Source, name: str = "crawl") -> CorpusFacts:
    return CorpusFacts(
        name=name,
        sources=sources,
        settings={"quality": {"words": [50, 100_000], "name": "gopher"}},
        files={"documents/de/00000.jsonl.zst": FileRecord(sha256=HASH, size=4711)},
        versions={"datatrove": "0.10.1"},
    )


def card(*sources: Source, name: str = "crawl") -> str:
    return corpus_card(make_ledger(), make_facts(*sources, name=name))


def head(text: str) -> dict[str, object]:
    found = re.match(r"---\n(.*?)\n---\n", text, re.DOTALL)
    assert found
    values: dict[str, object] = yaml.safe_load(found[1])
    return values


def test_the_head_is_what_a_hub_reads() -> None:
    assert head(card(CRAWL)) == {"pretty_name": "crawl", "language": ["de", "no"], "tags": ["encodery"]}


def test_one_licence_of_all_inputs_is_that_of_the_corpus() -> None:
    assert head(card(WIKI, WIKI))["license"] == "CC-BY-SA-4.0"
    assert "license" not in head(card(WIKI, CRAWL))
    assert "license" not in head(card(CRAWL))


def test_sizes_inputs_settings_files_and_versions_are_there() -> None:
    text = card(CRAWL, WIKI)
    for line in (
        "2 documents, 15 characters in 2 languages, from 1.24 MB of input.",
        "| de | 1 | 1 | 8 | 53.3% |",
        r"| warc/\*.warc.gz | 3 | 1,234,567 | as identified | not stated | aa11 |",
        "| wiki.xml.bz2 | 1 | 7,919 | no | CC-BY-SA-4.0 | bb22 |",
        r'| quality | words = \[50, 100000\], name = "gopher" |',
        "| quality/short | 1 | 1 | 1 |",
        f"| documents/de/00000.jsonl.zst | 4,711 | {HASH} |",
        "| datatrove | 0.10.1 |",
    ):
        assert line in text, line


def test_what_steps_read_is_named_apart_from_the_inputs() -> None:
    facts = replace(
        make_facts(CRAWL), read_beside=[("good text", WIKI), ("test set qa", Source("qa.json", 1, 97, "cc"))]
    )
    text = corpus_card(make_ledger(), facts)
    assert "| good text | wiki.xml.bz2 | 1 | 7,919 | no | CC-BY-SA-4.0 | bb22 |" in text
    assert "| test set qa | qa.json | 1 | 97 |  |  | cc |" in text
    assert "from 1.23 MB of input" in text
    assert "read as" not in card(CRAWL)


def test_a_licence_that_is_not_stated_is_asked_for() -> None:
    assert r"Not stated for warc/\*.warc.gz: set `license`" in card(CRAWL, WIKI)
    assert "Not stated" not in card(WIKI)


def test_hostile_names_stay_text() -> None:
    text = card(Source("<script>|a\n# b", 1, 1, "f"), name='x: "y"\n- z')
    assert head(text)["pretty_name"] == 'x: "y"\n- z'
    assert "<script>" not in text.replace("\\<script\\>", "")
    assert "\n# b" not in text


def test_an_empty_corpus_has_a_card_as_well() -> None:
    text = corpus_card(Ledger(), CorpusFacts("none", [], {}, {}))
    assert head(text) == {"pretty_name": "none", "tags": ["encodery"]}
    assert "## Languages" not in text
