"""A PostgreSQL server of our own for tests and benches: a folder, a free port, the two roles with passwords, and nothing left behind.

It is Debian's program and none of its clusters: initdb into a new folder below /tmp, as another user where we are root, because the
server refuses to be root. It ends with the process that started it.
"""

import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from tools.build import ROOT
from tools.services import end_with_parent, free_ports

ROLES = ROOT / "cloud/migrations/roles.sql"
_USERS = ("postgres", "nobody")
_START_S = 30.0


class PostgresFailed(Exception):
    """The server is missing or did not start; the message says what to do."""


class Postgres:
    """One server: started, stopped, started again on the same folder."""

    def __init__(self, **settings: str) -> None:
        """Make the folder and the roles and leave the server running; settings: lines of postgresql.conf."""
        self.port = free_ports(1)[0]
        self.folder = Path(tempfile.mkdtemp(prefix="foyer-postgres-"))
        self.data = self.folder / "data"
        self.passfile = self.folder / "passwords"
        self._user = _other_user()
        self._process: subprocess.Popen[bytes] | None = None
        password = self.folder / "first"
        password.write_text(secrets.token_hex(16))
        self._passwords = {"postgres": password.read_text()}
        if self._user:
            os.chmod(self.folder, 0o711)  # noqa: S103  the server's user passes through to its own folder
            self.data.mkdir(0o700)
            for path in (self.data, password):
                os.chown(path, self._user.pw_uid, self._user.pw_gid)
        self._run(
            "initdb", "-D", str(self.data), "-U", "postgres", "-A", "scram-sha-256", "--pwfile", str(password), "-E", "UTF8", "--no-sync"
        )
        password.unlink()
        with (self.data / "postgresql.conf").open("a") as file:
            lines = {"listen_addresses": "127.0.0.1", "unix_socket_directories": "", **settings}
            file.write("".join(f"{name} = '{value}'\n" for name, value in lines.items()))
        self._write_passwords()
        self.start()
        self.psql("-f", str(ROLES))
        for role in ("foyer_ingester", "foyer_site"):
            self._passwords[role] = secrets.token_hex(16)
            self.psql("-c", f"ALTER ROLE {role} PASSWORD '{self._passwords[role]}'")
        self._write_passwords()

    def url(self, store: str) -> str:
        """Return the address of a store as a configuration names it."""
        return f"postgresql://127.0.0.1:{self.port}/{store}?passfile={self.passfile}"

    def copy_of(self, store: str, name: str) -> str:
        """Make a database as a store's is now, under another name and with the same rights; return its address."""
        owner = "foyer_site" if store == "accounts" else "foyer_ingester"
        for sql in (
            f"CREATE DATABASE {name} TEMPLATE {store} OWNER {owner}",
            f"REVOKE ALL ON DATABASE {name} FROM PUBLIC",
            *([f"GRANT CONNECT ON DATABASE {name} TO foyer_site"] if store == "readings" else []),
        ):
            self.psql("-c", sql)
        return self.url(name)

    def psql(self, *arguments: str, database: str = "postgres") -> str:
        """Run psql as the administrator; return what it printed. Raises PostgresFailed."""
        asked = ["-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres", "-d", database, "-qAtX", "-v", "ON_ERROR_STOP=1", *arguments]
        done = subprocess.run(
            [program("psql"), *asked], capture_output=True, text=True, check=False, env={**os.environ, "PGPASSFILE": str(self.passfile)}
        )
        if done.returncode:
            raise PostgresFailed(done.stderr.strip())
        return done.stdout.strip()

    def start(self) -> None:
        """Start on the folder and return when it answers. Raises PostgresFailed."""
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [program("postgres"), "-D", str(self.data), "-p", str(self.port)],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                cwd=self.folder,
                preexec_fn=end_with_parent,
                **self._as_user(),
            )
        end_s = time.monotonic() + _START_S
        while subprocess.run([program("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)], check=False).returncode:
            if self._process.poll() is not None or time.monotonic() > end_s:
                raise PostgresFailed(f"PostgreSQL did not start: {(self.folder / 'log').read_text()[-500:]}")
            time.sleep(0.05)

    def stop(self) -> None:
        """Stop, ending whoever is connected."""
        if self._process is not None:
            self._process.send_signal(2)
            self._process.wait(30)
            self._process = None

    def kill(self) -> None:
        """End the server as a power cut would."""
        if self._process is not None:
            self._process.send_signal(3)
            self._process.wait(30)
            self._process = None

    def remove(self) -> None:
        """Leave nothing behind."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _write_passwords(self) -> None:
        # .pgpass: host:port:database:user:password
        self.passfile.write_text("".join(f"127.0.0.1:{self.port}:*:{role}:{word}\n" for role, word in self._passwords.items()))
        self.passfile.chmod(0o600)

    def _run(self, name: str, *arguments: str) -> None:
        done = subprocess.run([program(name), *arguments], capture_output=True, text=True, check=False, cwd=self.folder, **self._as_user())
        if done.returncode:
            raise PostgresFailed(f"{name} failed: {done.stderr.strip()[-500:]}")

    def _as_user(self) -> dict[str, Any]:
        if self._user is None:
            return {}
        return {"user": self._user.pw_uid, "group": self._user.pw_gid, "extra_groups": []}


def program(name: str) -> str:
    """Return the path of one of PostgreSQL's programs, the newest where there are several. Raises PostgresFailed."""
    versions = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[4]))
    found = str(versions[-1]) if versions else shutil.which(name)
    if not found:
        raise PostgresFailed(f"PostgreSQL's {name} is missing: run './foyer setup', or install the package postgresql.")
    return found


def _other_user() -> pwd.struct_passwd | None:
    if os.geteuid() != 0:
        return None
    for name in _USERS:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise PostgresFailed("PostgreSQL refuses to run as root, and there is no user postgres or nobody here.")
