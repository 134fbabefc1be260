"""Predictions that a person can look at: a list, which a notebook shows as HTML and a terminal in colour.

Every text and label is escaped; the HTML has no script and loads nothing.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from encodery.report.elements import clean, element, wrapped
from encodery.report.shown import Bar, Colors, Shown, Span, pieces, show

if TYPE_CHECKING:
    from rich.text import Text

AnyRecord = str | Mapping[str, Any]
SHOWN = 20
"""How many predictions a notebook shows; the list has all."""
_STYLE = """
.encodery-shown { font: .95rem/1.7 system-ui, sans-serif; max-width: 48rem; }
.encodery-shown > div { padding: .6rem 0; border-bottom: 1px solid #8884; }
.encodery-shown p { margin: 0; white-space: pre-wrap; overflow-wrap: anywhere; }
.encodery-shown p.before { font-weight: 600; }
.encodery-shown p.words { opacity: .7; }
.encodery-shown mark { color: inherit; padding: .1em .2em; border-radius: .25em; }
.encodery-shown mark small { margin-inline-start: .4em; unicode-bidi: isolate; font-size: .72em;
  font-weight: 600; white-space: nowrap; }
.encodery-shown dl { display: grid; grid-template-columns: max-content minmax(4rem, 16rem) max-content; gap: 0 .75rem;
  align-items: center; margin: .25rem 0 0; font-size: .9em; }
.encodery-shown dt { max-width: 20rem; overflow-wrap: anywhere; }
.encodery-shown dt.chosen { font-weight: 600; }
.encodery-shown dd { display: contents; }
.encodery-shown dd span { background: #8883; border-radius: .2em; }
.encodery-shown dd span span { display: block; height: .55em; background: #2563c9; }
.encodery-shown dd data { font-variant-numeric: tabular-nums; }
"""


class Predictions(list[dict[str, Any]]):
    """What `predict` returns: a list as any other, that knows which record each prediction is about.

    It may be sorted and cut: a prediction keeps its record. One that was not predicted here is shown without.
    """

    def __init__(self, records: Iterable[AnyRecord] = (), predictions: Iterable[dict[str, Any]] = ()) -> None:
        super().__init__(predictions)
        # the predictions are held, too: while they are there, no other one gets their `id`
        self._pairs = {
            id(prediction): (prediction, record) for record, prediction in zip(records, self, strict=False)
        }

    @property
    def records(self) -> list[AnyRecord]:
        """The record of each prediction; "" where it is not known."""
        return [self._pairs[id(prediction)][1] if id(prediction) in self._pairs else "" for prediction in self]

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.records, [*self])

    def shown(self) -> Iterator[Shown]:
        """What there is to see of each."""
        return map(show, self.records, self)

    def _repr_html_(self) -> str:
        """For notebooks: the first `SHOWN`, and how many more there are."""
        colors = Colors()
        blocks = [_block(shown, colors) for _, shown in zip(range(SHOWN), self.shown(), strict=False)]
        if len(self) > len(blocks):
            words = f"and {len(self) - len(blocks):,} more"
            blocks.append(wrapped("div", element("p", words, **{"class": "words"})))
        return wrapped("div", f"<style>{_STYLE}</style>{''.join(blocks)}", **{"class": "encodery-shown"})

    def __str__(self) -> str:
        return "\n\n".join(block.plain for block in self.__rich_console__())

    def __rich_console__(self, *_: Any) -> "Iterator[Text]":
        from encodery.report.terminal import block

        colors = Colors()
        return (block(shown, colors) for shown in self.shown())


def _block(shown: Shown, colors: Colors) -> str:
    parts = [
        element("p", shown.before, dir="auto", **{"class": "before"}) if shown.before else "",
        wrapped("p", "".join(_piece(text, span, colors) for text, span in pieces(shown)), dir="auto"),
        element("p", shown.after, dir="auto") if shown.after else "",
        wrapped("dl", "".join(map(_bar, shown.bars))) if shown.bars else "",
        element("p", shown.words, **{"class": "words"}) if shown.words else "",
    ]
    return wrapped("div", "".join(parts))


def _piece(text: str, span: Span | None, colors: Colors) -> str:
    if span is None:
        return clean(text)
    color = colors[span.label]
    said = span.label if span.score is None else f"{span.label} {span.score:.2f}"
    style = f"background:{color}2e;border-bottom:2px solid {color}"
    return wrapped("mark", clean(text) + element("small", said), style=style)


def _bar(bar: Bar) -> str:
    width = f"width:{100 * min(max(bar.score, 0.0), 1.0):.1f}%"
    drawn = wrapped("span", element("span", "", style=width), **{"aria-hidden": "true"})
    kind = {"class": "chosen"} if bar.chosen else {}
    return element("dt", bar.label, dir="auto", **kind) + wrapped("dd", drawn + element("data", f"{bar.score:.3f}"))
