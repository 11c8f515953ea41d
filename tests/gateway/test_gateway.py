"""The process as a whole: how it starts, how it refuses to, how it ends."""

import asyncio
import re
import resource
import socket
import sys
from pathlib import Path

import pytest

from tests.gateway.counterpart import Counterpart
from tests.gateway.ingester import Cloud
from tests.gateway.process import ROOT, configure, gateway, refusal

pytestmark = pytest.mark.anyio


def one_sentence(error: str) -> bool:
    return error.count("\n") == 1 and error.endswith((".\n",)) and "Traceback" not in error


async def test_a_taken_port_is_one_sentence(tmp_path: Path) -> None:
    """The page's or the devices' port in use: which, and what to do."""
    for kind, table in ((socket.SOCK_STREAM, "page"), (socket.SOCK_DGRAM, "coap")):
        with socket.socket(socket.AF_INET, kind) as taken:
            taken.bind(("127.0.0.1", 0))
            if kind == socket.SOCK_STREAM:
                taken.listen()
            path = configure(tmp_path)
            port = taken.getsockname()[1]
            head, _, tail = path.read_text().partition(f"[{table}]")
            path.write_text(f"{head}[{table}]{tail.replace('port = 0', f'port = {port}', 1)}")
            status, error = await refusal(path)
            assert (status, one_sentence(error)) == (1, True), error
            assert f"Port {port}" in error
            assert f"{table}.port" in error


async def test_a_missing_certificate_or_a_wrong_setting_is_one_sentence(tmp_path: Path) -> None:
    """The broker's papers missing: 1; a setting that cannot be, or no file: 2."""
    outside = Cloud(tmp_path / "broker")
    text = outside.toml()
    missing = configure(tmp_path, re.sub(r'certificate = ".*?"', 'certificate = "/nowhere/gateway.pem"', text))
    status, error = await refusal(missing)
    assert (status, one_sentence(error)) == (1, True), error
    assert "/nowhere/gateway.pem" in error
    wrong_key = configure(tmp_path, re.sub(r'\nkey = ".*?"', f'\nkey = "{outside.broker.issue("site").key}"', text))
    status, error = await refusal(wrong_key)
    assert (status, one_sentence(error)) == (1, True), error
    status, error = await refusal(configure(tmp_path, "[nothing]\n"))
    assert (status, one_sentence(error)) == (2, True), error
    status, error = await refusal(tmp_path / "absent.toml")
    assert (status, one_sentence(error)) == (2, True), error


async def test_a_full_disk_at_the_start_is_one_sentence(tmp_path: Path) -> None:
    """When the database cannot grow, the gateway says so and ends."""
    path = configure(tmp_path)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway", "--configuration", str(path)),
        cwd=ROOT,
        stderr=asyncio.subprocess.PIPE,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192)),  # stands in for a disk with 8 KiB left
    )
    _, error = await process.communicate()
    assert process.returncode == 1
    assert one_sentence(error.decode()), error.decode()
    assert "home.db" in error.decode()


async def test_two_gateways_never_share_a_home(tmp_path: Path) -> None:
    """The second one on the same folder ends with a sentence; the first goes on."""
    path = configure(tmp_path)
    async with gateway(path) as home:
        status, error = await refusal(path)
        assert (status, one_sentence(error)) == (1, True), error
        assert "another gateway" in error
        assert await home.stop() == 0


async def test_a_secret_others_can_read_is_refused(tmp_path: Path) -> None:
    """The home secret must be its owner's only."""
    path = configure(tmp_path)
    (tmp_path / "data" / "keys").mkdir(parents=True)
    secret = tmp_path / "data" / "keys" / "home.secret"
    secret.write_bytes(bytes(32))
    secret.chmod(0o644)
    status, error = await refusal(path)
    assert (status, one_sentence(error)) == (1, True), error


async def test_it_ends_in_order_and_an_unusable_enrolment_harms_nobody(tmp_path: Path) -> None:
    """SIGTERM ends it with 0; bad files are named, secrets are 0600, and the log is JSON without serials or names."""
    device = Counterpart()
    device.enrol(tmp_path / "data")
    for name, text in (("a", "{"), ("b", "[]"), ("c", '{"serial": 1}')):
        (tmp_path / "data" / "enrolments" / f"{name}.json").write_text(text)
    async with gateway(configure(tmp_path)) as home:
        ready = await home.event("gateway.ready")
        assert home.count("enrolment.unusable") == 3
        assert ready["page"].startswith("https://localhost:")
        assert re.fullmatch(r"([0-9A-F]{2}:){31}[0-9A-F]{2}", ready["authority_sha256"])
        assert await home.stop() == 0
        assert home.events[-1]["event"] == "gateway.stopped"
        assert device.enrolment()["serial"] not in str(home.events)
    for secret in ("keys/home.secret", "page/authority.key", "page/page.key", "home.db"):
        assert (tmp_path / "data" / secret).stat().st_mode & 0o077 == 0, secret
