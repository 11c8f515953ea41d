-- How releases stand on devices: what the home offered, and every word a device said of it. One row a release and device is its history.
CREATE TABLE updates (
    kid BLOB NOT NULL,
    sequence INTEGER NOT NULL,
    name TEXT NOT NULL,
    state INTEGER NOT NULL,
    percent INTEGER,
    fault INTEGER,
    asked INTEGER NOT NULL DEFAULT 0,
    begun_ms INTEGER NOT NULL,
    changed_ms INTEGER NOT NULL,
    PRIMARY KEY (kid, sequence)
) WITHOUT ROWID;
