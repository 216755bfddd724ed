"""The measuring tools measure right. No test here looks at a clock: those figures belong to a bench run."""

import contextlib
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.benchmarks import iocount, journal_reference, reference
from tests.benchmarks.harness import (
    Candidate,
    HarnessError,
    Running,
    cpu_ns,
    measure_first_frames,
    measure_scans,
    percentile,
    rss_kb,
    summarize,
    uss_kb,
)
from tests.benchmarks.report import Report

QUIET_S = 0.03


def echo(code: str, *args: str, channel: str = "pipe") -> Candidate:
    """A program without Textual, which says "open" once it is there."""
    return Candidate(
        name="echo",
        argv=(sys.executable, "-c", code, *args),
        first_frame=b"open",
        send_scan=reference.scan_by_line,
        channel="pty" if channel == "pty" else "pipe",
    )


READ_LINES = """
import os, sys
scans = open(int(sys.argv[1]) if sys.argv[1].isdigit() else sys.argv[1], closefd=True)
print("open", flush=True)
for line in scans:
    print("Article " + line.strip(), flush=True)
"""


def test_a_scan_is_one_frame_of_the_custom_list_and_datatable_writes_more() -> None:
    ours, theirs = reference.custom_list(30), reference.datatable(30)
    samples = measure_scans([ours, theirs], 6, block=3, warm_up=2)
    assert [sample.frames for sample in samples[ours.name]] == [1] * 6
    assert all(sample.cpu_ms > 0 and sample.wall_ms > 0 for sample in samples[ours.name])
    mine, other = summarize(samples[ours.name]), summarize(samples[theirs.name])
    assert 0 < mine.output_bytes_mean < 4096
    assert other.output_bytes_mean > 2 * mine.output_bytes_mean
    assert other.frames_mean > 1


def test_several_scans_at_once_are_painted_in_order_and_the_total_with_them() -> None:
    with Running(reference.custom_list()) as app:
        app.settle()
        assert app.answers_sync_query
        os.write(app.scan_fd, b"one\ntwo\nth")
        assert b"Article one" in app.wait_for(b"Article two")
        os.write(app.scan_fd, b"ree\n")
        app.wait_for(b"Article three")


def test_the_first_frame_costs_time_and_memory_can_be_read() -> None:
    base = reference.minimal()
    frames = measure_first_frames([base], 1)
    assert len(frames[base.name]) == 1
    assert frames[base.name][0].cpu_ms > 0
    assert 0 < uss_kb(os.getpid()) < rss_kb(os.getpid())


def test_a_serial_scanner_is_a_pty_given_by_its_path() -> None:
    with Running(echo(READ_LINES, "{scan}", channel="pty")) as app:
        sample = app.scan(QUIET_S)
    assert sample.output_bytes == len(b"Article 4000000000001\r\n")
    assert sample.frames == 0


def test_a_program_that_ends_is_an_error_with_its_last_words() -> None:
    with pytest.raises(HarnessError, match="no such journal"), Running(echo("print('no such journal')")):
        pass


def test_the_terminal_has_the_size_asked_for_and_a_stubborn_program_is_ended() -> None:
    code = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("open", *os.get_terminal_size(), flush=True)
time.sleep(600)
"""
    app = Running(echo(code), columns=128, rows=37)
    with app, pytest.MonkeyPatch.context() as patch:
        patch.setattr("tests.benchmarks.harness.STOP_TIMEOUT_S", 0.1)
        output = bytes(app._recent)
        assert b"open 128 37" in output + (b"" if b"\n" in output else app.wait_for(b"\n"))
        pid = app.pid
        app.stop()
        assert not Path(f"/proc/{pid}").exists()


def test_cpu_time_is_that_of_all_threads_as_the_kernel_counts_them() -> None:
    def burn() -> None:
        for _ in range(300_000):
            pass

    threads = [threading.Thread(target=burn) for _ in range(2)]
    for thread in threads:
        thread.start()
    before_ns = 0
    for task in Path("/proc/self/task").iterdir():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # a thread that ended meanwhile
            before_ns += int((task / "schedstat").read_text().split()[0])
    for thread in threads:
        thread.join()
    assert cpu_ns(os.getpid()) >= before_ns > 0


def test_percentiles_are_values_that_were_measured() -> None:
    values = [float(n) for n in range(100, 0, -1)]
    assert [percentile(values, p) for p in (50, 95, 99, 100)] == [50, 95, 99, 100]
    assert percentile([7.0], 99) == 7


def test_syncs_and_writes_are_counted_between_marks_and_only_below_the_path(tmp_path: Path) -> None:
    shop = tmp_path / "shop"
    shop.mkdir()
    code = """
