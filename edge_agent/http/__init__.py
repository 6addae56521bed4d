"""The agent over HTTP: what is let in (`admission`), routes by subject, problem+json errors, Prometheus metrics."""
