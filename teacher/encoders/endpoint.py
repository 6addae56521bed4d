"""A server of embeddings as a teacher: `POST {base}/embeddings` in the form that OpenAI's and most others have.

The key is read from the environment and stands in a request's header alone; errors show neither it nor texts.
"""

import base64
import binascii
import os
import time
from dataclasses import dataclass
from typing import Any

import httpx
import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from teacher.encoders.encoder import LONGEST_WINDOW, LoadedEncoder, prompt_for
from teacher.encoders.settings import EncoderSettings, Prompts
from teacher.encoders.window import cut_by_estimate, ladder, long_text
from teacher.errors import EncoderRefused
from teacher.roles import Role

_TRIES = 5
_FIRST_PAUSE_S = 0.25
_LONGEST_PAUSE_S = 30.0
_TOO_LONG = (400, 413, 422)
_UNCHANGED = 0.99999
_SHORTEST_CUT = 64
"""Letters: a text that would become shorter is refused for another reason than its length."""


class _InputRefused(EncoderRefused):
    """The server does not accept the input; too long, most likely."""


@dataclass(slots=True)
class _Server:
    """The server's client, and the dimension that its first answer had."""

    settings: EncoderSettings
    client: httpx.Client
    dimension: int | None = None

    def embed(self, texts: list[str]) -> NDArray[np.float32]:
        """Embeddings (N, D), in batches."""
        size = self.settings.batch_size
        batches = [self._embed_batch(texts[first : first + size]) for first in range(0, len(texts), size)]
        return np.concatenate(batches)

    def embed_whatever_fits(self, texts: list[str]) -> NDArray[np.float32]:
        """Embeddings (N, D); what the server does not accept is split, and one text cut, by halves until it does.

        A server counts tokens that are only estimated here, and may bound the size of a batch.
        """
        try:
            return self.embed(texts)
        except _InputRefused:
            middle = len(texts) // 2
            if middle:
                halves = texts[:middle], texts[middle:]
                return np.concatenate([self.embed_whatever_fits(half) for half in halves])
            shorter = texts[0][: len(texts[0]) // 2]
            if len(shorter) < _SHORTEST_CUT:
                raise
            return self.embed_whatever_fits([shorter])

    def _embed_batch(self, texts: list[str]) -> NDArray[np.float32]:
        response = self._post({"model": self.settings.model_id, "input": texts, "encoding_format": "float"})
        try:
            embeddings = _parse(response.json(), len(texts))
        except (ValueError, KeyError, TypeError, AttributeError, binascii.Error) as error:
            raise EncoderRefused(
                f"{self.settings.model} answered in another form ({type(error).__name__}), expected the JSON of an "
                f"OpenAI-compatible server with {len(texts)} embeddings; check that the URL is the base before "
                "/embeddings, and the model"
            ) from error
        if self.dimension not in (None, embeddings.shape[1]):
            raise EncoderRefused(
                f"{self.settings.model}: wrong dimension, embeddings of {embeddings.shape[1]} numbers after ones of "
                f"{self.dimension}; the server changed its model: label again from the beginning"
            )
        self.dimension = embeddings.shape[1]
        return embeddings

    def _post(self, body: dict[str, Any]) -> httpx.Response:
        """One request, tried again where that can help."""
        pause, reason = _FIRST_PAUSE_S, ""
        for attempt in range(_TRIES):
            if attempt:
                time.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE_S)
            try:
                response = self.client.post(f"{self.settings.model.rstrip('/')}/embeddings", json=body)
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                reason = f"cannot be reached ({type(error).__name__})"
                if self.dimension is None and isinstance(error, httpx.ConnectError):
                    break  # it has never answered, so nobody waits for it
                continue
            if response.status_code == 200:
                return response
            if response.status_code != 429 and response.status_code < 500:
                raise self._refusal(response.status_code)
            reason = f"answered {response.status_code}"
            pause = max(pause, _asked_pause(response))
        raise EncoderRefused(
            f"{self.settings.model} {reason}, {attempt + 1} times; start the server or check the URL, lower batch_size "
            "or raise timeout_s; labelling goes on where it was"
        )

    def _refusal(self, status: int) -> EncoderRefused:
        variable = self.settings.api_key_variable
        if status in (401, 403):
            hint = (
                f"set {variable} to a valid key"
                if variable
                else "name the variable that holds its key: api_key_variable"
            )
            return EncoderRefused(f"{self.settings.model} answered {status}, it does not accept the key; {hint}")
        if status in _TOO_LONG:
            return _InputRefused(
                f"{self.settings.model} answered {status}, it does not accept the texts; lower max_tokens or batch_size"
                f" or check model_id {self.settings.model_id}"
            )
        return EncoderRefused(
            f"{self.settings.model} answered {status}, expected 200; check that the URL is the base before "
            f"/embeddings, and model_id {self.settings.model_id}"
        )


