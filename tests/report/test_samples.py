from encodery.report.samples import Measured, Sample, Samples, measured_element, samples_element

GROUP = Samples("gopher/short", "7 documents", [Sample("first\nline", "en · f!1"), Sample("مرحبا")])


def test_samples_are_closed_until_asked_for() -> None:
    markup = samples_element(GROUP)
    assert markup.startswith('<details class="samples"><summary><span>gopher/short</span>')
    assert "open" not in markup
    assert '<span class="note">7 documents</span>' in markup


def test_each_text_finds_its_own_direction_and_names_its_place() -> None:
    markup = samples_element(GROUP)
    assert markup.count('<p dir="auto">') == 2
    assert '<div class="note">en · f!1</div>' in markup
    assert markup.count('<div class="note">') == 1


def test_an_address_is_no_link() -> None:
    assert "<a" not in samples_element(Samples("t", "", [Sample("x", "javascript:alert(1)")]))


def test_a_measure_has_its_sides_beneath_the_chart() -> None:
    markup = measured_element([Measured("<svg></svg>", "quartiles", [GROUP, GROUP])])
    assert markup.index("<svg>") < markup.index("<figcaption>quartiles") < markup.index('<div class="sides">')
    assert markup.count("<h3>gopher/short</h3>") == 2


def test_a_measure_without_thresholds_is_a_chart_alone() -> None:
    assert measured_element([Measured("<svg></svg>")]) == (
        '<div class="measures"><div><figure><svg></svg></figure></div></div>'
    )


def test_no_measures_leave_no_trace() -> None:
    assert measured_element([]) == ""
