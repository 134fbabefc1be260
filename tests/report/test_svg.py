"""Elements as text: escaping and number forms."""

from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from encodery.report.svg import chart, label, plain, tag


def test_attributes_are_written_short_and_escaped() -> None:
    assert tag("line", x1=1.0, y1=2.26, stroke_width=2, style="a\"b'<") == (
        '<line x1="1" y1="2.3" stroke-width="2" style="a&quot;b&#x27;&lt;"/>'
    )
    assert tag("g", "<line/>", x=-0.5) == '<g x="-0.5"><line/></g>'


def test_a_label_escapes_its_text() -> None:
    assert label("a < b & c", 1, 2).endswith(">a &lt; b &amp; c</text>")


@given(st.text())
def test_any_text_survives_except_what_xml_cannot_hold(text: str) -> None:
    parsed = ElementTree.fromstring(chart(text, text, 10, label(text, 1, 2)))
    cleaned = "".join(c if ElementTree.fromstring(f"<a>{plain(c)}</a>").text != "\ufffd" else "\ufffd" for c in text)
    read = cleaned.replace("\r\n", "\n").replace("\r", "\n")  # XML reads every line end as one newline
    assert [e.text or "" for e in parsed] == [read, read, read]
