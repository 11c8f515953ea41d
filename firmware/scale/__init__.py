"""The body scale: what it weighs and how a weighing goes."""
