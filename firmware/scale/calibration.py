"""From counts to grams: the line, or the chain of lines, that a technician found with known masses.

In the settings, all whole numbers: `zero_counts` an empty plate, `counts_per_100_kg` what 100 kg add to it, or better `masses_g` and
`counts`, lists of the masses laid on and what each added, and `date` (yyyymmdd) when. A cell bends a little; three masses make it straight
within a few grams.
"""

from firmware.errors import NotCalibrated

LEAST_MASS_g = 20_000  # a smaller one calibrates mostly the noise


class Curve:
    """A scale's calibration; fields as above, of the settings. Raises NotCalibrated."""

    def __init__(self, fields: dict):
        masses, counts = fields.get("masses_g"), fields.get("counts")
        if masses is None or counts is None:
            masses, counts = [100_000], [fields.get("counts_per_100_kg", 0)]
        if not isinstance(masses, list) or not isinstance(counts, list) or len(masses) != len(counts) or not masses:
            raise NotCalibrated(field="masses_g")
        before = (0, 0)
        for pair in zip(masses, counts):
            if pair[0] <= before[0] or pair[1] <= before[1]:
                raise NotCalibrated(field="counts")
            before = pair
        self._points = [(0, 0)] + list(zip(counts, masses))

    def grams(self, counts: int) -> int:
        """Return what this many counts above the empty plate weigh; beyond the last mass its line goes on."""
        points = self._points
        at = 1
        while at < len(points) - 1 and counts > points[at][0]:
            at += 1
        (low, low_g), (high, high_g) = points[at - 1], points[at]
        return low_g + ((counts - low) * (high_g - low_g) + (high - low) // 2) // (high - low)

    def counts(self, grams: int) -> int:
        """Return what a small load adds to the counts, on the first line."""
        high, high_g = self._points[1]
        return grams * high // high_g


def found(zero_counts: int, laid: list, date: int) -> dict:
    """Return the settings' fields for what a technician laid on: [(mass in g, counts then)], lightest first, on a day as yyyymmdd.

    Raises NotCalibrated: no mass of 20 kg or more, or the counts do not rise with the masses.
    """
    fields = {
        "zero_counts": zero_counts,
        "masses_g": [mass_g for mass_g, _ in laid],
        "counts": [counts - zero_counts for _, counts in laid],
        "date": date,
    }
    Curve(fields)
    if laid[-1][0] < LEAST_MASS_g:
        raise NotCalibrated(field="masses_g")
    return fields
