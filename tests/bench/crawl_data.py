"""A little data in the layout of the data for development."""

import gzip
import io
import json
import tarfile
from pathlib import Path

from encodery.bench.crawl_text import LEAST

NUMBERS = "零一二三四五六七八九"


def small_data(folder: Path) -> Path:
    """A novel, questions in two languages, a book, and pages of a site."""
    novel = " ".join(f"A sentence of the novel number {n} that is long enough." for n in range(LEAST))
    pack(folder / "text/eltec/eng.tar.gz", {"novel.txt": novel + " Short. " + "x" * 500})
    contexts = [f"这是第{spelled(n)}个足够长的句子，它后面还有一个句子。" for n in range(LEAST)]
    for language, texts in (("zh", contexts), ("hi", contexts[:9])):
        write(folder / f"qa/xquad/xquad.{language}.json.gz", json.dumps([{"context": text} for text in texts]))
    verses = "".join(f'<seg id="{n}">\nMstari wa "kwanza" namba {n} wa kitabu hiki kirefu.\n</seg>' for n in range(9))
    write(folder / "parallel/bible/Swahili-NT.xml.gz", f"<cesDoc>{verses}</cesDoc>")
    pages = {f"{n}.html": page(n) for n in range(7)} | {"latin.html": page(8).replace("utf-8", "iso-8859-1")}
    pack(folder / "web/trafilatura-eval/html.tar.gz", {**pages, "short.html": "<p>short</p>"})
    return folder


def page(number: int) -> str:
    paragraphs = "".join(f"<p class='x'>{'word ' * 20}{n}</p><hr>" for n in range(5))
    return f"<html><head><meta charset='utf-8'></head><body><nav>menu {number}</nav>{paragraphs}</body></html>"


def spelled(number: int) -> str:
    return "".join(NUMBERS[int(digit)] for digit in str(number))


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(text.encode()))


def pack(path: Path, members: dict[str, str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz") as archive:
        for name, text in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))
