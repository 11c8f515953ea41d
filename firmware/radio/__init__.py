"""Edges to the home: bytes in, bytes out."""
