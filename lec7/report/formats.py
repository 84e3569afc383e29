"""Numbers as a reader wants them: with the digits they are worth, and no more."""

import math

import numpy as np
from numpy.typing import ArrayLike

_ROUNDING = 1e-14  # relative deviation of values that differ in their last digits
_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def format_number(value: float | None, *, digits: int = 3) -> str:
    """Write one number.

    Args:
      value: an integer is written whole, a truth value as yes or no, None as a dash.
      digits: significant digits of every other number; >= 1.

    Returns:
      The text, with a power of ten below 0.001 and from a million on.

    Example:
      >>> [format_number(value) for value in (1797, 0.12345, 707.23, -5.1e-7)]
      ['1,797', '0.123', '707', '−5.10×10⁻⁷']
    """
    if value is None:
        return "–"
    if isinstance(value, bool | np.bool):
        return "yes" if value else "no"
    if isinstance(value, int | np.integer):
        return _minus(f"{value:,}")
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else _minus(f"{value:f}".replace("inf", "∞"))
    if value == 0:
        return "0"
    exponent = _exponent(value, digits)
    power = 0 if -3 <= exponent < 6 else exponent
    return _minus(_fixed(value, digits - 1 - exponent, power) + _times(power))


def format_tick(value: float) -> str:
    """Return the round number beside a tick, with no digit that is not needed.

    Example:
      >>> [format_tick(value) for value in (1e-4, 0.01, 0.5, 20, 3000, 2e5)]
      ['10⁻⁴', '0.01', '0.5', '20', '3,000', '2×10⁵']
    """
    exponent = _exponent(value, 6)
    if -3 <= exponent < 5:
        return f"{float(f'{value:.6g}'):,}".removesuffix(".0")
    mantissa = f"{value / 10.0**exponent:.6g}"
    return f"{mantissa}{_times(exponent)}".removeprefix("1×")


def format_interval(interval: tuple[float, float] | None, *, digits: int = 3) -> str:
    """Write the two ends of an interval.

    Args:
      interval: (low, high), or None where it is unknown.
      digits: significant digits of each end.

    Returns:
      The text, a dash for None; "exact" of one number, in which there is no chance.

    Example:
      >>> format_interval((54.13, 512.9)), format_interval((2.0, 2.0))
      ('54.1 to 513', 'exact')
    """
    if interval is None:
        return "–"
    if interval[0] == interval[1]:
        return "exact"
    low, high = (format_number(float(end), digits=digits) for end in interval)
    return f"{low} to {high}"


def format_range(above: float | None, below: float | None) -> str:
    """Write the range that an effect is claimed to lie in.

    Args:
      above: its lower end, None if it is open.
      below: its upper end, None if it is open.

    Returns:
      The text, a dash if both are open.

    Example:
      >>> format_range(2, None), format_range(-0.5, 0.5)
      ('more than 2', 'between −0.5 and 0.5')
    """
    low, high = (None if end is None else _plain(end) for end in (above, below))
    if low and high:
        return f"between {low} and {high}"
    if high:
        return f"less than {high}"
    return f"more than {low}" if low else "–"


def format_spread(values: ArrayLike) -> str:
    """Write values of several seeds as mean and sample standard deviation.

    Args:
      values: [n], one value a seed.

    Returns:
      The text, the deviation with two digits and the mean to the same place; the value
      alone where there is only one.

    Example:
      >>> format_spread([97.96, 98.03, 98.10])
      '98.030 ± 0.070'
      >>> format_spread([1.2e-5, 1.5e-5])
      '(1.35 ± 0.21)×10⁻⁵'
    """
    values = np.asarray(values, dtype=np.float64)
    if not np.all(np.isfinite(values)):
        return format_number(math.nan)
    if values.size < 2:
        return format_number(float(values[0]) if values.size else None)
    mean, deviation = values.mean(), values.std(ddof=1)
    if deviation <= _ROUNDING * abs(mean):
        return f"{format_number(float(mean))} ± 0"
    exponent = _exponent(max(abs(mean), deviation), 2)
    power = 0 if -3 <= exponent < 6 else exponent
    places = 1 - _exponent(deviation, 2)
    text = f"{_fixed(mean, places, power)} ± {_fixed(deviation, places, power)}"
    return _minus(f"({text}){_times(power)}" if power else text)


def format_duration(seconds: float) -> str:
    """Write a time span.

    Args:
      seconds: >= 0.

    Returns:
      The text, in the two units that matter.

    Example:
      >>> [format_duration(seconds) for seconds in (0.42, 59.6, 92, 7380)]
      ['0.4 s', '1 min 00 s', '1 min 32 s', '2 h 03 min']
    """
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes == 0:
        return f"{rest} s"
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def _plain(value: float) -> str:
    """Return a number that somebody has chosen, with no digit that is not needed."""
    return _minus(format_tick(value)) if value else "0"


def _exponent(value: float, digits: int) -> int:
    """Return the power of ten of the first digit, once rounded to so many digits."""
    return int(f"{float(value):.{digits - 1}e}".split("e")[1])


def _fixed(value: float, places: int, power: int) -> str:
    """Return value / 10**power, rounded where value has that many decimal places."""
    return f"{value / 10.0**power:,.{max(0, places + power)}f}"


def _times(power: int) -> str:
    """Return the power of ten as a factor, or nothing."""
    return f"×10{str(power).translate(_SUPERSCRIPT)}" if power else ""


def _minus(text: str) -> str:
    """Return the text with minus signs in place of hyphens."""
    return text.replace("-", "−")
