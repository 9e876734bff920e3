-- The spool of mcmtpush, version 3.  docs/reference/spool.md explains it to operators.
--
-- `entry` is small and is all that a start reads; `content` holds the bodies, once for
-- all recipients of a transaction.  Columns that a start does not need come last: SQLite
-- then leaves their pages alone.

BEGIN IMMEDIATE;

PRAGMA application_id = 1296256340;  -- "MCMT"
PRAGMA user_version = 3;

-- One message for one recipient.  `content` is NULL when the message has a content of
-- its own, under the same row number; else it is the row of the content it shares.
CREATE TABLE entry (
    row                 INTEGER PRIMARY KEY,
    received_at         REAL NOT NULL,
    next_attempt_at     REAL NOT NULL,
    attempts            INTEGER NOT NULL,
    priority            INTEGER NOT NULL,
    binding_group       TEXT NOT NULL,
    binding             TEXT NOT NULL,
    domain              TEXT NOT NULL,
    content             INTEGER,
    id                  TEXT NOT NULL,
    batch_id            TEXT NOT NULL,
    connection_id       TEXT NOT NULL,
    sender              TEXT NOT NULL,
    recipient           TEXT NOT NULL,
    size                INTEGER NOT NULL,
    connection_context  TEXT,
    message_context     TEXT
);

-- Only shared contents are ever looked up from this side.
CREATE INDEX entry_content ON entry (content) WHERE content IS NOT NULL;

-- `token` is NULL when the message has no push part.  `headers` is a JSON object of
-- what the push part says to the HTTP/2 interface, NULL when that is nothing; here and
-- below it stands as ALTER TABLE adds it to older spools.
CREATE TABLE content (
    row          INTEGER PRIMARY KEY,
    token        TEXT,
    payload      BLOB,
    return_path  TEXT,
    mail         BLOB NOT NULL
, headers TEXT);

-- Rows that could not be read, as they were.  Nothing here is delivered.
CREATE TABLE quarantine (
    number              INTEGER PRIMARY KEY,
    reason              TEXT NOT NULL,
    row                 INTEGER,
    received_at,
    next_attempt_at,
    attempts,
    priority,
    binding_group,
    binding,
    domain,
    content,
    id,
    batch_id,
    connection_id,
    sender,
    recipient,
    size,
    connection_context,
    message_context,
    token,
    payload,
    return_path,
    mail
, headers);

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
, headers TEXT);
CREATE INDEX dead_letter_id ON dead_letter (id);
CREATE INDEX dead_letter_died_at ON dead_letter (died_at);
CREATE INDEX dead_letter_keep_until ON dead_letter (keep_until);

-- Entries that ended, on pages that SQLite cannot change because one beside them is
-- damaged.  They are not delivered again.
CREATE TABLE ended (row INTEGER PRIMARY KEY);

-- Row numbers below this one may have been used; they are never used again.
CREATE TABLE reservation (next_row INTEGER NOT NULL);
INSERT INTO reservation VALUES (1);

COMMIT;
