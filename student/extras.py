"""Extras of the package: optional dependencies that a command imports before it does any work."""

from importlib import import_module

from student.errors import ExtraMissing


def import_extra(
    what: str = "making bundles",
    extra: str = "distill",
    modules: tuple[str, ...] = ("torch", "optimum.exporters.onnx", "sentence_transformers", "sklearn"),
) -> None:
    """Imports what an extra installs, before any work is done. Raises `ExtraMissing`."""
    try:
        for name in modules:
            import_module(name)
    except ImportError as error:
        raise ExtraMissing(
            f'{what} needs {error.name or name}, which is not installed; run: pip install "orilla[{extra}]"'
        ) from error