import os, sys
from pathlib import Path
from tests.benchmarks.iocount import mark
shop = Path(sys.argv[1])
inside = os.open(shop / "journal", os.O_RDWR | os.O_CREAT)
outside = os.open(shop.parent / "shop-log", os.O_RDWR | os.O_CREAT)
os.fsync(inside)
mark()
for number in range(3):
    os.pwrite(inside, b"x" * 100, number)
    os.fsync(inside)
    os.write(outside, b"y")
    os.fdatasync(outside)
mark()
os.ftruncate(inside, 0)
mark()
os.fsync(inside)
"""
    first, second = iocount.run([sys.executable, "-c", code, str(shop)], shop)
    counts = iocount.FileCounts(syncs=3, writes=3, bytes=300, truncates=0)
    assert first == {**counts, "by_file": {"journal": counts}}
    assert (second["syncs"], second["writes"], second["truncates"]) == (0, 0, 1)


def test_a_call_cut_in_two_by_another_thread_is_one_call() -> None:
    trace = """\
7 write(9</t/marks>, ""..., 5) = 5
7 fsync(3</shop/a> <unfinished ...>
8 pwritev(4</shop/b>, [{iov_base=""..., iov_len=10}], 1, 0) = 10
7 <... fsync resumed>) = 0 (DELAYED)
8 fdatasync(4</shop/b>) = -1 EIO (Input/output error)
7 write(9</t/marks>, ""..., 5) = 5
"""
    (interval,) = iocount.count(trace.splitlines(keepends=True), Path("/shop"), Path("/t/marks"))
    assert (interval["syncs"], interval["writes"], interval["bytes"]) == (1, 1, 10)
    assert interval["by_file"]["a"]["syncs"] == 1
    assert interval["by_file"]["b"]["syncs"] == 0


def test_a_raw_sale_is_one_sync_and_never_the_same_bytes_twice(tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "tests.benchmarks.journal_reference", str(tmp_path), "3"]
    intervals = iocount.run(argv, tmp_path)
    assert [interval["syncs"] for interval in intervals] == [1, 1, 1]
    assert all(interval["writes"] > 0 for interval in intervals)
    bodies = [body for number in range(50) for body in journal_reference.bodies(number)]
    assert len(bodies) == len(set(bodies)) == 600
    assert {len(body) for body in bodies} == {journal_reference.BODY_BYTES}


def test_a_slow_disk_delays_each_sync_and_the_process_is_still_the_program(tmp_path: Path) -> None:
    code = """
import os, sys, time
fd = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
started = time.monotonic()
os.fsync(fd)
print(os.getpid(), time.monotonic() - started)
"""
    argv = iocount.slow_fsync([sys.executable, "-c", code, str(tmp_path / "file")], 60)
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as process:
        pid, took_s = process.communicate()[0].split()
    assert int(pid) == process.pid
    assert float(took_s) >= 0.06  # a lower limit, which no load can break


def test_a_report_compares_with_its_reference_and_names_what_missed_its_bar(tmp_path: Path) -> None:
    report = Report()
    report.add("scan, CPU", 6.0, "ms", reference=4.0, bar=1.5)
    missed = report.add("scan, bytes", 5000, "B", bar=4096)
    report.add("load", 1, "")
    assert report.failed == [missed]
    assert "MISSED" in report.table().splitlines()[-2]
    report.write(tmp_path / "build" / "bench.json")
    text = (tmp_path / "build" / "bench.json").read_text(encoding="utf-8")
    assert '"ratio": 1.5' in text
    assert '"reference": null' in text
