"""Language tags that are near each other."""

import pytest

from encodery.files.language_tags import best_pair, folded


def test_spellings() -> None:
    assert folded(" pt_BR ") == folded("PT-br") == "pt-br"


@pytest.mark.parametrize(
    ("languages", "tags", "expected"),
    [
        (("en", "de"), ["de", "en"], ("en", "de")),
        (("en", "de"), ["de-AT", "en-GB", "en"], ("en", "de-AT")),
        (("en-US", "de"), ["en-GB", "en_us", "DE"], ("en_us", "DE")),
        (("en", "de"), ["fr"], ("", "")),
        (("en", "eng"), ["en"], ("en", "")),
        (("zh-CN", "zh-TW"), ["zh-TW", "zh"], ("zh", "zh-TW")),
        (("zh-CN", "zh-TW"), ["zh"], ("zh", "")),
        (("e", "d"), ["en", "de"], ("", "")),
    ],
)
def test_the_nearest_tags(languages: tuple[str, str], tags: list[str], expected: tuple[str, str]) -> None:
    assert best_pair(languages, tuple(tags)) == expected
