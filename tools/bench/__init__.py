"""What is measured, how, and the results that are kept."""
