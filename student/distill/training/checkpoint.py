"""Checkpoints of a training: model and optimizer in one safetensors file, never a pickle, renamed into place."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor

from student.artifacts.durable import write_durably
from student.errors import OrillaError


class AnotherRun(OrillaError):
    """A folder holds the checkpoint of another run."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The state of a run besides its tensors: the steps done, and facts that it has to remember, as strings."""

    step: int
    facts: dict[str, str]


def save_checkpoint(
    path: Path, run: str, checkpoint: Checkpoint, model: torch.nn.Module, optimizer: torch.optim.Optimizer
) -> None:
    """Writes a checkpoint. `run` is a digest of all that makes the run what it is."""
    tensors = {f"model.{name}": value.contiguous() for name, value in model.state_dict().items()}
    for index, state in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{name}": value.contiguous() for name, value in state.items()}
    metadata = {**checkpoint.facts, "run": run, "step": str(checkpoint.step)}
    write_durably(path, save(tensors, metadata=metadata))


def load_checkpoint(
    path: Path, run: str, model: torch.nn.Module, optimizer: torch.optim.Optimizer, device: torch.device
) -> Checkpoint:
    """Brings model and optimizer to the last checkpoint; step 0 when there is none.

    Raises:
        AnotherRun: the checkpoint is of another run.
    """
    if not path.exists():
        return Checkpoint(0, {})
    with safe_open(path, framework="pt", device=str(device)) as file:
        metadata: dict[str, Any] = file.metadata()
        if metadata.pop("run", None) != run:
            raise AnotherRun(f"{path.parent} holds a run of another recipe or other data; name another folder")
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (not a dict)
    model.load_state_dict({n.removeprefix("model."): t for n, t in tensors.items() if n.startswith("model.")})
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        if name.startswith("optimizer."):
            _, index, key = name.split(".", 2)
            state.setdefault(int(index), {})[key] = tensor
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
    return Checkpoint(int(metadata.pop("step")), metadata)


def look_at_checkpoint(path: Path) -> Checkpoint:
    """Steps and facts of a checkpoint without its tensors; step 0 when there is none."""
    if not path.exists():
        return Checkpoint(0, {})
    with safe_open(path, framework="pt") as file:
        metadata: dict[str, str] = file.metadata()
    return Checkpoint(int(metadata.pop("step")), metadata)
