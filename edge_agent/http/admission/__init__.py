"""A request's way before a route sees it: connection, host, origin, key, rate, load, body. All refuse in words."""
