"""The site: pages of the account store, rendered on the server, live where a reading may arrive."""
