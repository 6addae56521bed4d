"""The agent over HTTP: routes by subject, limits, problem+json errors, Prometheus metrics."""
