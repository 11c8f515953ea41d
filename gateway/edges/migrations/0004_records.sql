-- What the home writes down of its own doings (gateway/records.py): exchanges as a chain, connections for a month.
CREATE TABLE exchanges (
    number INTEGER PRIMARY KEY,
    at_ms INTEGER NOT NULL,
    what TEXT NOT NULL,
    whom TEXT NOT NULL,
    subject INTEGER,
    count INTEGER NOT NULL,
    digest BLOB NOT NULL
) STRICT;

CREATE TABLE connections (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    at_ms INTEGER NOT NULL,
    ended_ms INTEGER,
    what TEXT NOT NULL,
    who TEXT NOT NULL
) STRICT;

-- agent: the browser's family and system, nothing finer.
ALTER TABLE sessions ADD COLUMN agent TEXT NOT NULL DEFAULT '';
