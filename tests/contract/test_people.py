"""People on a real disk: `tresen people`, PINs and badges, while a till may be running."""

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest
from click.testing import CliRunner, Result

from pos.cli import main
from pos.domain.scans import ScanTable, read_scan
from pos.people import PeopleStore, PinRefusedError
from pos.ports import NewPinError, SignInRefusedError
from pos.roster import Roster
from pos.system import SystemClock, SystemIds, ThreadWorker

PIN = "4711"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    state = tmp_path_factory.mktemp("made") / "till"
    result = CliRunner().invoke(main, ["init", "--state", str(state), "--operator", "Kim"], input=f"{PIN}\n")
    assert result.exit_code == 0, result.output
    return state


@pytest.fixture
def state(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "till"))


@pytest.fixture
def store(state: Path) -> Iterator[Roster]:
    """As a till that runs has it."""
    worker = ThreadWorker("people")
    store = Roster(state / "people.db", state / "keys", SystemClock(), SystemIds(), worker)
    asyncio.run(store.open())
    yield store
    worker.close()


def tresen(state: Path, *words: str, pin: str = "") -> Result:
    result = CliRunner().invoke(
        main, ["people", words[0], "--state", str(state), *words[1:]], input=pin + "\n"
    )
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
    return result


def signs_in(store: PeopleStore, name: str, pin: str) -> str:
    async def case() -> str:
        try:
            return (await store.sign_in(name, pin)).name
        except SignInRefusedError as error:
            return error.code

    return asyncio.run(case())


def names(store: PeopleStore) -> list[str]:
    asyncio.run(store.refresh())
    return [operator.name for operator in store.operators()]


def test_who_is_added_changed_and_removed_is_so_at_a_till_that_runs(state: Path, store: Roster) -> None:
    added = tresen(state, "add", "Alex", "--language", "en", pin="8051")
    assert added.output == "Alex is number 2, cashier, and chooses a PIN at the first sign-in.\n"
    assert names(store) == ["Kim", "Alex"]
    (_, alex) = store.operators()
    assert (alex.role, alex.language, alex.pin_due) == ("cashier", "en", True)
    assert tresen(state, "change", "2", "--name", "Alexa", "--role", "trainee").exit_code == 0
    assert names(store) == ["Kim", "Alexa"]
    assert signs_in(store, "Alexa", "8051") == "Alexa"
    listed = tresen(state, "list").output
    assert "1  Kim" in listed
    assert "PIN must be changed" in listed
    assert tresen(state, "remove", "Alexa").exit_code == 0
    assert (names(store), signs_in(store, "Alexa", "8051")) == (["Kim"], "sign-in-wrong")
    assert tresen(state, "add", "Sascha", pin="8051").output.startswith("Sascha is number 3")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("remove", "Kim"), "the last one who may everything"),
        (("change", "Kim", "--role", "cashier"), "the last one who may everything"),
        (("change", "Nobody", "--role", "cashier"), "There is no operator Nobody. There are: Kim."),
        (
            ("add", "Alex", "--role", "boss"),
            "There is no role boss. There are: cashier, supervisor, trainee.",
        ),
        (("add", "kim"), "There is an operator kim already."),
        (("add", "Alex"), "A PIN has 4 to 12 digits."),
        (("badge", "Nobody"), "There is no operator Nobody."),
    ],
)
def test_what_cannot_be_is_one_sentence_and_changes_nothing(
    state: Path, words: tuple[str, ...], said: str
) -> None:
    result = tresen(state, *words, pin="1")
    assert (result.exit_code, said in result.output, len(result.output.splitlines())) == (1, True, 1)
    assert tresen(state, "list").output.split() == ["1", "Kim", "supervisor", "-"]


def test_a_folder_without_a_till_is_a_sentence_too(tmp_path: Path) -> None:
    result = tresen(tmp_path, "list")
    assert (result.exit_code, "There is no till" in result.output) == (1, True)


def test_with_a_second_supervisor_the_first_one_may_go(state: Path, store: Roster) -> None:
    assert tresen(state, "add", "Alex", "--role", "supervisor", pin="8051").exit_code == 0
    assert tresen(state, "remove", "Kim").exit_code == 0
    assert names(store) == ["Alex"]


@pytest.mark.parametrize("pin", ["1234", "0000", "0002", "2222"])
def test_a_pin_that_everybody_tries_first_is_refused(state: Path, pin: str) -> None:
    result = tresen(state, "add", "Alex", pin=pin)
    assert (result.exit_code, "too easy to guess" in result.output) == (1, True)


