-- Before which a boot cannot have begun; NULL until two deliveries agreed. It takes the place of the mere word that they did.
ALTER TABLE anchors ADD COLUMN earliest_utc_ms INTEGER;
UPDATE anchors SET earliest_utc_ms = start_utc_ms - 5000 WHERE agreed;
ALTER TABLE anchors DROP COLUMN agreed;
