"""The teacher while it is fine-tuned: a sentence-transformers encoder and an intent head, in one torch module."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from sentence_transformers import SentenceTransformer
from torch import Tensor

from student.distill.pretrained import Pretrained
from student.distill.training.precision import move
from student.embeddings import Embeddings

TokenizedBatch = dict[str, Tensor]

LOGIT_SCALE = 10.0
"""Unit embeddings are scaled so before the head, so that its weights stay small."""


class TeacherModel(torch.nn.Module):  # type: ignore[misc]  # torch is not read by mypy here
    """An encoder with an intent head (C intents), called once a step so that data parallelism sees one forward."""

    def __init__(self, pretrained: Pretrained, intents: int, *, max_tokens: int) -> None:
        super().__init__()
        self.encoder = SentenceTransformer(str(pretrained.path), device="cpu", local_files_only=True)
        self.encoder.max_seq_length = min(max_tokens, pretrained.max_tokens)
        for name, parameter in self.encoder.named_parameters():
            parameter.requires_grad_(
                "pooler" not in name
            )  # unused under mean pooling; data parallelism would wait for it
        self.head = torch.nn.Linear(pretrained.dimension, max(1, intents))
        torch.nn.init.zeros_(self.head.weight)
        torch.nn.init.zeros_(self.head.bias)

    def forward(self, *batches: TokenizedBatch) -> list[Tensor]:
        """Embeddings (B, D) of unit norm in float32 for each batch, and the logits (B, C) of the last batch."""
        embeddings = [self.embed(batch) for batch in batches]
        return [*embeddings, self.head(embeddings[-1] * LOGIT_SCALE)]

    def embed(self, batch: TokenizedBatch) -> Tensor:
        """Embeddings (B, D) of unit norm in float32."""
        return torch.nn.functional.normalize(self.encoder(dict(batch))["sentence_embedding"].float(), dim=1)

    def tokenize(self, texts: list[str], device: torch.device) -> TokenizedBatch:
        """A batch of texts for `forward`."""
        features: dict[str, Any] = self.encoder.preprocess(texts)
        return {name: move(value, device) for name, value in features.items() if isinstance(value, Tensor)}

    def encode(
        self, texts: list[str], device: torch.device, on_texts: Callable[[int, int], None] = lambda done, total: None
    ) -> Embeddings:
        """Embeddings (N, D) of texts, in batches of like length; `on_texts` is called with the done and all of them."""
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        embeddings = np.empty((len(texts), self.head.in_features), dtype=np.float32)
        self.eval()
        with torch.inference_mode():
            for first in range(0, len(order), 64):
                rows = order[first : first + 64]
                batch = self.tokenize([texts[i] for i in rows], device)
                embeddings[rows] = self.embed(batch).cpu().numpy()
                on_texts(first + len(rows), len(order))
        self.train()
        return embeddings

    def save(self, pretrained: Pretrained, folder: Path) -> None:
        """Writes a copy of the pretrained folder with the weights of now."""
        shutil.copytree(pretrained.path, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.safetensors"))
        with safe_open(pretrained.path / "model.safetensors", framework="pt") as file:
            names = set(file.keys())  # what was not in the file (a pooler) was made up when loading, and is not used
        state = self.encoder[0].auto_model.state_dict()
        save_file(
            {name: value.detach().cpu().contiguous() for name, value in state.items() if name in names},
            folder / "model.safetensors",
            metadata={"format": "pt"},
        )
