-- The home's database. Times are milliseconds of UTC unless a name says otherwise; STRICT tables refuse a wrong type.
-- subject: a person (kind 0) or a room (kind 1). account_key: the public key of the linked account, pinned.
CREATE TABLE subjects (
    subject INTEGER PRIMARY KEY,
    kind INTEGER NOT NULL CHECK (kind IN (0, 1)),
    name TEXT NOT NULL,
    usual_g INTEGER,
    person_id BLOB NOT NULL UNIQUE,
    epoch INTEGER NOT NULL DEFAULT 0,
    account_key BLOB,
    linked_ms INTEGER,
    made_ms INTEGER NOT NULL
) STRICT;

-- What the home learnt of a device after it was enrolled. sender_reserved: OSCORE sender numbers below it may have been used.
CREATE TABLE devices (
    kid BLOB PRIMARY KEY,
    used_by INTEGER REFERENCES subjects (subject) ON DELETE SET NULL,
    room INTEGER REFERENCES subjects (subject) ON DELETE SET NULL,
    last_seen_ms INTEGER,
    battery_percent INTEGER,
    last_fault INTEGER,
    sender_reserved INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

-- Every reading as its device signed it, for ever. place: kept | inbox | home | sealed | account | conflict.
CREATE TABLE readings (
    reading INTEGER PRIMARY KEY,
    kid BLOB NOT NULL,
    sequence INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    boot INTEGER NOT NULL,
    up_ms INTEGER NOT NULL,
    utc_s REAL NOT NULL,
    uncertainty_s REAL,
    time_source TEXT NOT NULL,
    digest BLOB NOT NULL,
    signed BLOB NOT NULL,
    pairing BLOB NOT NULL,
    public_key BLOB NOT NULL,
    received_ms INTEGER NOT NULL,
    place TEXT NOT NULL DEFAULT 'kept',
    subject INTEGER REFERENCES subjects (subject) ON DELETE SET NULL,
    reason TEXT,
    row_id BLOB,
    UNIQUE (kid, sequence)
) STRICT;
CREATE INDEX readings_by_place ON readings (place, reading);
CREATE INDEX readings_by_subject ON readings (subject, kind, utc_s);

-- When a reading passed each stop of its way; written after the fact, so a crash may lose the last ones, never a reading.
CREATE TABLE stops (
    reading INTEGER NOT NULL REFERENCES readings (reading) ON DELETE CASCADE,
    stop TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    PRIMARY KEY (reading, stop)
) STRICT, WITHOUT ROWID;

-- The same number with other bytes: kept aside as evidence, one of each.
CREATE TABLE conflicts (
    kid BLOB NOT NULL,
    sequence INTEGER NOT NULL,
    digest BLOB NOT NULL,
    signed BLOB NOT NULL,
    at_ms INTEGER NOT NULL,
    PRIMARY KEY (kid, sequence, digest)
) STRICT, WITHOUT ROWID;

CREATE TABLE anchors (
    kid BLOB NOT NULL,
    boot INTEGER NOT NULL,
    start_utc_ms INTEGER NOT NULL,
    contacts INTEGER NOT NULL,
    agreed INTEGER NOT NULL,
    floor_utc_ms INTEGER,
    PRIMARY KEY (kid, boot)
) STRICT, WITHOUT ROWID;

-- What waits for the ingester's receipt; a row leaves only with it.
CREATE TABLE outgoing (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    reading INTEGER NOT NULL UNIQUE REFERENCES readings (reading),
    subject INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    pseudonym BLOB NOT NULL,
    minute INTEGER NOT NULL,
    row_id BLOB NOT NULL UNIQUE,
    sealed BLOB NOT NULL
) STRICT;

-- The end of each pseudonym's chain of sealed rows.
CREATE TABLE chains (
    pseudonym BLOB PRIMARY KEY,
    previous BLOB NOT NULL,
    number INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE links (
    link_id BLOB PRIMARY KEY,
    subject INTEGER NOT NULL REFERENCES subjects (subject) ON DELETE CASCADE,
    fingerprint BLOB NOT NULL,
    state TEXT NOT NULL,
    account_key BLOB,
    box BLOB,
    started_ms INTEGER NOT NULL,
    ended_ms INTEGER
) STRICT, WITHOUT ROWID;

-- The page: one household password (argon2id), sessions by the hash of their id.
CREATE TABLE household (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE sessions (
    session BLOB PRIMARY KEY,
    made_ms INTEGER NOT NULL,
    last_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
