"""A till that comes back from a backup: whole or not at all, locked, and never with a number it used before."""

import asyncio
import datetime as dt
import io
import shutil
import tarfile
from decimal import Decimal
from pathlib import Path

import pytest
from click.testing import CliRunner

from pos.bootstrap import OpenTill, create_till
from pos.catalogue.reader import CatalogueReader
from pos.cli import main
from pos.domain import commands as c
from pos.domain.cart import Line, Mark, cart_of
from pos.journal.backup import BackupError, check_backup, write_backup
from pos.journal.file_journal import FileJournal
from pos.journal.reader import iterate, verify_journal
from pos.journal.restore import restore_backup
from pos.journal.segment import segment_files
from pos.journal.state import StateStore
from pos.journal.views import Views
from pos.settings import load_settings
from pos.setup import SetupError, make_till
from pos.storage_ports import JournalUnavailableError
from pos.system import SystemClock, ThreadWorker
from pos.till_facts import EpochOpened
from sync.hub import ledger
from sync.hub.database import migrate, open_engine, transact
from sync.hub.digest import digest
from tests.contract.hub_kit import NOW_MS, InlineWorker, Till
from tests.contract.killing import STEPS_MAX, finished_before
from tests.contract.test_new_numbers import ELSEWHERE, PIN, at_the_till, granted, remember, sell


@pytest.fixture
def state(tmp_path: Path) -> Path:
    state = tmp_path / "old"
    make_till(state, operator="Kim", pin=PIN, till_id="t1", store="shop", hub="http://192.0.2.1:8080")
    at_the_till(state, lambda opened: sell(opened, 3))
    (state / "keys" / "identity.json").write_text("{}")
    (state / "mappings").mkdir()
    (state / "mappings" / "mine.toml").write_text("[columns]\n")
    return state


@pytest.fixture
def backup(state: Path, tmp_path: Path) -> Path:
    target = tmp_path / "till.backup"
    write_backup(state, target, 1_700_000_000_000)
    return target


def stopped_by(state: Path) -> str:
    found = []

    async def look(opened: OpenTill) -> None:
        await opened.till.handle(c.SignIn("Kim", PIN))
        view = opened.till.view
        found.append(view.message.code if view.state == "stopped" and view.message is not None else "")

    at_the_till(state, look)
    return found[0]


def test_a_restored_till_has_every_sale_and_sells_only_under_new_numbers(
    state: Path, backup: Path, tmp_path: Path
) -> None:
    new = tmp_path / "new"
    made = restore_backup(backup, new)
    assert (made.store, made.till, made.epoch, made.seq, made.sales) == ("shop", "t1", 1, 5, 3)
    assert list(iterate(new / "journal")) == list(iterate(state / "journal"))
    for name in ("keys/identity.json", "keys/pin.pepper", "settings.toml", "mappings/mine.toml"):
        assert (new / name).read_bytes() == (state / name).read_bytes()
    assert load_settings(new, {}).hub.url == "http://192.0.2.1:8080"
    assert stopped_by(new) == "till-restored"

    async def work(opened: OpenTill) -> None:
        await opened.till.handle(granted(2, 51))
        await sell(opened)
        assert opened.till.view.last_sale is not None
        assert opened.till.view.last_sale.number == "t1-2-1"

    at_the_till(new, work)
    assert verify_journal(new / "journal").problems == []


async def fill_cart(opened: OpenTill) -> None:
    await opened.till.handle(c.SignIn("Kim", PIN))
    await opened.till.handle(c.Scan("2000000000299"))
    await opened.till.handle(c.SetPrice(250, department=1))


def test_a_buyer_named_at_the_till_outlives_its_memory_and_comes_back_from_a_backup(
    state: Path, tmp_path: Path
) -> None:
    named = []

    async def name(opened: OpenTill) -> None:
        await opened.till._desk.book.put("A", ("Muster GmbH", "Weg 1"))

    async def look(opened: OpenTill) -> None:
        named.append(await opened.till._desk.book.get("A"))

    at_the_till(state, name)
    write_backup(state, tmp_path / "b", 1)
    for path in state.glob("state.db*"):
        path.unlink()
    at_the_till(state, look)
    restore_backup(tmp_path / "b", tmp_path / "new")
    at_the_till(tmp_path / "new", look)
    assert named == [("Muster GmbH", "Weg 1")] * 2


