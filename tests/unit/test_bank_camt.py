"""Bank statements as CAMT.053: what is booked is read, and a file that means harm is refused before it can do any."""

import contextlib
import datetime as dt
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pos.bank_camt import CamtError, read_camt
from pos.bank_rows import BankFileError, match_rows, read_bank_file
from pos.domain.transfer import grouped, reference_of
from pos.transfers import OpenTransfer

TODAY = dt.date(2026, 11, 24)
ONE, TWO = reference_of("M81WMVK8WYJ3H7G4"), reference_of("M81WMVK8WYJ3H7G5")


def document(*entries: str, space: str = "camt.053.001.08", before: str = "") -> bytes:
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>{before}\n'
        f'<Document xmlns="urn:iso:std:iso:20022:tech:xsd:{space}"><BkToCstmrStmt><GrpHdr><MsgId>1</MsgId></GrpHdr>'
        f"<Stmt><Id>1</Id>{''.join(entries)}</Stmt></BkToCstmrStmt></Document>"
    ).encode()


def entry(
    amount: str = "12.99",
    *details: str,
    sign: str = "CRDT",
    status: str = "<Sts><Cd>BOOK</Cd></Sts>",
    currency: str = "EUR",
    day: str = "<Dt>2026-11-23</Dt>",
    words: str = "",
) -> str:
    told = "".join(f"<TxDtls>{detail}</TxDtls>" for detail in details)
    return (
        f'<Ntry><Amt Ccy="{currency}">{amount}</Amt><CdtDbtInd>{sign}</CdtDbtInd>{status}'
        f"<BookgDt>{day}</BookgDt><NtryDtls>{told}</NtryDtls><AddtlNtryInf>{words}</AddtlNtryInf></Ntry>"
    )


def structured(reference: str) -> str:
    return (
        "<RltdPties><Dbtr><Pty><Nm>Kim Müller</Nm></Pty></Dbtr></RltdPties>"
        f"<RmtInf><Strd><CdtrRefInf><Ref>{reference}</Ref></CdtrRefInf></Strd></RmtInf>"
    )


def opened(reference: str, minor: int) -> OpenTransfer:
    return OpenTransfer(reference, minor, "EUR", 1, 7, "2026-11-21")


def test_a_booked_entry_settles_the_transfer_whose_reference_it_names(tmp_path: Path) -> None:
    path = tmp_path / "statement.xml"
    path.write_bytes(
        document(
            entry("12.99", structured(ONE)),
            entry("40.00", f"<RmtInf><Ustrd>{grouped(TWO)} Danke</Ustrd></RmtInf>"),
            entry("5.00", "<RmtInf><Ustrd>Strom</Ustrd></RmtInf>", sign="DBIT"),
        )
    )
    rows, problems = read_bank_file(path, TODAY)
    assert [(row.line, row.booked.isoformat(), row.amount_minor) for row in rows] == [
        (1, "2026-11-23", 1_299),
        (2, "2026-11-23", 4_000),
        (3, "2026-11-23", -500),
    ]
    assert "Kim Müller" in rows[0].words
    assert problems == []
    found = match_rows(rows, [opened(ONE, 1_299), opened(TWO, 4_000)])
    assert [match.transfer.reference for match in found] == [ONE, TWO]


def test_older_versions_and_the_time_of_day_are_read_too() -> None:
    plain = entry("7.5", structured(ONE), status="<Sts>BOOK</Sts>", day="<DtTm>2026-11-23T08:00:00</DtTm>")
    (row,), problems = read_camt(document(plain, space="camt.053.001.02"))
    assert (row.amount_minor, row.booked, problems) == (750, dt.date(2026, 11, 23), [])


