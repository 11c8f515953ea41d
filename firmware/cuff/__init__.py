"""The blood pressure cuff: its cycle, its limits and its arithmetic."""
