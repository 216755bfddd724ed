"""A hub that knows purchases, in memory: strict about what it is asked, for tests of what a till does with the answers."""

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec

from pos.node_ports import ShopAnswer
from pos.sale_facts import Sale

LEASE_MS = 900_000


class Office:
    """Implements pos.node_ports.ShopDesk. `away`, `deaf` as in shop_rig.HubBehind; `bare`: it knows no returns."""

    def __init__(self, clock: Any) -> None:
        self.clock = clock
        self.away = self.deaf = self.bare = False
        self.asked: list[str] = []
        self.purchases: dict[str, dict[str, Any]] = {}
        self.finds: dict[tuple[str, str], list[str]] = {}
        self.holds: dict[str, dict[str, Any]] = {}
        self._answers: dict[str, ShopAnswer] = {}

    def sold(self, sale: Sale, till: str, store: str = "demo", epoch: int = 1) -> str:
        """The hub heard of a sale."""
        path = f"till/{store}/{till}/{epoch}/{sale.number}"
        row = {"source": "till", "store": store, "till": till, "epoch": epoch, "number": sale.number}
        tenders = [
            {"provider": "till", "kind": one.kind, "reference": one.reference,
             "amount_minor": one.amount_minor, "refundable_minor": one.amount_minor}
            for one in sale.tenders
        ]  # fmt: skip
        lines = [
            {"n": line.n, "text": line.text, "qty": line.qty, "pay_minor": line.pay_minor, "kind": line.kind}
            for line in sale.lines
            if line.voided_ms is None
        ]
        self._keep(path, row, lines, tenders, sale.total_minor, sale=msgspec.to_builtins(sale))
        self.finds["receipt", f"{till}-{epoch}-{sale.number}"] = [path]
        if sale.link:
            self.finds["code", sale.link] = [path]
        return path

    def ordered(self, order_id: str, number: int, *lines: tuple[str, str, int, int], **paid: int) -> str:
        """An order of lines (sku, text, quantity, what they cost), paid at payment services."""
        path = f"order/{order_id}"
        row = {"source": "order", "order_id": order_id, "number": number, "store": "demo"}
        tenders = [
            {"provider": name, "kind": "psp", "reference": f"p-{name}",
             "amount_minor": minor, "refundable_minor": minor}
            for name, minor in paid.items()
        ]  # fmt: skip
        told = [
            {"n": n, "sku": sku, "text": text, "qty": Decimal(qty), "pay_minor": pay, "kind": "article"}
            for n, (sku, text, qty, pay) in enumerate(lines, 1)
        ]
        self._keep(path, row, told, tenders, sum(line[3] for line in lines), sale=None)
        self.finds["order", str(number)] = [path]
        return path

    def announce(self, path: str, code: str, *lines: tuple[int, int, str]) -> None:
        """The customer said that so much of a line comes back, and why."""
        told = [{"n": n, "qty": Decimal(qty), "reason": reason} for n, qty, reason in lines]
        self.purchases[path]["announced"].append(
            {"announcement_id": f"a-{code}", "code": code, "lines": told}
        )
        self.finds["code", code] = [path]

    def _keep(
        self, path: str, row: dict[str, Any], lines: Any, tenders: Any, total: int, **more: Any
    ) -> None:
        self.purchases[path] = {
            **row, "sold_ms": self.clock.wall_ms(), "total_minor": total, "lines": lines, "tenders": tenders,
            "announced": [], "voided": False, "currency": "EUR", **more,
        }  # fmt: skip

    def took(self, path: str, n: int, qty: int, minor: int) -> None:
        """Somebody else took it back."""
        self.holds[f"others-{len(self.holds)}"] = {
            "path": path, "till": "9", "until": 1 << 60, "lines": [(n, Decimal(qty), minor)]
        }  # fmt: skip

    def _gone(self, path: str, n: int) -> tuple[Decimal, int]:
        now = self.clock.wall_ms()
        rows = [
            line
            for hold in self.holds.values()
            if hold["path"] == path and hold["until"] > now
            for line in hold["lines"]
            if line[0] == n
        ]
        return sum((row[1] for row in rows), Decimal(0)), sum(row[2] for row in rows)

    async def ask(
        self, method: str, path: str, body: bytes = b"", *, key: str = "", timeout_s: float = 5.0
    ) -> ShopAnswer:
        self.asked.append(f"{method} {path}")
        assert (method == "POST") == bool(key), (
            "a key goes with what changes something, and with nothing else"
        )
        if self.away:
            return ShopAnswer(0)
        if key not in self._answers:
            answer = self._do(method, path, body)
            if key:
                self._answers[key] = answer
        else:
            answer = self._answers[key]
        return ShopAnswer(0) if self.deaf else answer

    def vouches(self, data: bytes, signature: bytes) -> bool:
        return False

    def _do(self, method: str, path: str, body: bytes) -> ShopAnswer:
        at = urlsplit(path)
        if self.bare:  # a hub that has no such routes
            return ShopAnswer(404)
        if method == "GET" and at.path == "/returns/sales":
            asked = {name: value for name, (value, *_) in parse_qs(at.query, strict_parsing=True).items()}
            found = [self.purchases[one] for one in self._found(asked)]
            rows = [{k: v for k, v in one.items() if k not in {"lines", "tenders", "sale"}} for one in found]
            return _yes({"sales": rows})
        if method == "GET":
            name = at.path.removeprefix("/returns/sales/")
            return _yes(self._whole(name)) if name in self.purchases else ShopAnswer(404, code="not-found")
        if at.path == "/returns":
            return self._hold(msgspec.json.decode(body))
        _, _, return_id, verb = at.path.split("/")
        hold = self.holds[return_id]
        lapsed = hold["until"] <= self.clock.wall_ms()
        assert verb in {"release", "extend"}, verb
        if lapsed:
            return ShopAnswer(409, code="lapsed")
        hold["until"] = 0 if verb == "release" else self.clock.wall_ms() + LEASE_MS
        return self._held(return_id)

    def _found(self, asked: dict[str, str]) -> Sequence[str]:
        match sorted(asked):
            case ["on", "store"]:
                dt.date.fromisoformat(asked["on"])
                return [path for path in self.purchases if path.startswith(f"till/{asked['store']}/")]
            case ["last4", "on"]:
                return self.finds.get(("last4", f"{asked['last4']} {asked['on']}"), ())
            case ["receipt", "store"]:
                return [
                    one for one in self.finds.get(("receipt", asked["receipt"]), ()) if asked["store"] in one
                ]
            case [name]:
                assert name in {"code", "receipt", "order", "email", "phone", "customer", "serial"}, name
                return self.finds.get((name, asked[name]), ())
        raise AssertionError(asked)

    def _whole(self, name: str) -> dict[str, Any]:
        found = self.purchases[name]
        lines = []
        for line in found["lines"]:
            qty, minor = self._gone(name, line["n"])
            left = {"left_qty": line["qty"] - qty, "left_minor": line["pay_minor"] - minor}
            lines.append({**line, **left})
        return {**found, "lines": lines}

    def _hold(self, ask: dict[str, Any]) -> ShopAnswer:
        assert {"source", "at_store", "at_till", "lines", "by", "announced"} <= ask.keys()
        name = (
            f"order/{ask['order_id']}"
            if ask["source"] == "order"
            else f"till/{ask['store']}/{ask['till']}/{ask['epoch']}/{ask['number']}"
        )
        whole = {line["n"]: line for line in self._whole(name)["lines"]}
        lines = []
        for one in ask["lines"]:
            line, qty = whole[one["n"]], Decimal(one["qty"])
            if qty > line["left_qty"]:
                return ShopAnswer(409, code="too-much" if line["left_qty"] else "nothing-left")
            worth = int(line["left_minor"] * qty / line["left_qty"])
            lines.append((one["n"], qty, worth))
        return_id = f"return-{len(self.holds) + 1:08}"
        until = self.clock.wall_ms() + LEASE_MS
        self.holds[return_id] = {"path": name, "till": ask["at_till"], "until": until, "lines": lines}
        return self._held(return_id, 201)

    def _held(self, return_id: str, status: int = 200) -> ShopAnswer:
        hold = self.holds[return_id]
        lines = [{"n": n, "qty": qty, "worth_minor": worth} for n, qty, worth in hold["lines"]]
        total = sum(line["worth_minor"] for line in lines)
        return _yes(
            {"return_id": return_id, "state": "held", "until_ms": hold["until"], "lines": lines,
             "total_minor": total, "plan": []},
            status,
        )  # fmt: skip

    @property
    def live(self) -> list[str]:
        """What is kept for this till now."""
        now = self.clock.wall_ms()
        return [name for name, one in self.holds.items() if one["until"] > now and one["till"] != "9"]


def _yes(body: Any, status: int = 200) -> ShopAnswer:
    return ShopAnswer(status, msgspec.json.encode(body))
