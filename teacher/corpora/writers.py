"""Writers of queries: a language model on this machine, or one behind an OpenAI-compatible endpoint."""

import re
from collections.abc import Callable
from pathlib import Path

import httpx

from student.errors import OrillaError

Write = Callable[[str, str], list[str]]
"""Passage and language → queries."""

_PROMPT = {
    "en": "Write {count} short questions that a customer could ask and that this text answers. One on each line, "
    "nothing else.\n\nText:\n{passage}\n\nQuestions:\n",
    "es": "Escribe {count} preguntas breves que un cliente podría hacer y que este texto responde. Una por línea, nada "
    "más.\n\nTexto:\n{passage}\n\nPreguntas:\n",
}
_MARK = re.compile(r"^\s*(?:[-*•]|\d+[.)])\s*")


class WriterFailed(OrillaError):
    """The language model cannot be loaded or did not answer."""


def prompt_for(passage: str, language: str, count: int) -> str:
    """The prompt for the model, in the passage's language."""
    return _PROMPT.get(language, _PROMPT["en"]).format(count=count, passage=passage)


def parse_queries(answer: str, count: int) -> list[str]:
    """The first so many lines of an answer, without their numbers and marks."""
    lines = (_MARK.sub("", line).strip() for line in answer.splitlines())
    return [line for line in lines if 5 <= len(line) <= 300][:count]


def endpoint_writer(url: str, model: str, *, key: str | None = None, count: int = 2, timeout_s: float = 60) -> Write:
    """A writer behind `{url}/chat/completions`.

    Raises, when it writes:
        WriterFailed: the endpoint cannot be reached, refuses, or answers in another form.
    """
    headers = {"authorization": f"Bearer {key}"} if key else {}

    def write(passage: str, language: str) -> list[str]:
        body = {
            "model": model,
            "messages": [{"role": "user", "content": prompt_for(passage, language, count)}],
            "temperature": 0.7,
            "max_tokens": 200,
        }
        try:
            response = httpx.post(
                f"{url.rstrip('/')}/chat/completions", json=body, headers=headers, timeout=timeout_s
            ).raise_for_status()
            return parse_queries(str(response.json()["choices"][0]["message"]["content"]), count)
        except (httpx.HTTPError, ValueError, KeyError, IndexError, TypeError) as error:
            raise WriterFailed(
                f"{url} did not answer as an OpenAI-compatible endpoint ({type(error).__name__}); check its address, "
                "the model's name and the key"
            ) from error

    return write


def local_writer(path: Path, *, count: int = 2, seed: int = 0) -> Write:
    """A causal language model in a folder, run by transformers.

    Raises:
        WriterFailed: the folder holds none.
    """
    import torch  # noqa: PLC0415  (seconds to import)
    from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: PLC0415

    from student.distill.training.precision import choose_device  # noqa: PLC0415

    device = choose_device()
    try:
        tokenizer = AutoTokenizer.from_pretrained(path, local_files_only=True)
        model = AutoModelForCausalLM.from_pretrained(path, local_files_only=True).to(device).eval()
    except (OSError, ValueError) as error:
        raise WriterFailed(f"{path} holds no causal language model that transformers can load") from error
    torch.manual_seed(seed)

    def write(passage: str, language: str) -> list[str]:
        text = prompt_for(passage, language, count)
        if tokenizer.chat_template:
            messages = [{"role": "user", "content": text}]
            text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        inputs = tokenizer(text, return_tensors="pt", truncation=True, max_length=1024).to(device)
        with torch.inference_mode():
            output = model.generate(**inputs, max_new_tokens=80, do_sample=True, temperature=0.7, top_p=0.95)
        return parse_queries(
            tokenizer.decode(output[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True), count
        )

    return write
