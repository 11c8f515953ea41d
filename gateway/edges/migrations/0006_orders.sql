-- Orders for devices (gateway/orders.py), numbered once and for ever; arguments: CBOR, as protocol/commands.py has them.
CREATE TABLE orders (
    number INTEGER PRIMARY KEY,
    kid BLOB NOT NULL,
    kind INTEGER NOT NULL,
    arguments BLOB NOT NULL,
    origin TEXT NOT NULL,
    subject INTEGER REFERENCES subjects (subject) ON DELETE SET NULL,
    made_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL,
    state TEXT NOT NULL,
    fault INTEGER,
    ended_ms INTEGER
) STRICT;
CREATE INDEX orders_by_device ON orders (kid, number);

-- Whose account may tell which device what to do, from outside; nobody unless somebody at home said so.
CREATE TABLE rights (
    subject INTEGER NOT NULL REFERENCES subjects (subject) ON DELETE CASCADE,
    kid BLOB NOT NULL,
    PRIMARY KEY (subject, kid)
) STRICT, WITHOUT ROWID;

-- Challenges handed to accounts, each for one order (threats T15); answer: what became of it, for the account to read.
CREATE TABLE challenges (
    challenge BLOB PRIMARY KEY,
    subject INTEGER NOT NULL REFERENCES subjects (subject) ON DELETE CASCADE,
    made_ms INTEGER NOT NULL,
    used_ms INTEGER
) STRICT, WITHOUT ROWID;
