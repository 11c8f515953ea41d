-- What is at home, for a home that seals every single value of a room's climate: found without walking through all that was ever measured.
CREATE INDEX readings_at_home ON readings (subject, reading) WHERE place = 'home';
