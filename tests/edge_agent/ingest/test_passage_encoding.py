"""Encoding of passages and their units: each gets its own embedding, however often a line stands in the batch."""

import numpy as np

from edge_agent.ingest.chunking import passage_input
from edge_agent.ingest.passage_encoding import PassageText, encode_passages
from edge_agent.ingest.units import unit_inputs
from student.bundle import DEFAULT_BUNDLE
from student.bundle.folder import open_bundle
from student.runtime.encoder import Encoder

REPEATED = "The office closes at noon. Call the desk first."
PASSAGES = [
    PassageText("Hours", "", REPEATED),
    PassageText("Parking", "At the back", "The yard is locked at night. The guard has the key."),
    PassageText("Hours", "", REPEATED),
]


def test_every_passage_and_unit_gets_its_own_embedding() -> None:
    encoder = Encoder.from_bundle(open_bundle(DEFAULT_BUNDLE), workers=1)
    embeddings, groups = encode_passages(encoder, PASSAGES)
    for passage, embedding, units in zip(PASSAGES, embeddings, groups, strict=True):
        own = encoder.encode([passage_input(passage.title, passage.heading, passage.text)])[0]
        np.testing.assert_allclose(embedding.astype(np.float32), own, atol=1e-3)
        texts = unit_inputs(passage.heading, passage.text, passage.kind)
        assert len(texts) == 2
        np.testing.assert_array_equal(units, encoder.encode(texts))
    assert encode_passages(encoder, [])[1] == []
    encoder.close()
