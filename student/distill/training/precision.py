"""Device and arithmetic of training: bfloat16 where the hardware has it, float32 elsewhere; compiled on a GPU."""

from contextlib import AbstractContextManager

import torch
from torch import Tensor


def choose_device() -> torch.device:
    """The GPU when there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def move(tensor: Tensor, device: torch.device) -> Tensor:
    """A tensor on a device. To a GPU it goes from pinned memory while the program goes on."""
    if device.type == "cuda":
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)


def compiled(module: torch.nn.Module, device: torch.device, wanted: str) -> torch.nn.Module:
    """The module, compiled (`torch.compile`) if that is wanted; its weights are the same tensors.

    Args:
        module: of inputs of any length.
        device: that it runs on.
        wanted: `auto` (on a GPU), `on` or `off`. On a CPU it does not pay for runs of minutes, and it was tried on none
            with a GPU yet.
    """
    is_wanted = wanted == "on" or (wanted == "auto" and device.type == "cuda")
    return torch.compile(module, dynamic=True) if is_wanted else module


def autocast(device: torch.device, precision: str) -> AbstractContextManager[None]:
    """Mixed precision for a block of code on a device; `precision` as in `is_bfloat16_wanted`."""
    is_wanted = is_bfloat16_wanted(precision)
    context: AbstractContextManager[None] = torch.autocast(device.type, dtype=torch.bfloat16, enabled=is_wanted)
    return context


def is_bfloat16_wanted(precision: str) -> bool:
    """True if the computation is in bfloat16.

    Args:
        precision: `bfloat16`, `float32`, or `auto`: bfloat16 on GPUs that support it and on CPUs with instructions
            for it (2.5 to 3 times the speed, measured on AVX512-BF16), else float32.
    """
    is_fast = torch.cuda.is_bf16_supported() if torch.cuda.is_available() else _cpu_has_bfloat16()
    return precision == "bfloat16" or (precision == "auto" and is_fast)


def _cpu_has_bfloat16() -> bool:
    return bool(torch.cpu._is_avx512_bf16_supported())