def test_what_was_parked_before_a_backup_is_taken_up_only_at_a_second_press_that_says_why(
    state: Path, tmp_path: Path
) -> None:
    """It may have been sold on the disk that is lost."""

    async def park(opened: OpenTill) -> None:
        for note in ("first", "second"):
            await fill_cart(opened)
            await opened.till.handle(c.ParkCart(note))

    at_the_till(state, park)
    write_backup(state, tmp_path / "b", 1)
    restore_backup(tmp_path / "b", tmp_path / "new")

    async def look(opened: OpenTill) -> None:
        till = opened.till
        await till.handle(c.SignIn("Kim", PIN))
        first, second = till.view.parked
        assert (first.before, second.before) == (True, True)
        for cart, open_cart in ((first, False), (second, False), (first, False), (first, True)):
            await till.handle(c.ResumeParked(cart.cart_id))
            assert bool(till.view.lines) == open_cart
            assert till.view.message is not None
            assert till.view.message.code == ("cart-resumed" if open_cart else "parked-before")
        await till.handle(c.PayCash())
        assert till.view.state == "paid"
        await fill_cart(opened)
        await till.handle(c.ParkCart("new"))
        assert [cart.before for cart in till.view.parked] == [True, False]
        await till.handle(c.ResumeParked(till.view.parked[1].cart_id))
        await till.handle(c.VoidCart())
        await till.handle(c.ResumeParked(""))  # anything else takes the question back
        await till.handle(c.VoidCart())
        assert till.view.lines
        await till.handle(c.VoidCart())
        await till.handle(c.ParkCart(""))
        assert [cart.note for cart in till.view.parked] == ["second"]

    at_the_till(tmp_path / "new", lambda opened: opened.till.handle(granted(2, 51)))
    at_the_till(tmp_path / "new", look)
    assert verify_journal(tmp_path / "new" / "journal").problems == []


def test_a_parked_cart_that_had_gone_on_before_a_backup_is_paid_only_at_a_second_press(
    state: Path, tmp_path: Path
) -> None:
    async def park(opened: OpenTill) -> None:
        await fill_cart(opened)
        await opened.till.handle(c.ParkCart(""))
        await opened.till.handle(c.ResumeParked(""))

    at_the_till(state, park)
    write_backup(state, tmp_path / "b", 1)
    restore_backup(tmp_path / "b", tmp_path / "new")

    async def work(opened: OpenTill) -> None:
        till = opened.till
        await till.handle(granted(2, 51))
        await till.handle(c.SignIn("Kim", PIN))
        sales = till.view.last_sale
        codes = []
        for _ in range(2):
            await till.handle(c.PayCash())
            codes.append(till.view.message.code if till.view.message is not None else till.view.state)
        assert sales is None or till.view.last_sale != sales
        assert codes == ["pay-before", "paid"]

    at_the_till(tmp_path / "new", work)
    assert verify_journal(tmp_path / "new" / "journal").problems == []


def test_an_open_cart_and_waiting_receipts_of_the_backup_do_not_come_back(
    state: Path, tmp_path: Path
) -> None:
    line = Line(1, "article", "Artikel", Decimal(1), 100, 100, Mark(5, "1"), tax_percent=Decimal(7))

    async def fill() -> None:
        worker = ThreadWorker("test")
        store = StateStore(state / "state.db", worker)
        await store.open()
        store.save_cart(cart_of("c9", 1, "1", (line,)))
        await store.spool_put("j1", b"paper", b"{}")
        await store.put("hub.epoch_request", b"another machine's")
        await store.put("hub.cursor", b"1:4")
        await store.close()
        worker.close()

    asyncio.run(fill())
    write_backup(state, tmp_path / "b", 1)
    made = restore_backup(tmp_path / "b", tmp_path / "new")
    assert made.cart_lines == 1

    async def look() -> None:
        worker = ThreadWorker("test")
        store = StateStore(tmp_path / "new" / "state.db", worker)
        assert await store.open() is None
        assert await store.spool_pending() == []
        assert await store.get("hub.epoch_request") is None
        assert await store.get("hub.cursor") == b"1:4"
        await store.close()
        worker.close()

    asyncio.run(look())


