-- A spool of version 1: its schema, word for word, and three messages.

BEGIN IMMEDIATE;

PRAGMA application_id = 1296256340;  -- "MCMT"
PRAGMA user_version = 1;

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

-- `token` is NULL when the message has no push part.
CREATE TABLE content (
    row          INTEGER PRIMARY KEY,
    token        TEXT,
    payload      BLOB,
    return_path  TEXT,
    mail         BLOB NOT NULL
);

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
);

-- Row numbers below this one may have been used; they are never used again.
CREATE TABLE reservation (next_row INTEGER NOT NULL);
INSERT INTO reservation VALUES (1);

COMMIT;

INSERT INTO content VALUES
    (1, 'abababababababababababababababababababababababababababababababab',
     CAST('{"aps":{"alert":"one"}}' AS BLOB), NULL, CAST('first mail' AS BLOB)),
    (3, 'abababababababababababababababababababababababababababababababab',
     CAST('{"aps":{"alert":"two"}}' AS BLOB), 'b@x', CAST('second mail' AS BLOB));
INSERT INTO entry VALUES
    (1, 1700000000.5, 0.0, 0, 0, 'default', 'default', 'apn_example.com', NULL,
     '10/00-12345-C6DD1CA4', '20/00-12345-C6DD1CA4', '30/00-12345-C6DD1CA4',
     's@x', 'r@apn_example.com', 100, NULL, NULL),
    (2, 1700000001.5, 1700000100.0, 3, 0, 'default', 'default', 'apn_example.com', 3,
     '11/00-12345-C6DD1CA4', '20/00-12345-C6DD1CA4', '30/00-12345-C6DD1CA4',
     's@x', 'q@apn_example.com', 100, NULL, '{"a":"b"}'),
    (4, 1700000001.5, 0.0, 0, 1, 'default', 'default', 'apn_example.com', 3,
     '12/00-12345-C6DD1CA4', '20/00-12345-C6DD1CA4', '30/00-12345-C6DD1CA4',
     's@x', 'p@apn_example.com', 100, NULL, NULL);
UPDATE reservation SET next_row = 100001;
