-- What may be sealed next, found without walking through the years of a room's climate that stay at home value by value.
CREATE INDEX readings_sealable ON readings (subject, reading) WHERE place = 'home' AND (kind != 2 OR kid = x'');
