"""A sentence-transformers folder at work: texts to embeddings by torch, in bfloat16 where that is fast."""

from collections.abc import Callable

import numpy as np
import torch
from sentence_transformers import SentenceTransformer

from student.distill.pretrained import Pretrained
from student.distill.training.precision import autocast, choose_device
from student.embeddings import Embeddings


def open_torch_encoder(pretrained: Pretrained, *, precision: str) -> Callable[[list[str]], Embeddings]:
    """The encoder as a function of texts to embeddings (N, D).

    Args:
        pretrained: a sentence-transformers folder.
        precision: `float32`, `bfloat16`, or `auto` (see `student.distill.training.precision`).
    """
    device = choose_device()
    model = SentenceTransformer(str(pretrained.path), device=str(device), local_files_only=True)
    model.default_prompt_name = None  # none is put before every text silently

    def encode(texts: list[str]) -> Embeddings:
        with torch.inference_mode(), autocast(device, precision):
            embeddings = model.encode(texts, prompt="", batch_size=64, convert_to_tensor=True, show_progress_bar=False)
        unit = torch.nn.functional.normalize(embeddings.float(), dim=1)
        return np.asarray(unit.cpu().numpy(), dtype=np.float32)

    return encode
