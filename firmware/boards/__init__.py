"""One file per board: pin numbers and nothing else."""
