-- present_ms: when it last asked; apart from last_seen_ms, from which the times of its readings are bounded.
-- What a device says of itself when it asks for its commands: the release it runs, and how well it hears the Wi-Fi, in dBm.
ALTER TABLE devices ADD COLUMN present_ms INTEGER;
ALTER TABLE devices ADD COLUMN version TEXT;
ALTER TABLE devices ADD COLUMN signal_dBm INTEGER;
