"""Reading a drawing back: the elements of an SVG by name and by what they say."""

import re
from xml.etree import ElementTree

NAMESPACE = "{http://www.w3.org/2000/svg}"


class Drawing:
    """A parsed chart; parsing fails where it is not well-formed XML."""

    def __init__(self, svg: str) -> None:
        self.root = ElementTree.fromstring(svg)
        _, _, self.width, self.height = map(float, self.root.attrib["viewBox"].split())

    def elements(self, name: str) -> list[ElementTree.Element]:
        return list(self.root.iter(NAMESPACE + name))

    @property
    def title(self) -> str | None:
        return self.root.findtext(NAMESPACE + "title")

    @property
    def description(self) -> str | None:
        return self.root.findtext(NAMESPACE + "desc")

    @property
    def texts(self) -> list[str]:
        return [element.text or "" for element in self.elements("text")]

    @property
    def hovers(self) -> list[str]:
        return [circle.findtext(NAMESPACE + "title") or "" for circle in self.elements("circle") if len(circle)]

    @property
    def dots(self) -> list[tuple[float, float]]:
        visible = (circle for circle in self.elements("circle") if not len(circle))
        return [(float(dot.attrib["cx"]), float(dot.attrib["cy"])) for dot in visible]

    @property
    def curves(self) -> list[list[tuple[float, float]]]:
        """The points of every stroked line."""
        paths = (path.attrib for path in self.elements("path") if "fill:none" in path.attrib["style"])
        return [points_of(path["d"]) for path in paths]

    @property
    def bands(self) -> list[list[tuple[float, float]]]:
        paths = (path.attrib for path in self.elements("path") if "opacity" in path.attrib["style"])
        return [points_of(path["d"]) for path in paths]

    def at(self, text: str) -> tuple[float, float]:
        """Where the only text of that wording is anchored."""
        found = [e.attrib for e in self.elements("text") if e.text == text]
        assert len(found) == 1, f"{text!r} is there {len(found)} times"
        return float(found[0]["x"]), float(found[0]["y"])


def points_of(path: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in re.findall(r"[ML](-?[\d.]+) (-?[\d.]+)", path)]
