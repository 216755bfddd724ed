"""The first row: who, when, and whether all is well, in words."""

from rich.cells import cell_len
from textual.strip import Strip

from pos.device_ports import DeviceState
from pos.tui.paint import Part, clean
from pos.tui.scene import Scene
from pos.tui.themes import BRAND
from pos.view import DeviceView

__all__ = ["status_line"]

_FINE = (DeviceState.READY, DeviceState.BUSY)
_WIDE = 76
_BAD_MAX = 2  # more would push the others off the row
_WARNINGS = ("paper-low",)  # it works, but somebody should come soon


def status_line(scene: Scene) -> Strip:
    """What matters least gives way first when the row is narrow: the shop's name, devices that work, then names."""
    view, words = scene.view, scene.words
    who = words("ui.till", till=view.till)
    if view.operator is not None:
        who = f"{who} · {view.operator.name}"
    right: list[Part] = [(f"{scene.now:%H:%M}", "status")]
    right += _lines(scene)
    devices = _devices(scene)
    right += devices
    mark = "training" if view.training else "demo" if view.demo else ""
    demo = [(f" {words(f'ui.{mark}')} ", mark)] if mark else []
    room = scene.width - sum(len(text) + 2 for text, _ in (*demo, *right)) - 2
    if room < len(who) and mark:
        demo = [(f" {words(f'ui.{mark}-short')} ", mark)]
        room = scene.width - sum(len(text) + 2 for text, _ in (*demo, *right)) - 2
    while room < len(who) and devices and right[-1] in devices and right[-1][1] == "status":
        room += len(right.pop()[0]) + 2
    who = clean(who)
    if len(who) > room:
        who = who[: max(0, room - 1)] + "…"
    shop = f" {clean(scene.shop)} "
    parts: list[Part] = [(f" {who}  ", "status")]
    if scene.shop and room - len(who) > cell_len(shop):
        room -= cell_len(shop) + 1
        parts.insert(0, (shop, BRAND))
    for text, role in demo:
        parts += [(text, role), ("  ", "status")]
    gap = max(0, room - len(who))
    parts.append((" " * gap, "status"))
    for at, (text, role) in enumerate(right):
        parts += [(text, role), ("  " if at < len(right) - 1 else " ", "status")]
    if view.training:  # the whole row, so that nobody can miss it
        parts = [(text, "training" if role == "status" else role) for text, role in parts]
    return scene.brush.row(*_merged(parts))


def _lines(scene: Scene) -> list[Part]:
    """The lines to other machines, how many sales only this one holds, and what is wrong with the second copy."""
    view, words = scene.view, scene.words
    parts: list[Part] = []
    if view.hub.configured or view.relay.configured:
        online = view.hub.online or view.relay.online
        relay_away = view.relay.problem == "away"
        problem = view.hub.problem or ("" if relay_away else view.relay.problem)
        said = words(f"ui.hub-problem-{problem}") if problem else ""
        trouble = bool(said) and not said.startswith("ui.")
        if trouble:
            parts.append((f" {said} ", "status_bad"))
        if relay_away and online and (not trouble or scene.width >= _WIDE):
            parts.append((f" {words('ui.relay-away')} ", "status_bad"))
        elif not trouble:
            away = "ui.offline-both" if relay_away and scene.width >= _WIDE else "ui.offline"
            parts.append((words("ui.online" if online else away), "status" if online else "status_bad"))
        if view.unsent or not online:
            parts.append((words("ui.unsent", count=view.unsent), "status"))
    elif scene.width >= _WIDE:
        parts.append((words("ui.no-hub"), "status"))
    copy = view.second_copy
    if copy.state not in {"", "ok"}:
        said = (
            words("ui.copy-short")
            if scene.width < _WIDE
            else words(f"ui.copy-{copy.state}", count=copy.waiting)
        )
        parts.append((said, "status_bad"))
    return parts


def _devices(scene: Scene) -> list[Part]:
    view, words = scene.view, scene.words
    known = [
        (name, device)
        for name, device in (("printer", view.printer), ("scanner", view.scanner))
        if device.state is not DeviceState.NONE
    ]
    known += [
        (name, device)
        for name, device in (
            ("scale", view.scale),
            ("display", view.display),
            ("customer-screen", view.customer_screen),
            ("card-terminal", view.card),
        )
        if device.state is not DeviceState.NONE and not _fine(device)
    ]
    bad = [_trouble(scene, name, device) for name, device in known if not _fine(device)]
    if view.drawer.detail == "left-open":
        bad.append((f" {words('ui.drawer-left-open')} ", "status_bad"))
    most = _BAD_MAX if scene.width >= _WIDE else 1
    if len(bad) > most:
        bad = [*bad[:most], (f" +{len(bad) - most} ", "status_bad")]
    fine = [words(f"ui.{name}") for name, device in known if _fine(device)]
    if fine and not bad and scene.width < 100:
        return [(words("ui.devices-ready" if len(fine) > 1 else "ui.device-ready", device=fine[0]), "status")]
    return bad + [(words("ui.device-ready", device=name), "status") for name in fine]


def _fine(device: DeviceView) -> bool:
    return device.state in _FINE and device.detail not in _WARNINGS


def _trouble(scene: Scene, name: str, device: DeviceView) -> Part:
    said = scene.words(f"ui.device-{device.state.value}")
    detail = scene.words(f"ui.detail-{device.detail}") if device.detail else ""
    if detail and not detail.startswith("ui."):
        said = detail
    return f" {scene.words(f'ui.{name}')}: {said} ", "status_bad"


def _merged(parts: list[Part]) -> list[Part]:
    """Neighbours in one role as one part: fewer bytes."""
    merged: list[Part] = []
    for text, role in parts:
        if merged and merged[-1][1] == role:
            merged[-1] = (merged[-1][0] + text, role)
        else:
            merged.append((text, role))
    return merged
