-- From version 1 of the spool to version 2: dead letters, and what cannot be
-- removed.  `schema.sql` says the same to a new spool, word for word.

BEGIN IMMEDIATE;

-- Messages that failed for good, as they were, until `keep_until`.  Nothing here is
-- delivered.  `row` is the one that the entry had; `replayed_as` is the id of the
-- message that was made of it again.
CREATE TABLE dead_letter (
    row                 INTEGER PRIMARY KEY,
    died_at             REAL NOT NULL,
    keep_until          REAL NOT NULL,
    status              INTEGER,
    reason              TEXT NOT NULL,
    attempts            INTEGER,
    replayed_as         TEXT,
    id                  TEXT,
    batch_id            TEXT,
    connection_id       TEXT,
    received_at         REAL,
    sender              TEXT,
    recipient           TEXT,
    binding_group       TEXT,
    binding             TEXT,
    domain              TEXT,
    size                INTEGER,
    connection_context  TEXT,
    message_context     TEXT,
    token               TEXT,
    payload             BLOB,
    return_path         TEXT,
    mail                BLOB
);
CREATE INDEX dead_letter_id ON dead_letter (id);
CREATE INDEX dead_letter_died_at ON dead_letter (died_at);
CREATE INDEX dead_letter_keep_until ON dead_letter (keep_until);

-- Entries that ended, on pages that SQLite cannot change because one beside them is
-- damaged.  They are not delivered again.
CREATE TABLE ended (row INTEGER PRIMARY KEY);

PRAGMA user_version = 2;

COMMIT;