def open_endpoint(settings: EncoderSettings) -> LoadedEncoder:
    """Reaches a server and finds how long its texts may be.

    Raises:
        EncoderRefused: it cannot be reached, does not accept the key, or answers in another form.
    """
    server = _Server(settings, httpx.Client(headers=_headers(settings), timeout=settings.timeout_s))
    tokenizer = _tokenizer(settings)
    longest, window = _measure_window(server, settings.max_tokens or LONGEST_WINDOW, tokenizer)
    if settings.max_tokens and longest < settings.max_tokens:
        raise EncoderRefused(
            f"{settings.model} accepts texts of {longest} tokens, max_tokens asks for {settings.max_tokens}; "
            "lower it or leave it out"
        )
    prompts = settings.prompts or Prompts()

    def encode(texts: list[str], role: Role) -> NDArray[np.float32]:
        cut = [_cut(prompt_for(prompts, role) + text, longest, tokenizer) for text in texts]
        return server.embed_whatever_fits(cut)

    identity = {"url": settings.model.rstrip("/"), "model_id": settings.model_id, "longest_text": longest}
    return LoadedEncoder(encode, window, identity, is_remote=True, prompts=prompts)


def _headers(settings: EncoderSettings) -> dict[str, str]:
    if settings.api_key_variable is None:
        return {}
    key = os.environ.get(settings.api_key_variable, "").strip()
    if not key:
        raise EncoderRefused(f"{settings.api_key_variable} is not set; set it to the key of {settings.model}")
    if not key.isascii() or not key.isprintable():
        raise EncoderRefused(f"{settings.api_key_variable} holds no key: it has characters that no header can have")
    return {"authorization": f"Bearer {key}"}


def _tokenizer(settings: EncoderSettings) -> Tokenizer | None:
    if settings.tokenizer is None:
        return None
    try:
        tokenizer = Tokenizer.from_file(str(settings.tokenizer))
    except Exception as error:  # the library raises bare exceptions
        raise EncoderRefused(f"{settings.tokenizer} is no tokenizer of the tokenizers library; get it again") from error
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def _measure_window(server: _Server, at_most: int, tokenizer: Tokenizer | None) -> tuple[int, int]:
    """The longest text that is accepted, and the longest whose end counts; in tokens, by halves from `at_most`."""
    longest, refusal = None, None
    for length in ladder(at_most):
        text = _cut(long_text(2 * length), length, tokenizer)
        beginning = _cut(text, length - length // 8 - 1, tokenizer)  # without its end
        try:
            whole, part = server.embed([text])[0], server.embed([beginning])[0]
        except _InputRefused as error:
            refusal = error
            continue
        longest = longest or length
        norms = float(np.linalg.norm(whole) * np.linalg.norm(part))
        if not norms > 0 or float(whole @ part) / norms < _UNCHANGED:  # zeros and NaN are for the probes to refuse
            return longest, length
    if longest is None:
        raise refusal or EncoderRefused(f"{server.settings.model} accepts no text")
    return longest, min(longest, 8)


def _cut(text: str, max_tokens: int, tokenizer: Tokenizer | None) -> str:
    if tokenizer is None:
        return cut_by_estimate(text, max_tokens)
    encoding = tokenizer.encode(text)
    special = int(sum(encoding.special_tokens_mask))
    if len(encoding.ids) <= max_tokens:
        return text
    ends = [
        end
        for (_, end), is_special in zip(encoding.offsets, encoding.special_tokens_mask, strict=True)
        if not is_special
    ]
    return text[: ends[max(0, max_tokens - special - 1)]]


def _parse(answer: Any, count: int) -> NDArray[np.float32]:
    """Embeddings (N, D) of an answer, in the order of the texts; raises what Python raises for other forms."""
    rows = {int(entry["index"]): _numbers(entry["embedding"]) for entry in answer["data"]}
    if sorted(rows) != list(range(count)) or len(answer["data"]) != count:
        raise ValueError("an embedding for each text is expected")
    if len({len(row) for row in rows.values()}) != 1:
        raise ValueError("embeddings of one size are expected")
    return np.stack([rows[number] for number in range(count)])


def _numbers(value: Any) -> NDArray[np.float32]:
    if isinstance(value, str):
        return np.frombuffer(base64.b64decode(value, validate=True), dtype="<f4").astype(np.float32)
    numbers = np.array([np.nan if each is None else each for each in value], dtype=np.float32)
    if numbers.ndim != 1:
        raise ValueError("one number after the other is expected")
    return numbers


def _asked_pause(response: httpx.Response) -> float:
    """The pause that the server asks for, in bounds."""
    try:
        return min(max(float(response.headers.get("retry-after", 0)), 0.0), _LONGEST_PAUSE_S)
    except ValueError:
        return 0.0
