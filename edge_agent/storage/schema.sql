-- The branch's store: the only truth. The index is derived from it.
-- Checksums (CRC-32, edge_agent/storage/checksums.py) are compared whenever something is read, so that nothing false is ever quoted.

-- One row. How many changes there were: see edge_agent/storage/commit_watermark.py.
CREATE TABLE changes (count INTEGER NOT NULL, schema_checksum INTEGER NOT NULL) STRICT;

-- The folders that documents come from.
CREATE TABLE roots (
    label TEXT PRIMARY KEY CHECK (label != '' AND instr(label, '/') = 0),  -- the folder's name, made unique
    path  TEXT NOT NULL UNIQUE                                              -- absolute
) STRICT, WITHOUT ROWID;

CREATE TABLE documents (
    id             TEXT PRIMARY KEY,          -- made of root and source at first; stays when it is replaced or moved
    root           TEXT NOT NULL,             -- label of the folder that it came from, "" where the API gave it
    source         TEXT NOT NULL,             -- the caller's name for it: a path below the root, a CRM's key
    container_id   TEXT REFERENCES documents (id) ON DELETE CASCADE,  -- that it is an attachment of
    title          TEXT NOT NULL,
    format         TEXT NOT NULL,
    language       TEXT NOT NULL,             -- of most of its text, "" where neither Spanish nor English
    encoding       TEXT NOT NULL,             -- of its bytes, "" for formats that are no text
    date           TEXT NOT NULL,             -- YYYY-MM-DD, YYYY-MM or YYYY; "" where nothing says it
    date_origin    TEXT NOT NULL CHECK (date_origin IN ('document', 'file', '')),
    content_sha256 TEXT NOT NULL,             -- of its bytes, title, tags and chunking: the same again changes nothing
    bytes_sha256   TEXT NOT NULL,             -- of its bytes alone, by which a renamed file is known; "" before version 4
    text           TEXT NOT NULL,             -- what passages and citations point into, in code points
    added_at       TEXT NOT NULL,             -- RFC 3339, UTC
    invisible_chars INTEGER NOT NULL,         -- left out because no reader sees them
    notices        TEXT NOT NULL,             -- JSON list: what was left out of it and where
    stale_reason   TEXT NOT NULL,             -- why a later version was refused, "" where this is the version of now
    stale_since    TEXT NOT NULL,             -- RFC 3339, UTC; "" likewise
    checksum       INTEGER NOT NULL,          -- of the columns before, but the text, and of the tags
    text_checksum  INTEGER NOT NULL,
    UNIQUE (root, source)
) STRICT;
CREATE INDEX documents_of_container ON documents (container_id) WHERE container_id IS NOT NULL;

-- Documents that were refused and of which no version is stored: what a report must not pass over.
CREATE TABLE refusals (
    root   TEXT NOT NULL,
    source TEXT NOT NULL,
    reason TEXT NOT NULL,
    at     TEXT NOT NULL,                     -- RFC 3339, UTC; the last time
    UNIQUE (root, source)
) STRICT;
CREATE TRIGGER refusal_is_over AFTER INSERT ON documents BEGIN
    DELETE FROM refusals WHERE root = NEW.root AND source = NEW.source;
END;
CREATE TRIGGER refusals_are_of_no_root AFTER DELETE ON roots BEGIN
    DELETE FROM refusals WHERE root = OLD.label;
END;

-- What staff sort documents by.
CREATE TABLE document_tags (
    document_id TEXT NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
    tag         TEXT NOT NULL,
    PRIMARY KEY (document_id, tag)
) STRICT, WITHOUT ROWID;
CREATE INDEX documents_of_tag ON document_tags (tag, document_id);

-- The chunking recipe of a document (edge_agent/ingest/chunking.py), so that outdated chunking is found.
CREATE TABLE document_chunking (
    document_id TEXT PRIMARY KEY REFERENCES documents (id) ON DELETE CASCADE,
    rules       INTEGER NOT NULL,              -- counts the changes of the code that cuts
    max_tokens  INTEGER NOT NULL,
    overlap_tokens INTEGER NOT NULL            -- of neighbours where a section is split
) STRICT, WITHOUT ROWID;

CREATE TABLE passages (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,  -- never reused
    document_id TEXT NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
    ordinal     INTEGER NOT NULL,
    start       INTEGER NOT NULL,
    "end"       INTEGER NOT NULL,
    heading     TEXT NOT NULL,
    page        INTEGER NOT NULL,                   -- from 1; 0 where the format has no pages
    kind        TEXT NOT NULL,                      -- of most of its text (edge_agent/storage/records.py, PassageKind)
    checksum    INTEGER NOT NULL,                   -- of what is shown of it: its text, place and document
    UNIQUE (document_id, ordinal),
    CHECK (0 <= start AND start < "end")
) STRICT;

