"""Settings of one encoder, as a recipe states them."""

from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PositiveFloat, PositiveInt, model_validator

from student.distill.licenses import SpdxExpression

Kind = Literal["folder", "onnx", "endpoint"]

_ONLY_FOR: dict[str, tuple[Kind, ...]] = {
    "model_id": ("endpoint",),
    "api_key_variable": ("endpoint",),
    "timeout_s": ("endpoint",),
    "tokenizer": ("onnx", "endpoint"),
    "custom_operators": ("onnx",),
    "pooling": ("onnx",),
    "precision": ("folder",),
}


class Prompts(BaseModel):
    """Texts that stand before every query and before every passage."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    query: str = ""
    passage: str = ""


class EncoderSettings(BaseModel):
    """Everything that `teacher.encoders.opening.open_encoder` needs.

    Attributes:
        name: of the encoder in lineage and model cards.
        model: a sentence-transformers folder, an `.onnx` file, or the http(s) base URL of an OpenAI-compatible server.
        license: SPDX expression.
        attribution: whom the licence asks to name, for notices and model cards.
        prompts: by role. None takes a folder's own prompts by role; empty ones mean that there are none.
        dimensions: only the first so many numbers are used, scaled to unit norm (Matryoshka).
        max_tokens: longer texts are cut there; None takes what the encoder measurably reads, at most 2,048.
        precision: of a folder's arithmetic, see `student.distill.training.precision`.
        batch_size: texts at once.
        model_id: which of a server's models.
        api_key_variable: name of the environment variable that holds the server's key.
        timeout_s: for one request.
        tokenizer: a `tokenizer.json`; beside an ONNX graph by default. With it a server's texts are cut exactly.
        custom_operators: the graph needs those of onnxruntime-extensions, as those that take raw strings do.
        pooling: of a graph's token embeddings; `none` where the graph itself gives one embedding a text.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)  # an input may be a key

    name: str = Field(min_length=1)
    model: Annotated[str, BeforeValidator(lambda value: str(value) if isinstance(value, Path) else value)]
    license: SpdxExpression
    attribution: str | None = None
    prompts: Prompts | None = None
    dimensions: PositiveInt | None = None
    max_tokens: int | None = Field(default=None, ge=8)
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    batch_size: PositiveInt = 64
    model_id: str | None = Field(default=None, min_length=1)
    api_key_variable: str | None = Field(default=None, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    timeout_s: PositiveFloat = 60.0
    tokenizer: Path | None = None
    custom_operators: bool = False
    pooling: Literal["mean", "cls", "last", "none"] = "none"

    @property
    def kind(self) -> Kind:
        """The kind that `model` is, by its form."""
        if self.model.startswith(("http://", "https://")):
            return "endpoint"
        return "onnx" if self.model.endswith(".onnx") else "folder"

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Self:
        fields = type(self).model_fields
        foreign = [
            name
            for name, kinds in _ONLY_FOR.items()
            if self.kind not in kinds and getattr(self, name) != fields[name].default
        ]
        if foreign:
            raise ValueError(f"{', '.join(foreign)} means nothing for a model of kind {self.kind}; leave it out")
        if self.kind == "endpoint":
            if self.model_id is None:
                raise ValueError("a server needs model_id, the name of one of its models")
            parts: Any = urlsplit(self.model)
            if parts.username or parts.password or parts.query or parts.fragment:
                raise ValueError("the server's URL may hold no user, key or query; name the key by api_key_variable")
        return self
