"""Recordings; their origin is told in README.md."""
