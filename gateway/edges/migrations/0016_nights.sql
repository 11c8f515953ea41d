-- What was live in a nursery, one row a minute, for a day; minute: of UTC since 1970.
CREATE TABLE nights (
    kid BLOB NOT NULL,
    minute INTEGER NOT NULL,
    mean_dB REAL NOT NULL,
    loudest_dB REAL NOT NULL,
    crying_s INTEGER NOT NULL,
    Cel REAL,
    percent REAL,
    PRIMARY KEY (kid, minute)
) STRICT, WITHOUT ROWID;
