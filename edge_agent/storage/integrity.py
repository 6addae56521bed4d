"""A full check of a store: SQLite's own structure, our references and sizes, and every checksum."""

from collections.abc import Sequence

from edge_agent.errors import DocumentUnknown, StoreDamaged
from edge_agent.storage.database import Database


def find_problems(database: Database, dimension: int) -> list[str]:
    """The problems of a store, in words; empty when it is sound.

    Checks SQLite's own structure and references, that every document has passages or attachments, that passages lie
    within their text and have embeddings of D numbers, and that texts and passages are as they were written.

    Args:
        database: of the store.
        dimension: D.

    Raises:
        StoreDamaged: so broken that not even this can be read.
    """
    checks = {
        "documents without passages": "SELECT count(*) AS n FROM documents d "
        "WHERE NOT EXISTS (SELECT 1 FROM passages p WHERE p.document_id = d.id) "
        "AND NOT EXISTS (SELECT 1 FROM documents a WHERE a.container_id = d.id)",
        "passages outside their document's text": "SELECT count(*) AS n FROM passages p "
        'JOIN documents d ON d.id = p.document_id WHERE p."end" > length(d.text)',
        "passages without an embedding": "SELECT count(*) AS n FROM passages p "
        "WHERE NOT EXISTS (SELECT 1 FROM embeddings e JOIN embedding_spaces s ON s.id = e.space_id "
        "WHERE e.passage_id = p.id AND s.is_active)",
        "embeddings of the wrong size": "SELECT count(*) AS n FROM embeddings e "
        "JOIN embedding_spaces s ON s.id = e.space_id "
        f"WHERE s.is_active AND length(embedding) != {2 * int(dimension)}",
        "embeddings that are not what was written": "SELECT (SELECT count(*) FROM embeddings "
        "WHERE crc32(embedding) != checksum) + (SELECT count(*) FROM sentence_embeddings "
        "WHERE crc32(embeddings) != checksum) + (SELECT count(*) FROM memory_embeddings "
        "WHERE crc32(embedding) != checksum) AS n",
    }
    with database.snapshots.open() as snapshot:
        problems = [row["integrity_check"] for row in snapshot.rows("PRAGMA integrity_check", [])]
        problems = [problem for problem in problems if problem != "ok"]
        if not database.verify("INSERT INTO passage_terms (passage_terms, rank) VALUES ('integrity-check', 1)"):
            problems.append("the words of the passages differ from their texts")
        references = snapshot.rows("PRAGMA foreign_key_check", [])
        problems += [f"broken reference in {row['table']}" for row in references]
        for name, query in checks.items():
            count = snapshot.rows(query, [])[0]["n"]
            if count:
                problems.append(f"{count} {name}")
        document_ids = [row["id"] for row in snapshot.rows("SELECT id FROM documents", [])]
    return problems + _compare_checksums(database, document_ids)


def _compare_checksums(database: Database, document_ids: Sequence[str]) -> list[str]:
    """Reads every document and passage, in a snapshot a document: one keeps the passages that it has read."""
    changed_documents = changed_passages = 0
    for document_id in document_ids:
        with database.snapshots.open() as snapshot:
            try:
                snapshot.document_with_text(document_id)
            except (StoreDamaged, DocumentUnknown):  # unknown where its index is damaged
                changed_documents += 1
            for passage_id in snapshot.passages_of(document_id):
                try:
                    snapshot.passages([passage_id])
                except StoreDamaged:
                    changed_passages += 1
    counts = {"documents": changed_documents, "passages": changed_passages}
    return [f"{count} {name} that are not what was written" for name, count in counts.items() if count]
