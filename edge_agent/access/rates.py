"""How often callers may ask: a bucket of tokens for each key, and for each address that has none."""

import ipaddress
import math
import threading

from cachetools import LRUCache

from edge_agent.access.authentication import COMMANDS, THIS_MACHINE
from edge_agent.access.scopes import Caller

WITHOUT_KEY_PER_MINUTE = 60
"""Requests of an address without a key, or with a wrong one, that are refused; more are not even looked at."""
_KNOWN = 10_000  # callers; of the others the one that has not asked for longest is forgotten
_IPV6_NETWORK_BITS = 64  # what one household or machine has of its own


class Rates:
    """Buckets in memory: each holds what may be sent in a minute, and fills up again as time goes by. Thread-safe."""

    def __init__(self, per_minute: int) -> None:
        """Begins with full buckets.

        Args:
            per_minute: requests of a key.
        """
        self._per_minute = per_minute
        self._lock = threading.Lock()
        self._of_keys: LRUCache[str, tuple[float, float]] = LRUCache(_KNOWN)
        self._of_addresses: LRUCache[str, tuple[float, float]] = LRUCache(_KNOWN)

    def seconds_to_wait(self, caller: Caller | None, address: str, *, now: float) -> int:
        """Counts a request.

        Args:
            caller: who asks; None for nobody who is known.
            address: from which.
            now: a moment of a clock that never goes back, in seconds.

        Returns:
            The whole seconds after which the caller may ask again; 0 where it may now.
        """
        if caller in (COMMANDS, THIS_MACHINE):
            return 0
        if caller is None:
            return self._drawn(self._of_addresses, _network(address), WITHOUT_KEY_PER_MINUTE, now)
        return self._drawn(self._of_keys, caller.name, self._per_minute, now)

    def _drawn(self, buckets: LRUCache[str, tuple[float, float]], name: str, per_minute: int, now: float) -> int:
        with self._lock:
            tokens, at = buckets.get(name, (float(per_minute), now))
            tokens = min(per_minute, tokens + (now - at) * per_minute / 60)
            is_enough = tokens >= 1
            buckets[name] = (tokens - is_enough, now)
        return 0 if is_enough else math.ceil((1 - tokens) * 60 / per_minute)


def _network(address: str) -> str:
    """An IPv4 address, or the network of an IPv6 one; "" for one that is neither."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return ""
    if parsed.version == 4:
        return str(parsed)
    return str(ipaddress.ip_network((parsed, _IPV6_NETWORK_BITS), strict=False))
