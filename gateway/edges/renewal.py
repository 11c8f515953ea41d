"""`foyer gateway renew`: a home whose gateway was stolen goes on under new names, and if wished with another key for its devices."""

import secrets

from gateway.configuration import Configuration
from gateway.edges import log as logging
from gateway.edges import master_key
from gateway.edges.custody import Custody
from gateway.edges.folder import alone_in
from gateway.edges.home_secret import another_home_secret_in, home_secrets_in
from gateway.edges.link_key import another_link_key_in
from gateway.edges.safety import open_home
from gateway.pseudonyms import Keyring


async def renew(settings: Configuration, *, devices: bool = False) -> int:
    """Give whoever has an account a new name under a new home secret; return for how many. The next start sends under it.

    devices: another key for links, too, which no device knows until it is paired again. Raises CannotStart.
    """
    with alone_in(settings.home.data) as folder:
        buffer = await open_home(folder / "home.db", settings.home.largest_MiB, logging.begin())
        try:
            with master_key.opened(settings.home.master_key_file, folder) as master:
                if devices:
                    another_link_key_in(folder / "keys", master)
                newest = another_home_secret_in(folder / "keys", master)
                keyring = Keyring(tuple(home_secrets_in(folder / "keys", master)))
            book = Custody(keyring.keys, secrets.token_bytes, newest)
            return await buffer.write(book.rename_everybody)
        finally:
            await buffer.close()
