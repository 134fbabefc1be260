"""Counts by row and column as a table whose cells are the darker, the larger their share of the row is."""

from encodery.report.elements import element, wrapped
from encodery.tasks.judging import Matrix


def heatmap(matrix: Matrix) -> str:
    """The table, which scrolls sideways where the screen is narrower, reachable by keyboard."""
    names = "".join(element("th", name, scope="col", **{"class": "number"}) for name in matrix.columns)
    head = f"<thead><tr><td></td>{names}</tr></thead>"
    body = "".join(_row(matrix, i) for i in range(len(matrix.rows)))
    table = f'<table class="heat">{element("caption", matrix.caption)}{head}<tbody>{body}</tbody></table>'
    return wrapped(
        "div", table, **{"class": "scroll", "tabindex": "0", "role": "region", "aria-label": matrix.caption}
    )


def _row(matrix: Matrix, index: int) -> str:
    name = matrix.rows[index]
    cells = list(zip(matrix.columns, matrix.counts[index], strict=True))
    total = sum(count for column, count in cells if not matrix.is_neutral(name, column)) or 1
    written = [element("th", name, scope="row")]
    for column, count in cells:
        kind = {"class": "number"}
        if count and not matrix.is_neutral(name, column):
            hit = "hit" if matrix.is_right(name, column) else "miss"
            kind = {"class": f"number {hit}", "style": f"--share:{100 * count / total:.0f}%"}
        written.append(element("td", f"{count:,}", **kind))
    return wrapped("tr", "".join(written))
