"""Updates: fetch, verify, stage, try, keep or roll back. Loaded when one is asked for and let go of when it is over."""
