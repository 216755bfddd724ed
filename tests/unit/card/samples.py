"""Messages as the specification describes them, written by hand: bytes, and what they say."""

from typing import Any, Final

SAMPLES: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "registration, everything by the till, blocks": (
        "0600 13 123456 BE 0978 03 01 06 09 12 01 32 26 04 0A 02 06D3",
        {
            "password": "123456",
            "config_byte": 0xBE,
            "service_byte": 1,
            "printer_width_chars": 32,
            "permitted_commands": ["06D3"],
        },
    ),
    "authorisation of 12.50": (
        "0601 0C 04 000000001250 49 0978 19 40",
        {"amount_minor": 1250, "currency": 978, "payment_type": 0x40},
    ),
    "authorisation with a tip in it": (
        "0601 15 04 000000001250 49 0978 06 09 1F36 06 000000000250",
        {"amount_minor": 1250, "tlv": [["1f36", "000000000250"]]},
    ),
    "reversal of receipt 17": (
        "0630 0D 123456 87 0017 04 000000001250",
        {"password": "123456", "receipt_no": 17, "amount_minor": 1250},
    ),
    "refund": (
        "0631 0D 123456 04 000000000399 49 0978",
        {"amount_minor": 399, "currency": 978},
    ),
    "pre-authorisation": (
        "0622 0A 04 000000010000 49 0978",
        {"command": "pre_authorisation", "amount_minor": 10000},
    ),
    "booking of what was used": (
        "0624 0D 87 0021 04 000000007550 49 0978",
        {"command": "book_total", "receipt_no": 21, "amount_minor": 7550},
    ),
    "booking with a password before it": (
        "0624 0D 123456 87 0021 04 000000007550",
        {"command": "book_total", "password": "123456", "receipt_no": 21},
    ),
    "partial reversal": (
        "0623 0D 87 0021 04 000000002450 49 0978",
        {"command": "partial_reversal_or_enquiry", "receipt_no": 21, "amount_minor": 2450},
    ),
    "reversal of a pre-authorisation": (
        "0625 06 123456 87 0021",
        {"command": "pre_authorisation_reversal", "receipt_no": 21},
    ),
    "end of day, forced": (
        "0650 09 123456 06 04 1F26 01 01",
        {"password": "123456", "tlv": [["1f26", "01"]]},
    ),
    "diagnosis by EMV": ("0670 05 06 03 1B 01 04", {"tlv": [["1b", "04"]]}),
    "repeat as status, without paper": ("0620 05 123456 03 03", {"service_byte": 3}),
    "abort command": ("06B0 00", {"command": "abort_command"}),
    "book tip": ("060C 0A 04 000000000200 87 0017", {"amount_minor": 200, "receipt_no": 17}),
    "set the time": ("0691 08 AA 261122 0C 140507", {"date_yymmdd": "261122", "time_hhmmss": "140507"}),
    "reprint": ("0612 03 123456", {"command": "reprint"}),
    "turnover totals": ("0610 03 123456", {"command": "turnover_totals"}),
    "display text": (
        "06E0 12 F0 1E F1 F0F4 42495454 F2 F0F4 57415254 F9 01",
        {"display_seconds": 30, "line_1": "BITT", "line_2": "WART", "beeps": 1},
    ),
    "the terminal tells the time": ("0401 08 AA 261122 0C 140507", {"time_hhmmss": "140507"}),
    "approved, chip, signature": (
        (
            "040F 43 27 00 04 000000001250 49 0978 0B 000123 0C 140507 0D 1122 17 0001 "
            "22 F0F8 EEEEEEEEEEEE1234 29 29001006 87 0017 88 000017 8A 06 06 0E 2F 08 1F10 01 01 1F12 01 01 1F37 01 03"
        ),
        {
            "approved": True,
            "amount_minor": 1250,
            "trace_no": 123,
            "pan_last4": "1234",
            "cardholder_authentication": "01 signature",
            "card_technology": "01 chip",
            "signature": True,
            "turnover_no": 17,
        },
    ),
    "approved with a tip given at the terminal": (
        "040F 17 27 00 04 000000001500 06 0A 1F36 03 000250 1F3B 01 01 8A 06",
        {"amount_minor": 1500, "tip_minor": 250, "card_kind": "Mastercard"},
    ),
    "a new time for the answer, in minutes": ("04FF 02 04 02", {"status": 4, "timeout_minutes": 2}),
    "a line that feeds": ("06D1 02 FF 03", {"feed": 3}),
    "a line in double height, centred": (
        "06D1 06 50 53554D4D45",
        {"text": "SUMME", "centred": True, "double_height": True},
    ),
    "already reversed": ("061E 01 B4", {"result_text": "already reversed"}),
    "two open pre-authorisations": (
        "061E 0D B8 06 0A 23 08 08 02 0021 08 02 0022",
        {"result_code": 0xB8, "open_receipts": [21, 22]},
    ),
    "not possible": ("8483 00", {"error_text": "function not possible"}),
    "acknowledged, numbered": ("8000 08 06 06 1F73 03 000017", {"message_id": "000017"}),
}
