-- Browsers that asked to be rung (RFC 8030): where to push, and the keys that only that browser can open a message with (RFC 8291).
CREATE TABLE pushes (
    endpoint TEXT PRIMARY KEY,
    p256dh BLOB NOT NULL,
    auth BLOB NOT NULL,
    language TEXT NOT NULL,
    made_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