def test_the_hub_that_runs_beside_its_one_till_comes_back_with_it(state: Path, tmp_path: Path) -> None:
    till = Till()
    till.sell(3)
    engine = open_engine(f"sqlite:///{state / 'hub.db'}")
    migrate(engine)
    transact(engine, ledger.ingest, till.batch(1, 4), NOW_MS)
    with engine.connect() as held:  # its hub reads meanwhile
        before = digest(held)
        write_backup(state, tmp_path / "with.backup", 1)
    engine.dispose()
    restore_backup(tmp_path / "with.backup", tmp_path / "new")
    again = open_engine(f"sqlite:///{tmp_path / 'new' / 'hub.db'}")
    with again.connect() as connection:
        assert digest(connection) == before
    again.dispose()


def test_restored_articles_are_whole_by_their_own_digest(state: Path, tmp_path: Path) -> None:
    source = tmp_path / "articles.csv"
    source.write_text("gtin,sku,name,price,vat_rate,unit\n,A,Tee,1.99,7,pc\n")
    done = CliRunner().invoke(main, ["catalogue", "import", str(source), "--state", str(state)])
    assert done.exit_code == 0, done.output
    write_backup(state, tmp_path / "with.backup", 1)
    restore_backup(tmp_path / "with.backup", tmp_path / "new")
    reader = CatalogueReader(tmp_path / "new" / "catalogue.db", InlineWorker())
    reader.refresh(dt.date(2025, 12, 1))
    assert reader.find("A") is not None or reader.by_sku("A") is not None
    assert asyncio.run(reader.verify())
    reader.close()


def test_a_backup_goes_into_no_folder_that_holds_anything(state: Path, backup: Path, tmp_path: Path) -> None:
    before = sorted(path.name for path in state.iterdir())
    with pytest.raises(BackupError, match="holds a till"):
        restore_backup(backup, state)
    assert sorted(path.name for path in state.iterdir()) == before
    other = tmp_path / "other"
    other.mkdir()
    (other / "photo.jpg").touch()
    with pytest.raises(BackupError, match=r"photo\.jpg"):
        restore_backup(backup, other)


def changed(backup: Path, name: str, change: bytes) -> None:
    """The same archive with one file's content replaced; the manifest stays."""
    with tarfile.open(backup) as archive:
        members = [(member, archive.extractfile(member)) for member in archive.getmembers()]
        contents = [(member, file.read() if file is not None else b"") for member, file in members]
    with tarfile.open(backup, "w") as archive:
        for member, content in contents:
            new = change if member.name == name else content
            member.size = len(new)
            archive.addfile(member, io.BytesIO(new))


@pytest.mark.parametrize("name", ["keys/pin.pepper", "state.db", "journal/000000000001.journal"])
def test_a_changed_backup_makes_no_till(backup: Path, tmp_path: Path, name: str) -> None:
    changed(backup, name, b"other")
    with pytest.raises(BackupError, match="not what was saved"):
        check_backup(backup)
    with pytest.raises(BackupError, match="not what was saved"):
        restore_backup(backup, tmp_path / "new")
    assert not (tmp_path / "new" / "journal").exists()


@pytest.mark.parametrize("name", ["../evil", "/etc/passwd", "keys/../../evil", "journal/x.journal", "evil"])
def test_a_backup_writes_nowhere_but_where_a_tills_files_are(tmp_path: Path, name: str) -> None:
    file = tmp_path / "evil.backup"
    content = b"x"
    manifest = b'{"format":1,"made_ms":1,"files":{"%s":"%s"}}' % (
        name.encode(),
        b"2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881",
    )
    with tarfile.open(file, "w") as archive:
        for member, data in ((name, content), ("manifest.json", manifest)):
            info = tarfile.TarInfo(member)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    with pytest.raises(BackupError, match="does not belong"):
        restore_backup(file, tmp_path / "deep" / "new")
    assert not (tmp_path / "evil").exists()
    assert not (tmp_path / "deep" / "evil").exists()


def test_a_restore_killed_at_any_step_leaves_no_till_or_a_whole_locked_one(
    backup: Path, tmp_path: Path
) -> None:
    before = after = 0
    for step in range(1, STEPS_MAX):
        new = tmp_path / f"new{step}"
        done = finished_before(step, lambda new=new: restore_backup(backup, new))  # type: ignore[misc]
        if (new / "journal").is_dir():
            after += 1
            assert verify_journal(new / "journal").problems == []
            assert stopped_by(new) == "till-restored"
        else:
            before += 1
            if (new / ".restoring").exists():
                with pytest.raises(JournalUnavailableError, match="interrupted"):
                    create_till(new, load_settings(new, {}), "t2", "Kim", PIN)
                with pytest.raises(SetupError, match="run the same tresen restore again"):
                    make_till(new, operator="Kim", pin=PIN)
            restore_backup(backup, new)
            assert stopped_by(new) == "till-restored"
        shutil.rmtree(new)
        if done:
            break
    else:
        pytest.fail("the restore took more steps than are looked at")
    assert before > 20
    assert after >= 2


