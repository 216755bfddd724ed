"""The demo shop's processes: hub, paper and scanner line, each by address. The till knows of no simulator."""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from pos.devices import own_address
from pos.system import SystemClock
from tests.demo.channels import Office, fill_hub, kept_tokens, put_stock

ROOT = Path(__file__).parents[2]
DATA = ROOT / "config" / "demo"
OPERATOR = "Kim"
PIN = "4711"

__all__ = ["DATA", "OPERATOR", "PIN", "DemoShop"]


class DemoShop:
    """A context: on entry everything but the till runs; on exit all of it ends."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state = folder / "till"
        self.scanner = folder / "scanner"
        self._children: list[subprocess.Popen[bytes]] = []
        self._logs: list[IO[bytes]] = []
        self.hub_port = _free_port(8080)
        self.paper_port = _free_port(9100)
        self.paper_page_port = _free_port(8091)
        self.control_port = _free_port(9101)
        self.card_port = _free_port(20007)
        self.card_control_port = _free_port(20107)
        self.mail_port = _free_port(2525)
        self.post_port = _free_port(8092)
        self.tokens: dict[str, str] = {}

    @property
    def hub_url(self) -> str:
        return f"http://127.0.0.1:{self.hub_port}"

    @property
    def public_url(self) -> str:
        """The hub's address for a phone in the same network."""
        return f"http://{own_address()}:{self.hub_port}"

    @property
    def paper_url(self) -> str:
        return f"http://127.0.0.1:{self.paper_page_port}/"

    @property
    def shop_url(self) -> str:
        return f"{self.public_url}/shop/"

    @property
    def post_url(self) -> str:
        """Where the fake's letters are read, and where orders are "paid"."""
        return f"http://{own_address()}:{self.post_port}/"

    @property
    def till_environment(self) -> dict[str, str]:
        """Settings of the till for as long as the demo runs."""
        return {"TRESEN_DEVICES_CARD": f"tcp:127.0.0.1:{self.card_port}"}

    def till_options(self) -> tuple[str, ...]:
        return (
            "--state",
            str(self.state),
            "--hub",
            self.hub_url,
            "--printer",
            f"tcp://127.0.0.1:{self.paper_port}",
            "--scanner",
            f"fifo:{self.scanner}",
        )

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        if not self.scanner.exists():
            os.mkfifo(self.scanner, 0o600)
        try:
            self._set_channels_up()
            self._spawn(
                "hub",
                *("-m", "pos", "hub", "--db", self._db, "--host", "0.0.0.0"),
                *("--port", str(self.hub_port), "--public-url", self.public_url),
                *("--shop-page", str(self.folder / "shop-page.toml")),
                *("--messages", str(self.folder / "messages.toml")),
            )
            self._spawn(
                "post",
                *(
                    "-m",
                    "tests.simulators.mailbox",
                    "--smtp",
                    str(self.mail_port),
                    "--http",
                    str(self.post_port),
                ),
                *("--folder", str(self.folder / "letters"), "--hub", self.hub_url),
                *("--token", self.tokens["connector"], "--back", self.shop_url),
            )
            self._spawn(
                "paper",
                *("-m", "tests.simulators.paper", "--tcp", str(self.paper_port)),
                *("--http", str(self.paper_page_port), "--control-port", str(self.control_port)),
            )
            self._spawn(
                "card-terminal",
                *("-m", "tests.simulators.terminal", "--listen", f"127.0.0.1:{self.card_port}"),
                *("--control", str(self.card_control_port), "--no-faults", "--no-screen"),
                *("--state", str(self.folder / "card-terminal.json")),
            )
            (self.folder / "card-terminal.port").write_text(f"{self.card_control_port}\n")
            if not (self.state / "journal").is_dir():
                self._make_till()
            self._wait_for(self.hub_url + "/v1/health")
            if not (self.state / "keys" / "identity.json").exists():
                self._enrol_till()
            self._fill_hub()
            self._wait_for(self.paper_url)
            self._wait_for(f"http://127.0.0.1:{self.post_port}/")
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def _make_till(self) -> None:
        """The demo till, its one operator, and the demo articles."""
        shutil.rmtree(self.state, ignore_errors=True)
        _tresen(
            *("init", "--state", str(self.state), "--operator", OPERATOR, "--till", "3"),
            *("--shop-file", str(DATA / "shop.toml")),
            stdin=PIN + "\n",
        )
        _tresen(
            *("catalogue", "import", str(DATA / "articles.csv")),
            *("--departments", str(DATA / "departments.csv"), "--state", str(self.state)),
        )
        _tresen("promotions", "import", str(DATA / "promotions.toml"), "--state", str(self.state))
        shutil.copyfile(DATA / "quickkeys.toml", self.state / "quickkeys.toml")

    @property
    def _db(self) -> str:
        return f"sqlite:///{self.folder / 'hub.db'}"

    def _set_channels_up(self) -> None:
        """Tokens, and the settings of the shop page and of the letters."""
        self.tokens = kept_tokens(self.folder / "tokens.json", self._db)
        (self.folder / "shop-page.toml").write_text(
            f'token = "{self.tokens["storefront"]}"\n'
            f'payment_url = "{self.post_url}pay?order={{order}}"\npayment_note = "Attrappe: hier fließt kein Geld"\n'
            'note = "Vorführung: kein echter Laden, nichts wird geliefert. Demo: not a real shop."\n'
        )
        (self.folder / "messages.toml").write_text(
            "[quiet]\nsince = 00:00:00\nuntil = 00:00:00\n\n[channel.email]\n"
            f'url = "mailto://127.0.0.1:{self.mail_port}?from=laden@example.org&mode=insecure"\n\n'
            '[brand]\nname = "Kaufladen Wolkenkuckuck"\nsender = "laden@example.org"\n'
        )

    def _fill_hub(self) -> None:
        """Stores, articles, promotions; and stock, once: the store at the harbour has things that this one lacks."""
        office = Office(self.hub_url, self.tokens["admin"])
        skus = fill_hub(office, self.state / "catalogue.db", DATA / "promotions.toml")
        if office.ask("GET", "/stock?store=demo&limit=1")["levels"]:
            return
        amounts = {("demo", sku): "0" if at % 9 == 8 else "24" for at, sku in enumerate(skus)}
        amounts |= {("hafen", sku): "12" for sku in skus}
        put_stock(office, amounts, SystemClock().wall_ms())

    def _enrol_till(self) -> None:
        """The demo till at the demo hub, as a shop would do it: a code there, the code here."""
        hub = ("hub", "--db", self._db)
        code = _tresen(*hub, "enrol", "--store", "demo", "--till", "3", "--quiet").strip()
        _tresen("enrol", "--state", str(self.state), "--hub", self.hub_url, "--code", code)

    def _spawn(self, name: str, *arguments: str) -> None:
        log = (self.folder / f"{name}.log").open("wb")
        self._logs.append(log)
        self._children.append(
            subprocess.Popen(
                [sys.executable, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=ROOT,
                start_new_session=True,  # Ctrl-C belongs to the till; the children end when it has ended
            )
        )

    def _wait_for(self, url: str, seconds: float = 30.0) -> None:
        until = time.monotonic() + seconds
        while True:
            with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=2):
                return
            for child in self._children:
                if child.poll() is not None:
                    raise RuntimeError(f"a part of the demo ended at once; look into {self.folder}/*.log")
            if time.monotonic() > until:
                raise RuntimeError(f"{url} does not answer; look into {self.folder}/*.log")
            time.sleep(0.1)

    def _end(self) -> None:
        for child in self._children:
            if child.poll() is None:
                child.terminate()
        for child in self._children:
            try:
                child.wait(5)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        for log in self._logs:
            log.close()


def _tresen(*arguments: str, stdin: str = "") -> str:
    done = subprocess.run(
        [sys.executable, "-m", "pos", *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    if done.returncode != 0:
        raise RuntimeError(f"tresen {' '.join(arguments)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def _free_port(wanted: int) -> int:
    for port in (wanted, 0):
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("0.0.0.0", port))
            found: int = probe.getsockname()[1]
            return found
    raise RuntimeError("no free port")
