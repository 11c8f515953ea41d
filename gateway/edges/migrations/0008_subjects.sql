-- Who may read whose readings, under which names they leave the home, and where each sealed row stands.

-- ward: a child, whose guardians each have an account, or nobody's own. body: what recognition learnt, as JSON.
-- stopped_ms: since when nothing is sent, because the account store says that the account erased it. generation: which home secret.
-- share_until_ms: until when one more account may be linked, because those that are linked said so.
ALTER TABLE subjects ADD COLUMN ward INTEGER NOT NULL DEFAULT 0 CHECK (ward IN (0, 1));
ALTER TABLE subjects ADD COLUMN body TEXT;
ALTER TABLE subjects ADD COLUMN stopped_ms INTEGER;
ALTER TABLE subjects ADD COLUMN generation INTEGER NOT NULL DEFAULT 0;
ALTER TABLE subjects ADD COLUMN share_until_ms INTEGER;
ALTER TABLE subjects ADD COLUMN box_version INTEGER NOT NULL DEFAULT 0;

-- probability: how sure the assignment was, 0 to 1.
ALTER TABLE readings ADD COLUMN probability REAL;

-- The accounts that hold a link box of a subject, the first linked first. state: linked | leaving.
-- box_version: the newest box the site has. link_id names the link and derives its keys.
CREATE TABLE recipients (
    link_id BLOB PRIMARY KEY,
    subject INTEGER NOT NULL,
    person_id BLOB NOT NULL,
    generation INTEGER NOT NULL,
    account_key BLOB NOT NULL,
    name TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'linked',
    box_version INTEGER NOT NULL DEFAULT 0,
    since_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Every name under which readings left the home. state: stands | erasing | erased. ask_ms: when to ask next how it stands.
CREATE TABLE epochs (
    pseudonym BLOB PRIMARY KEY,
    subject INTEGER NOT NULL,
    person_id BLOB NOT NULL,
    epoch INTEGER NOT NULL,
    generation INTEGER NOT NULL,
    state TEXT NOT NULL DEFAULT 'stands',
    ask_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Every row that was sealed, and its place in the chain, so that a stone can take it. state: queued | account | conflict | withdrawn | erased.
CREATE TABLE rows (
    row_id BLOB PRIMARY KEY,
    reading INTEGER NOT NULL,
    pseudonym BLOB NOT NULL,
    minute INTEGER NOT NULL,
    number INTEGER NOT NULL,
    previous BLOB NOT NULL,
    digest BLOB NOT NULL,
    state TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX rows_by_reading ON rows (reading);
CREATE INDEX rows_by_pseudonym ON rows (pseudonym, state);

-- what: row | stone | withdrawal | erasure. A withdrawal has nothing sealed; an erasure stands for its pseudonym.
DROP TABLE outgoing;
CREATE TABLE outgoing (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    what TEXT NOT NULL DEFAULT 'row',
    reading INTEGER,
    pseudonym BLOB NOT NULL,
    minute INTEGER NOT NULL,
    row_id BLOB NOT NULL UNIQUE,
    sealed BLOB NOT NULL
) STRICT;
CREATE INDEX outgoing_by_pseudonym ON outgoing (pseudonym);

-- What waits for an account's word. state: open | approved | declined | expired. facts: JSON.
CREATE TABLE requests (
    request_id BLOB PRIMARY KEY,
    subject INTEGER NOT NULL,
    what TEXT NOT NULL,
    facts TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'open',
    made_ms INTEGER NOT NULL,
    decided_ms INTEGER
) STRICT, WITHOUT ROWID;

-- A weight worked out at home as the difference of two weighings, and which two.
CREATE TABLE differences (
    reading INTEGER PRIMARY KEY REFERENCES readings (reading) ON DELETE CASCADE,
    heavier INTEGER NOT NULL,
    lighter INTEGER NOT NULL
) STRICT;

-- name: of the person whose account it is, as the home calls them.
ALTER TABLE links ADD COLUMN name TEXT NOT NULL DEFAULT '';