def test_an_epoch_killed_at_any_step_is_there_or_not_and_the_till_sells_on(
    state: Path, tmp_path: Path
) -> None:
    opened = 0
    for step in range(1, STEPS_MAX):
        here = Path(shutil.copytree(state, tmp_path / f"at{step}"))

        def leap(here: Path = here) -> None:
            async def run() -> None:
                worker = ThreadWorker("test")
                journal = FileJournal(here / "journal", Views(here / "views.db"), SystemClock(), worker)
                await journal.open()
                fact = EpochOpened("shop", "t1", "restored", "test", 1)
                await journal.open_epoch(fact, 51, ELSEWHERE, 2)
                await journal.close()
                worker.close()

            asyncio.run(run())

        done = finished_before(step, leap)
        totals = verify_journal(here / "journal")
        assert totals.problems == []
        assert (totals.last_epoch, totals.last_seq) in {(1, 5), (2, 51)}
        opened += totals.last_epoch == 2
        at_the_till(here, sell)
        totals = verify_journal(here / "journal")
        assert totals.problems == []
        assert totals.sales == 4
        assert len(segment_files(here / "journal")) == totals.last_epoch
        shutil.rmtree(here)
        if done:
            break
    else:
        pytest.fail("the epoch took more steps than are looked at")
    assert opened >= 2


def run_cli(*args: str, text: str = "") -> tuple[int, str]:
    result = CliRunner().invoke(main, list(args), input=text)
    return result.exit_code, result.output


def test_a_supervisor_begins_new_numbers_without_a_hub(backup: Path, tmp_path: Path) -> None:
    new = tmp_path / "new"
    code, said = run_cli("restore", str(backup), "--state", str(new))
    assert code == 0, said
    assert "takes no payment until its numbers begin anew" in said
    alone = ("epoch", "--alone", "--state", str(new), "--reason", "hub lost in a fire", "--operator")
    code, said = run_cli(*alone, "Kim", text="0000\n")
    assert (code, "Name or PIN is wrong" in said) == (1, True)
    assert stopped_by(new) == "till-restored"
    code, said = run_cli(*alone, "Kim", text=f"{PIN}\n")
    assert code == 0, said
    assert "t1-2-1" in said
    assert stopped_by(new) == ""
    at_the_till(new, sell)
    opened = [row for row in iterate(new / "journal") if row.kind == "epoch.opened"]
    assert [row.epoch for row in opened] == [1, 2]
    assert b"alone: hub lost in a fire" in opened[1].body


def test_a_restore_can_begin_new_numbers_at_once(backup: Path, tmp_path: Path) -> None:
    new = tmp_path / "new"
    code, said = run_cli(
        "restore", str(backup), "--state", str(new), "--alone", "--operator", "Kim", text=f"{PIN}\n"
    )
    assert code == 0, said
    assert stopped_by(new) == ""


def test_a_cashier_begins_no_new_numbers(backup: Path, tmp_path: Path) -> None:
    import apsw

    new = tmp_path / "new"
    restore_backup(backup, new)
    people = apsw.Connection(str(new / "people.db"))
    people.execute("update operator set role = 'cashier'")
    people.close()
    code, said = run_cli(
        *("epoch", "--alone", "--state", str(new), "--reason", "x", "--operator", "Kim"), text=f"{PIN}\n"
    )
    assert (code, "no supervisor" in said) == (1, True)


def test_a_backup_of_a_locked_till_is_locked_too(backup: Path, tmp_path: Path) -> None:
    restore_backup(backup, tmp_path / "new")
    remember(tmp_path / "new", "hub.cursor", "1:5")
    write_backup(tmp_path / "new", tmp_path / "b2", 2)
    restore_backup(tmp_path / "b2", tmp_path / "newer")
    assert stopped_by(tmp_path / "newer") == "till-restored"
