"""The numbers that protect the arm, each with its source; nothing else in the repository repeats them.

No paid standard could be read: limits of IEC 80601-2-30, ISO 81060 and OIML R16-2 are from memory or second hand, are marked so, and
claim no conformity. This is not a certified medical device.
"""

from micropython import const

# The sensor ends at 300 mmHg and cannot be trusted to see more; 300 in normal use is the standard's limit (from memory).
# The hardware's own cut-off, which no firmware can override, lies above (300 to 330 in a single fault; second hand).
OVERPRESSURE_mmHg = const(290)
# An arm may be held above 15 mmHg for 180 s at most (second hand); 10 s of that are left for the air to go.
EMPTY_mmHg = const(15)
HOLD_MS = const(170_000)
# From 260 to 15 mmHg within 10 s, by one key (OIML R16-2 chapter 6, from memory).
VENT_MS = const(10_000)
# Ordinary inflation takes 10 to 20 s; longer means that the air goes elsewhere.
INFLATION_MS = const(45_000)
# A cuff around an arm has 40 mmHg after 5 s of this pump, one that is not after 12 s or more (computed from both volumes).
WRAPPED_mmHg = const(40)
WRAPPED_MS = const(11_000)
# The bleed takes 2 to 3 mmHg/s and the cuff's relaxation up to 10 in its first seconds (measured on hand cuffs); a tube off takes more.
LEAK_mmHg_per_s = const(15)
LEAK_MS = const(1500)
# The sensor gives a value every 10 ms; so long without a new one, and nobody knows how tight the cuff is.
SENSOR_SILENT_MS = const(300)
# An empty cuff at rest: +-1.5 % of full scale is the sensor's own error (from memory).
ZERO_mmHg = const(6)
ZERO_SPREAD_mmHg = const(2)
# The first target, what a re-inflation adds, and the highest: far enough below the over-pressure for a pump that runs on a little.
TARGET_mmHg = const(180)
TARGET_STEP_mmHg = const(40)
HIGHEST_TARGET_mmHg = const(260)
# Below this nobody's diastolic pressure is looked for.
LOWEST_mmHg = const(40)
