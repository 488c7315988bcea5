"""An authorization sidecar: policies and records in, filtered read models out."""
