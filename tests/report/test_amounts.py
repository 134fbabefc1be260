import pytest

from encodery.report.amounts import human, human_bytes, share


@pytest.mark.parametrize(
    ("number", "written"),
    [(0, "0"), (7, "7"), (999, "999"), (1000, "1k"), (12_345, "12.3k"), (6_818_622, "6.82M"), (10**9, "1G"),
     (25 * 10**11, "2.5T"), (7 * 10**15, "7,000T")],
)  # fmt: skip
def test_large_numbers_are_short(number: int, written: str) -> None:
    assert human(number) == written


@pytest.mark.parametrize("number", [999_499, 999_999, 999_999_999])
def test_rounding_up_to_a_thousand_stays_readable(number: int) -> None:
    assert "e" not in human(number)


def test_sizes_have_a_unit() -> None:
    assert human_bytes(17) == "17 bytes"
    assert human_bytes(1_234_567) == "1.23 MB"


def test_a_share_of_nothing_is_a_dash() -> None:
    assert share(1, 8) == "12.5%"
    assert share(0, 0) == "–"
