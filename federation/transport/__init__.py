"""Everything that touches Flower's internals or its processes: messages, executor, local grid, TLS keys."""