-- One of them is served; a second one is here while a new bundle's embeddings are made in the background.
CREATE TABLE embedding_spaces (
    id        INTEGER PRIMARY KEY,
    digest    TEXT NOT NULL UNIQUE,
    is_active INTEGER NOT NULL CHECK (is_active IN (0, 1))
) STRICT;

CREATE UNIQUE INDEX one_active_space ON embedding_spaces (is_active) WHERE is_active = 1;

CREATE TABLE embeddings (
    passage_id INTEGER NOT NULL REFERENCES passages (id) ON DELETE CASCADE,
    space_id   INTEGER NOT NULL REFERENCES embedding_spaces (id),
    embedding  BLOB NOT NULL,                 -- D little-endian float16, unit norm
    checksum   INTEGER NOT NULL,              -- of its bytes; compared by a check alone
    UNIQUE (passage_id, space_id)
) STRICT;

-- The sentences of each passage (edge_agent/text.py) in order, so that a question need not wait for their encoding.
CREATE TABLE sentence_embeddings (
    passage_id INTEGER NOT NULL REFERENCES passages (id) ON DELETE CASCADE,
    space_id   INTEGER NOT NULL REFERENCES embedding_spaces (id),
    embeddings BLOB NOT NULL,                 -- for each sentence a float16 scale, then D int8
    checksum   INTEGER NOT NULL,              -- likewise
    UNIQUE (passage_id, space_id)
) STRICT;

-- What staff say of answers, and what they are asked to look at. Append-only: federation reads it by id, and a row once
-- read never changes. Texts are masked before they come here (edge_agent/feedback/masking.py).
CREATE TABLE feedback (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    at            TEXT NOT NULL,              -- RFC 3339, UTC
    text          TEXT NOT NULL,              -- of the question or message, masked
    is_helpful    INTEGER CHECK (is_helpful IN (0, 1)),
    intent        TEXT,                       -- the right one
    source        TEXT,                       -- of the right document, as it was named then
    document_id   TEXT,                       -- of the right document, which a new name does not change
    customer      TEXT,                       -- a pseudonym: the unit of privacy in federation
    review_id     INTEGER REFERENCES reviews (id),
    bundle_digest TEXT NOT NULL,              -- of the bundle that had answered
    CHECK (is_helpful IS NOT NULL OR intent IS NOT NULL OR source IS NOT NULL),
    CHECK ((source IS NULL) = (document_id IS NULL))
) STRICT;

CREATE TABLE reviews (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    at            TEXT NOT NULL,
    text          TEXT NOT NULL,              -- masked
    why           TEXT NOT NULL,              -- abstained, or intent unknown
    intent        TEXT,                       -- what the head thought likeliest
    confidence    REAL NOT NULL,
    bundle_digest TEXT NOT NULL
) STRICT;

CREATE TRIGGER feedback_is_append_only BEFORE UPDATE ON feedback BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE TRIGGER feedback_is_kept BEFORE DELETE ON feedback BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE TRIGGER reviews_are_append_only BEFORE UPDATE ON reviews BEGIN SELECT RAISE(ABORT, 'append-only'); END;

-- What feedback says of documents, by which they move in the ranking of the same and similar questions
-- (edge_agent/feedback/memory.py). The question stands in the feedback alone, and both go together.
CREATE TABLE memory (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,  -- never reused
    feedback_id INTEGER NOT NULL REFERENCES feedback (id) ON DELETE CASCADE,
    document_id TEXT NOT NULL,                      -- no reference: one that is replaced is deleted and comes again
    is_right    INTEGER NOT NULL CHECK (is_right IN (0, 1)),
    uses        INTEGER NOT NULL,                   -- questions that it took part in
    used_at     TEXT NOT NULL,                      -- RFC 3339, UTC; when it was given, until it is used
    UNIQUE (feedback_id, document_id)
) STRICT;

CREATE TABLE memory_embeddings (
    memory_id INTEGER NOT NULL REFERENCES memory (id) ON DELETE CASCADE,
    space_id  INTEGER NOT NULL REFERENCES embedding_spaces (id),
    embedding BLOB NOT NULL,                  -- of the question: D little-endian float16, unit norm
    checksum  INTEGER NOT NULL,               -- of its bytes; made again where it differs
    UNIQUE (memory_id, space_id)
) STRICT;

-- The words of the passages, for BM25. The texts themselves stand in the documents alone.
CREATE VIEW passage_texts AS
    SELECT p.id AS passage_id, d.title, p.heading, substr(d.text, p.start + 1, p."end" - p.start) AS text
    FROM passages p JOIN documents d ON d.id = p.document_id;

CREATE VIRTUAL TABLE passage_terms USING fts5 (
    title, heading, text,
    content = 'passage_texts', content_rowid = 'passage_id', tokenize = 'unicode61 remove_diacritics 2'
);
CREATE VIRTUAL TABLE passage_vocabulary USING fts5vocab (passage_terms, row);
