-- Who stands behind the buttons A and B of a cuff.
ALTER TABLE devices ADD COLUMN button_a INTEGER REFERENCES subjects (subject) ON DELETE SET NULL;
ALTER TABLE devices ADD COLUMN button_b INTEGER REFERENCES subjects (subject) ON DELETE SET NULL;
