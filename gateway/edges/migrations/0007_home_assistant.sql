-- Whose readings of which kind a Home Assistant in this home is told; none unless the owner ticked it.
CREATE TABLE neighbour_ticks (
    subject INTEGER NOT NULL REFERENCES subjects (subject) ON DELETE CASCADE,
    kind INTEGER NOT NULL,
    PRIMARY KEY (subject, kind)
) STRICT, WITHOUT ROWID;
