-- What a PostgreSQL server needs once, by its administrator: psql -f roles.sql. Two roles, two databases, and who may enter which.
-- Passwords are set beside this, with \password; each part then finds its own in the file that ?passfile= names.
-- The ingester owns the readings and cannot enter the accounts; the site owns the accounts, reads the rows, and deletes them for
-- their owners. Nobody else enters either.
CREATE ROLE foyer_ingester LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE;
CREATE ROLE foyer_site LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE;
CREATE DATABASE readings OWNER foyer_ingester;
CREATE DATABASE accounts OWNER foyer_site;
REVOKE ALL ON DATABASE readings, accounts FROM PUBLIC;
GRANT CONNECT ON DATABASE readings TO foyer_site;
\connect readings
ALTER SCHEMA public OWNER TO foyer_ingester;
GRANT USAGE ON SCHEMA public TO foyer_site;
ALTER DEFAULT PRIVILEGES FOR ROLE foyer_ingester IN SCHEMA public GRANT SELECT, INSERT, DELETE ON TABLES TO foyer_site;
\connect accounts
ALTER SCHEMA public OWNER TO foyer_site;
