"""The agent over HTTP: FastAPI, problem+json errors, Prometheus metrics."""
