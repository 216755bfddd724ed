"""What a command could not do is one sentence that says what to do."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from pos.cli import main
from pos.journal.backup import BackupError, check_backup, write_backup
from pos.journal.restore import restore_backup


@pytest.mark.parametrize("content", [b"", b"no backup at all", bytes(4096)])
def test_a_file_that_is_no_backup_is_called_so_and_nothing_is_made(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "holiday.jpg"
    file.write_bytes(content)
    with pytest.raises(BackupError) as caught:
        restore_backup(file, tmp_path / "state")
    assert str(caught.value).startswith(f"{file} is no backup of a till, or a damaged one")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "state" / "journal").exists()


def test_a_backup_that_is_not_there_is_called_so(tmp_path: Path) -> None:
    with pytest.raises(BackupError, match=r"none\.backup: No such file or directory$"):
        check_backup(tmp_path / "none.backup")


def test_a_backup_into_a_folder_that_is_not_there_names_the_folder(tmp_path: Path) -> None:
    with pytest.raises(BackupError) as caught:
        write_backup(tmp_path, tmp_path / "stick" / "till.backup", 1)
    assert (
        str(caught.value) == f"there is no folder {tmp_path / 'stick'} for the backup; is the medium mounted?"
    )


def test_line_mode_in_an_empty_folder_names_both_ways_to_a_till(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["till", "--plain", "--state", str(tmp_path)])
    assert done.exit_code == 1
    assert f"tresen init --state {tmp_path} --operator NAME" in done.stderr
    assert f"tresen enrol --state {tmp_path} --hub URL --code CODE --operator NAME" in done.stderr
