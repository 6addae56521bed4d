"""Several processes of one command, one for each GPU, under `torchrun` or `accelerate launch`.

accelerate finds devices and backend and joins the processes. One that was started alone imports nothing of it and sends
nothing. All of them see the same folders.
"""

import atexit
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import torch
from torch import Tensor

from student.extras import import_extra

_PATIENCE = timedelta(hours=12)
"""The main process writes targets or validates while the others wait: longer than backends would."""
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Processes:
    """The processes of a command, seen from one of them.

    Attributes:
        rank: of this one, from 0; 0 is the main one, which alone writes and speaks.
        count: of all.
    """

    rank: int = 0
    count: int = 1

    @property
    def is_main(self) -> bool:
        """True in the one that writes."""
        return self.rank == 0

    def wait(self) -> None:
        """Returns when all processes have come here."""
        if self.count > 1:
            torch.distributed.barrier()

    @contextmanager
    def main_first(self) -> Iterator[None]:
        """Runs a block in the main process before the others, which find the files that it wrote there."""
        if not self.is_main:
            self.wait()
        yield
        if self.is_main:
            self.wait()

    def from_main(self, value: Value) -> Value:
        """The main process's value, in all of them; a small one."""
        if self.count == 1:
            return value
        held = [value]
        torch.distributed.broadcast_object_list(held, src=0, device=_device())
        return held[0]

    def any_of(self, is_true: bool) -> bool:
        """True if it is true in one of them."""
        if self.count == 1:
            return is_true
        flag = torch.tensor([float(is_true)], device=_device())
        torch.distributed.all_reduce(flag)
        return bool(flag.item() > 0)

    def own(self, count: int) -> list[int]:
        """This process's of so many numbered things, one by one in turn."""
        return list(range(self.rank, count, self.count))

    def gather(self, rows: Tensor, count: int) -> Tensor:
        """The rows (count, D) of all from each one's own, numbered as `own` does; the gradient is of these alone."""
        if self.count == 1:
            return rows
        longest = len(range(0, count, self.count))
        padded = torch.zeros(longest, rows.shape[1], dtype=rows.dtype, device=rows.device)
        padded[: len(rows)] = rows.detach()
        parts = [torch.empty_like(padded) for _ in range(self.count)]
        torch.distributed.all_gather(parts, padded)
        parts[self.rank] = torch.cat([rows, padded[len(rows) :]])
        return torch.stack(parts, dim=1).flatten(0, 1)[:count]

    def sum_gradients(self, model: torch.nn.Module) -> None:
        """Makes each gradient the sum of those of all processes."""
        if self.count == 1:
            return
        gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        torch.distributed.all_reduce(flat)
        for gradient, part in zip(gradients, flat.split([each.numel() for each in gradients]), strict=True):
            gradient.copy_(part.view_as(gradient))

    def share_weights(self, model: torch.nn.Module) -> None:
        """Gives every process the main one's weights."""
        if self.count > 1:
            for tensor in model.state_dict().values():
                torch.distributed.broadcast(tensor, src=0)


def join_processes() -> Processes:
    """The processes that were launched together; one, where this one was started alone.

    Raises:
        ExtraMissing: several were launched, and accelerate is not installed.
    """
    if not torch.distributed.is_torchelastic_launched():
        return Processes()
    import_extra("work in several processes", "distill", ("accelerate",))
    from accelerate import PartialState  # noqa: PLC0415  (a second to import)

    state = PartialState(cpu=not torch.cuda.is_available(), timeout=_PATIENCE)
    atexit.register(_leave)
    return Processes(int(state.process_index), int(state.num_processes))


def _leave() -> None:
    """Ends the threads of the group, which abort a process that ends while they run."""
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def _device() -> torch.device:
    """Of small messages: NCCL carries those on GPUs alone."""
    is_nccl = torch.distributed.get_backend() == "nccl"
    return torch.device("cuda", torch.cuda.current_device()) if is_nccl else torch.device("cpu")
