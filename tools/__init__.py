"""What `foyer` offers: set-up, builds, provisioning, the demo, the tests and the measurements."""
