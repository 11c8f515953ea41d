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
# From 260 to 15 mmHg within 10 s, by one key (OIML R16-2 chapter 6, from memory); then a little for the last air, before the zero is
# looked at again.
VENT_MS = const(10_000)
VENT_SETTLES_MS = const(3000)
# Blood must come back into the arm: cycling cuffs leave it 30 s without pressure (from memory); guidelines ask for a minute or two between
# the readings of which a mean is made (ESH 2023 and AHA 2019, from memory).
PAUSE_MS = const(30_000)
PAIR_PAUSE_MS = const(60_000)
# A cuff that was armed from afar waits for its own button so long and no longer (notes on threats T14).
ARMED_MS = const(60_000)
# Ordinary inflation takes 15 to 30 s; longer means that the air goes elsewhere.
INFLATION_MS = const(50_000)
# A cuff around an arm has 40 mmHg after 5 s of this pump, one that is not after 12 s or more (computed from both volumes).
WRAPPED_mmHg = const(40)
WRAPPED_MS = const(11_000)
# Once the cuff is full the pump may not lift it faster than this share of its strength does, some 25 mmHg/s.
FULL_CUFF_DUTY = const(23_000)
# The bleed takes 2 to 3 mmHg/s and the cuff's relaxation up to 10 in its first seconds (measured on hand cuffs); a tube off takes more.
LEAK_mmHg_per_s = const(15)
LEAK_MS = const(1500)
# A tube that slips off empties the cuff faster than any arm's movement falls back (20 mmHg in half a period of 0.3 s, and then it stops).
OFF_mmHg_per_s = const(80)
# A pump at work lifts a full cuff by more than 3 mmHg in 3 s (it aims at 30), or the air goes elsewhere, or the sensor is wrong.
WORK_MS = const(3000)
WORK_mmHg = const(3)
# A cuff and its arm yield 0.4 ml to each mmHg, a bent tube a hundredth of that: no pump lifts a cuff by 40 mmHg in 0.2 s.
TUBE_mmHg = const(40)
TUBE_MS = const(200)
# With pump off and needle open the pressure falls, by 20 mmHg or more in 15 s; a moving arm lifts it by up to 20.
FALL_MS = const(15_000)
FALL_mmHg = const(6)
RISE_mmHg = const(35)
# The sensor gives a value every 10 ms; so long without a new one, and nobody knows how tight the cuff is.
SENSOR_SILENT_MS = const(300)
# Its noise is 0.03 mmHg rms or some 300 counts: the same count for so long is no measurement.
STUCK_MS = const(1000)
# The usual second difference of three values, 10 ms apart: a moving arm stays under 1 mmHg, the pump's strokes under 0.5 (computed).
NOISY_mmHg = 2.5
NOISY_VALUES = const(50)
# One leap is no noise: a tube slips off once.
LEAP_mmHg = const(20)
# No cuff sucks.
VACUUM_mmHg = const(-10)
# An empty cuff at rest: +-1.5 % of full scale is the sensor's own error (from memory); and so far may the zero have moved when the cuff
# is empty again: more would be an error of that size in the result.
ZERO_mmHg = const(6)
ZERO_SPREAD_mmHg = const(2)
ZERO_MOVED_mmHg = const(5)
# So far above the systolic pressure as it shows while inflating; the lowest, the usual and the highest target, and what a re-inflation
# adds: far enough below the over-pressure for a pump that runs on a little.
ABOVE_SYSTOLIC_mmHg = const(30)
LOWEST_TARGET_mmHg = const(150)
TARGET_mmHg = const(180)
SEARCHING_TARGET_mmHg = const(220)
TARGET_STEP_mmHg = const(40)
HIGHEST_TARGET_mmHg = const(260)
# Below this nobody's diastolic pressure is looked for.
LOWEST_mmHg = const(35)
