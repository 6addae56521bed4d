-- The branch's store: the only truth. The index is derived from it.
CREATE TABLE documents (
    id             TEXT PRIMARY KEY,          -- derived from source, so it stays when the document is replaced
    source         TEXT NOT NULL UNIQUE,      -- the caller's name for it: a relative path, a CRM's key
    title          TEXT NOT NULL,
    format         TEXT NOT NULL,
    content_sha256 TEXT NOT NULL,             -- of the bytes that came in, with title and format
    text           TEXT NOT NULL,             -- what passages and citations point into, in code points
    added_at       TEXT NOT NULL              -- RFC 3339, UTC
) STRICT;

CREATE TABLE passages (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,  -- never reused
    document_id TEXT NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
    ordinal     INTEGER NOT NULL,
    start       INTEGER NOT NULL,
    "end"       INTEGER NOT NULL,
    heading     TEXT NOT NULL,
    UNIQUE (document_id, ordinal),
    CHECK (0 <= start AND start < "end")
) STRICT;

CREATE TABLE embeddings (
    passage_id      INTEGER PRIMARY KEY REFERENCES passages (id) ON DELETE CASCADE,
    embedding_space TEXT NOT NULL,
    embedding       BLOB NOT NULL              -- D little-endian float32, unit norm
) STRICT;
