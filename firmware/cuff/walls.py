"""The artery's own shape in the envelope: what its walls' compliance says of the pressures, beside the characteristic ratios.

A beat's height under a cuff is what an artery holds at the systolic pressure less what it holds at the diastolic one, and its compliance
is largest where the pressure across its walls is nothing. So the flanks of an envelope tell how wide that compliance is on its collapsed
and on its filled side, which the ratios must take for granted. Five numbers are fitted by least squares: height, both pressures, both
widths. What is known beforehand stays in the sum as if it had been measured: the ratios' pressures with the scatter they have on people,
the widths with the scatter of real envelopes. A rough envelope therefore says what the ratios say, a clean one speaks for itself.
Source: the form exp(-x) (1 + x), PMC9958264 as remembered; widths of real envelopes, from a 0.041-0.070 and b 0.030-0.042 per mmHg.
"""

import math

from micropython import const

from firmware.cuff import hill

_ROUNDS = const(12)
_RATIOS_mmHg = 6.0  # the scatter of fixed ratios on people: 5 +- 8 mmHg with the measurement's own (PubMed 32897911)
_COLLAPSED, _FILLED = 2.02, 2.44  # natural logarithms of 7.5 and 11.5 mmHg, where half of the compliance is left at 12.6 and 19 mmHg
_COLLAPSED_SCATTER, _FILLED_SCATTER = 0.25, 0.2
_LEAST_SCATTER = 0.06  # of the highest beat: breathing moves the pressures under the beats
_FARTHEST_mmHg = 12.0  # from what the ratios say: farther off it is no shape but a spoilt flank
# The filters take more of the narrow waves on the flanks than of the broad ones at the top, so an envelope is narrower than the pulse.
# How much depends on how many harmonics of the pulse they let pass; measured on formulas of both models, 45 to 130 beats a minute.
_NARROWED_mmHg = 12.0
_NARROWED_ABOVE_mmHg = 0.7


def pressures(kept, weights, rough: float, harmonics: float, systolic_mmHg: float, diastolic_mmHg: float):
    """Return both pressures as ratios and shape together have them. A generator that yields often.

    rough: usual distance of a beat from the curve, as a share; harmonics: low pass over pulse.
    """
    narrowed_mmHg = _NARROWED_mmHg / harmonics
    above_mmHg, below_mmHg = narrowed_mmHg + _NARROWED_ABOVE_mmHg, narrowed_mmHg
    before = (0.0, systolic_mmHg - above_mmHg, diastolic_mmHg + below_mmHg, _COLLAPSED, _FILLED)
    sure = (0.0, 1 / _RATIOS_mmHg**2, 1 / _RATIOS_mmHg**2, 1 / _COLLAPSED_SCATTER**2, 1 / _FILLED_SCATTER**2)
    most = (0.0, 8.0, 8.0, 0.3, 0.3)
    now = list(before)
    top_mmHg = max(kept.height_mmHg)
    held = max(0.1, max(_shape(now, cuff_mmHg)[0] for cuff_mmHg in kept.cuff_mmHg))
    now[0] = top_mmHg / held
    scatter_mmHg = top_mmHg * max(_LEAST_SCATTER, 1.5 * rough)
    for _ in range(_ROUNDS):
        rows = [[0.0] * 6 for _ in range(5)]
        for number, beat in enumerate(kept):
            slopes = _shape(now, beat.cuff_mmHg)
            distance = (beat.height_mmHg - now[0] * slopes[0]) / scatter_mmHg
            weight = weights[number] if -3 < distance < 3 else 0.05 * weights[number]
            for row in range(5):
                weighted = weight * slopes[row] * (now[0] if row else 1.0) / scatter_mmHg
                for column in range(row, 5):
                    rows[row][column] += weighted * slopes[column] * (now[0] if column else 1.0) / scatter_mmHg
                rows[row][5] += weighted * distance
            if number & 7 == 7:
                yield
        for row in range(5):
            for column in range(row):
                rows[row][column] = rows[column][row]
            rows[row][row] += sure[row]
            rows[row][5] += sure[row] * (before[row] - now[row])
        step = hill.solve(rows)
        if step is None:
            break
        now[0] *= 1 + max(-0.5, min(0.5, step[0] / now[0]))
        for place in range(1, 5):
            now[place] += max(-most[place], min(most[place], step[place]))
        now[2] = min(now[2], now[1] - 5)
        if abs(step[1]) + abs(step[2]) < 0.1:
            break
        yield
    return _near(now[1] + above_mmHg, systolic_mmHg), _near(now[2] - below_mmHg, diastolic_mmHg)


def _near(found_mmHg, ratios_mmHg):
    return max(ratios_mmHg - _FARTHEST_mmHg, min(ratios_mmHg + _FARTHEST_mmHg, found_mmHg))


def _shape(now, cuff_mmHg):
    """Return a beat's height for a compliance of 1, and its slopes along the two pressures and the logarithms of the two widths."""
    collapsed_mmHg, filled_mmHg = math.exp(now[3]), math.exp(now[4])
    upper, upper_slope, upper_collapses, upper_width = _held(now[1] - cuff_mmHg, collapsed_mmHg, filled_mmHg)
    lower, lower_slope, lower_collapses, lower_width = _held(now[2] - cuff_mmHg, collapsed_mmHg, filled_mmHg)
    collapsing = (upper_width if upper_collapses else 0.0) - (lower_width if lower_collapses else 0.0)
    filling = (0.0 if upper_collapses else upper_width) - (0.0 if lower_collapses else lower_width)
    return upper - lower, upper_slope, -lower_slope, collapsing, filling


def _held(across_mmHg, collapsed_mmHg, filled_mmHg):
    """Return the volume held above that at rest, its slopes along pressure and logarithm of the width, and whether the artery collapses."""
    collapses = across_mmHg < 0
    width_mmHg = collapsed_mmHg if collapses else filled_mmHg
    x = min(40.0, abs(across_mmHg) / width_mmHg)
    shrunk = math.exp(-x)
    volume = width_mmHg * (2 - shrunk * (2 + x))
    slope = shrunk * (1 + x)
    if collapses:
        volume = -volume
    return volume, slope, collapses, volume - across_mmHg * slope
