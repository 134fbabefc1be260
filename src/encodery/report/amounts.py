"""Large amounts in a few characters."""


def share(part: int, whole: int) -> str:
    """A share in percent; a dash where there is nothing to take it of."""
    return f"{part / whole:.1%}" if whole else "–"


def human(number: int) -> str:
    """A large number, short: 12.3M."""
    if number < 1000:
        return f"{number:,}"
    value, letters = number / 1000, "kMGT"
    while value >= 999.5 and len(letters) > 1:
        value, letters = value / 1000, letters[1:]
    return f"{value:.3g}{letters[0]}" if value < 999.5 else f"{value:,.0f}{letters[0]}"


def human_bytes(number: int) -> str:
    """A size, short: 12.3 MB."""
    short = human(number)
    return f"{short[:-1]} {short[-1]}B" if not short[-1].isdigit() else f"{short} bytes"