def test_a_badge_is_good_until_it_is_revoked_and_is_not_kept_in_clear(state: Path, store: Roster) -> None:
    output = tresen(state, "badge", "Kim").output
    code = next(row for row in output.splitlines() if row.startswith("TRS"))
    payload = read_scan(code, ScanTable(), SystemClock().now().date()).payload

    async def holder(payload: str) -> str:
        try:
            return (await store.by_badge(payload)).name
        except SignInRefusedError as error:
            return error.code

    assert asyncio.run(holder(payload)) == "Kim"
    assert asyncio.run(holder("A" * len(payload))) == "badge-unknown"
    assert payload.encode() not in (state / "people.db").read_bytes()
    assert "1 badge" in tresen(state, "list").output
    assert tresen(state, "badge", "Kim", "--revoke").output == "Kim had 1 badge: good no more.\n"
    assert asyncio.run(holder(payload)) == "badge-unknown"


def test_the_badge_of_who_was_removed_is_good_no_more_also_when_they_come_back(
    state: Path, store: Roster
) -> None:
    tresen(state, "add", "Alex", pin="8051")
    _, payload = store.new_badge("Alex")
    tresen(state, "remove", "Alex")
    tresen(state, "add", "Alex", pin="8051")
    with pytest.raises(SignInRefusedError):
        asyncio.run(store.by_badge(payload))


def test_wrong_tries_lock_a_name_and_a_new_pin_ends_that(state: Path, store: Roster) -> None:
    said = [signs_in(store, "Kim", "0815") for _ in range(5)]
    assert said == ["sign-in-wrong"] * 4 + ["sign-in-locked"]
    assert signs_in(store, "Kim", PIN) == "sign-in-locked"
    assert "locked after wrong tries" in tresen(state, "list").output
    assert tresen(state, "pin", "Kim", pin="8051").exit_code == 0
    assert signs_in(store, "Kim", "8051") == "Kim"


def test_a_pin_of_ones_own_ends_what_somebody_else_chose(state: Path, store: Roster) -> None:
    tresen(state, "pin", "Kim", pin="8051")

    async def case() -> None:
        assert (await store.sign_in("Kim", "8051")).pin_due
        for new, code in (("8051", "pin-same"), ("1111", "pin-trivial"), ("805", "pin-length")):
            with pytest.raises(NewPinError, match=code):
                await store.change_pin("1", "8051", new)
        with pytest.raises(SignInRefusedError):
            await store.change_pin("1", "0815", "7208")
        assert not (await store.change_pin("1", "8051", "7208")).pin_due
        assert not (await store.sign_in("Kim", "7208")).pin_due

    asyncio.run(case())


def test_people_of_an_earlier_version_are_taken_as_they_are(state: Path) -> None:
    connection = apsw.Connection(str(state / "people.db"))
    connection.execute("drop table badge; drop table pin_due")
    connection.close()
    assert tresen(state, "list").output.split() == ["1", "Kim", "supervisor", "-"]


def test_longer_pins_hold_where_the_shop_wants_them(state: Path) -> None:
    with (state / "settings.toml").open("a") as file:
        file.write("\n[people]\npin_digits = 6\n")
    assert "A PIN has 6 to 12 digits." in tresen(state, "add", "Alex", pin="8051").output
    assert tresen(state, "add", "Alex", pin="805172").exit_code == 0


def test_roles_of_the_shops_own_hold_and_their_faults_are_told_all_at_once(state: Path) -> None:
    with (state / "settings.toml").open("a") as file:
        file.write('\n[people]\nroles = "roles.toml"\n')
    assert "roles.toml" in tresen(state, "list").output
    (state / "roles.toml").write_text('[[role]]\nname = "a"\nrights = ["no-sail"]\n[[role]]\nname = "a"\n')
    output = tresen(state, "list").output
    for said in ("there twice", "did you mean no-sale?", "nobody could approve everything"):
        assert said in output
    till = CliRunner().invoke(main, ["till", "--plain", "--state", str(state)])
    assert (till.exit_code, "did you mean no-sale?" in till.output) == (1, True)
    good = '[[role]]\nname = "chef"\nrights = ["*"]\n[[role]]\nname = "baker"\nrights = ["no-sale"]\n'
    (state / "roles.toml").write_text(good)
    assert "not known here: may nothing" in tresen(state, "list").output
    assert tresen(state, "add", "Alex", "--role", "baker", pin="8051").exit_code == 0


def test_a_name_is_refused_where_there_was_one(store: Roster) -> None:
    store.add("Alex", "8051", role="cashier")
    with pytest.raises(PinRefusedError, match="already"):
        store.change("Alex", supervisors={"supervisor"}, new_name="Kim")