def test_a_collective_entry_is_its_payments() -> None:
    one = f'<AmtDtls><TxAmt><Amt Ccy="EUR">12.99</Amt></TxAmt></AmtDtls>{structured(ONE)}'
    two = f'<Amt Ccy="EUR">7.01</Amt><CdtDbtInd>CRDT</CdtDbtInd>{structured(TWO)}'
    rows, problems = read_camt(document(entry("20.00", one, two)))
    assert [(row.entry, row.amount_minor, ONE in row.words) for row in rows] == [
        (1, 1_299, True),
        (1, 701, False),
    ]
    assert problems == []


def test_a_collective_entry_without_single_amounts_is_said_and_left_alone() -> None:
    rows, problems = read_camt(document(entry("20.00", structured(ONE), structured(TWO))))
    assert rows == []
    assert problems == ["entry 1: 2 payments in one, without their amounts"]


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (entry(status="<Sts>PDNG</Sts>"), "not booked yet (PDNG)"),
        (entry(status=""), "not booked yet (no status)"),
        (entry(currency="CHF"), "'CHF' is another currency"),
        (entry("12,99"), "'12,99' 'CRDT' is no amount"),
        (entry("1.999"), "'1.999' 'CRDT' is no amount"),
        (entry("-3.00"), "'-3.00' 'CRDT' is no amount"),
        (entry(sign="ANY"), "'12.99' 'ANY' is no amount"),
        (entry(day="<Dt>gestern</Dt>"), "no day on which it was booked"),
    ],
)
def test_what_is_not_understood_is_said_and_left_alone(wrong: str, why: str) -> None:
    rows, problems = read_camt(document(wrong, entry("1.00")))
    assert [(row.entry, row.amount_minor) for row in rows] == [(2, 100)]
    assert problems == [f"entry 1: {why}"]


LAUGHS = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'


@pytest.mark.parametrize(
    "harm",
    [
        document(entry(words="&b;"), before=LAUGHS),
        document(entry(words="&f;"), before='<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/hostname">]>'),
        document(entry(), before='<!DOCTYPE x SYSTEM "http://192.0.2.1/x.dtd">'),
        document(entry(), before='<!DOCTYPE x [<!ENTITY % p SYSTEM "http://192.0.2.1/x"> %p;]>'),
    ],
)
def test_entities_and_document_types_are_refused(harm: bytes) -> None:
    with pytest.raises(CamtError, match="entities"):
        read_camt(harm)


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (document(entry(), space="camt.052.001.08"), "no statement"),
        (document(entry(), space="pain.001.001.09"), "no statement"),
        (b"<html><body/></html>", "no statement"),
        (document(entry())[:-20], "no whole XML"),
        (document(entry(words="<a>" * 40 + "</a>" * 40)), "nested deeper"),
        (document(entry()).replace(b"UTF-8", b"utf-gibts-nicht"), "letters|no whole XML"),
    ],
)
def test_what_is_no_statement_is_refused_with_a_reason(raw: bytes, why: str) -> None:
    with pytest.raises(CamtError, match=why):
        read_camt(raw)


def test_a_file_that_is_packed_or_too_large_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "statement"
    path.write_bytes(b"PK\x03\x04rest")
    with pytest.raises(BankFileError, match="unpack"):
        read_bank_file(path, TODAY)
    monkeypatch.setattr("pos.bank_rows.MAX_BYTES", 100)
    path.write_bytes(document(entry()))
    with pytest.raises(BankFileError, match="larger"):
        read_bank_file(path, TODAY)


def test_endless_words_are_cut_short() -> None:
    (row,), _ = read_camt(
        document(entry("1.00", "<RmtInf>" + f"<Ustrd>{'x' * 5_000}</Ustrd>" * 20 + "</RmtInf>"))
    )
    assert len(row.words) <= 4_020


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200), st.integers(0, 900))
def test_a_spoilt_file_is_read_or_refused_and_nothing_else(noise: bytes, at: int) -> None:
    whole = document(entry("12.99", structured(ONE)))
    with contextlib.suppress(CamtError):
        read_camt(whole[:at] + noise + whole[at + len(noise) :])
