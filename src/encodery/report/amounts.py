"""Large amounts in a few characters."""


def share(part: int, whole: int) -> str:
    """A share in percent; a dash where there is nothing to take it of."""
    return f"{part / whole:.1%}" if whole else "–"


def human(number: int) -> str:
    """A large number, short: 12.3M."""
    for unit, letter in ((10**12, "T"), (10**9, "G"), (10**6, "M"), (10**3, "k")):
        if number >= unit:
            return f"{number / unit:.3g}{letter}" if number < 1000 * unit else f"{number / unit:,.0f}{letter}"
    return f"{number:,}"


def human_bytes(number: int) -> str:
    """A size, short: 12.3 MB."""
    short = human(number)
    return f"{short[:-1]} {short[-1]}B" if not short[-1].isdigit() else f"{short} bytes"
