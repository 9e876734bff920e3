-- From version 2 of the spool to version 3: what a push part says to the HTTP/2
-- interface.  `schema.sql` says the same to a new spool, word for word.

BEGIN IMMEDIATE;

ALTER TABLE content ADD COLUMN headers TEXT;
ALTER TABLE quarantine ADD COLUMN headers;
ALTER TABLE dead_letter ADD COLUMN headers TEXT;

PRAGMA user_version = 3;

COMMIT;
