"""The receipt for programs: one plain JSON object. The trade's own format (eKaBS) will stand beside it."""

import msgspec

from receipts.model import Receipt

__all__ = ["receipt_json"]


def receipt_json(receipt: Receipt) -> bytes:
    """UTF-8 JSON: the fields of `Receipt` by name, amounts as integer minor units, decimals as strings.

    `demo` is always there, and `notice` says in words what the flags mean.
    """
    plain = msgspec.to_builtins(receipt, str_keys=True)
    shop = {key: value for key, value in plain["shop"].items() if not key.startswith("footer_")}
    head = {"format": "tresen.receipt.1", "demo": receipt.demo, "notice": list(receipt.marks)}
    flags = {"training": receipt.training, "copy": receipt.copy}
    return msgspec.json.encode({**plain, "shop": shop, **flags, **head})
