"""The account store: an ingester that cannot read what it keeps, and a site that reads only for who is signed in."""
