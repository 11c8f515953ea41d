-- Up to which id a name's rows were brought back from the account store; NULL: none are to be, 16 zeros: all.
ALTER TABLE epochs ADD COLUMN back_after BLOB;

-- Which rows and stones lie there, and in which place of their chains, while they are brought back.
CREATE TABLE brought (
    row_id BLOB PRIMARY KEY,
    pseudonym BLOB NOT NULL,
    number INTEGER NOT NULL,
    is_stone INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX brought_by_number ON brought (pseudonym, number);
