// The staff page: a client of the hub's public API (/v1) and nothing else.
"use strict";

const KINDS = [["receive", "stock:write"], ["count", "stock:write"], ["off", "stock:adjust"], ["out", "stock:write"], ["in", "stock:write"], ["pick", "orders:pick"], ["stock", "stock:read"], ["tasks", "tasks:read"]];
const REASONS = ["broken", "expired", "theft", "own-use", "found", "other"];
const CODE = /^#([0-9A-Za-z-]{12,14})$/;
const QTY_MAX = 99_999;
let settings = {}, camera = null;

// Run a handler; what is refused is said, what is a fault of the page stays one.
const guarded = (work) => async (event) => {
  event?.preventDefault?.();
  try {
    await work(event);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    if (error.status !== 401) say(error.words, true);
  }
};
const button = (text, work, attributes = {}) => h("button", { type: "button", onclick: guarded(work), ...attributes }, text);
const field = (id, label, attributes = {}) => h("div", {}, h("label", { for: id }, label), h("input", { id, name: id, autocomplete: "off", maxlength: "100", ...attributes }));
const choice = (id, label, options, chosen) =>
  h("div", {}, h("label", { for: id }, label), h("select", { id, name: id }, options.map(([value, text]) => h("option", { value, selected: value === chosen }, text))));
const head = (text) => h("h1", { tabindex: "-1" }, text);
const main = (text, work, id) => button(text, work, { class: "main", id });
const items = (rows) => rows.map((row) => h("li", {}, row));
const bullets = (id, rows) => h("ul", { id }, items(rows));
const picks = (rows) => h("ul", { class: "picks" }, items(rows));
const submit = (word) => h("button", { class: "main" }, t(word));
const form = (id, work, word, ...fields) => h("form", { class: "fields", id, onsubmit: guarded(work) }, fields, submit(word));
const part = (word, ...parts) => h("section", { "aria-labelledby": `h-${word}` }, h("h2", { id: `h-${word}` }, t(word)), ...parts);
const soft = (text) => h("p", { class: "soft" }, text);
const page = (title, ...parts) => show(h("div", {}, head(title), ...parts, h("p", {}, h("a", { href: "#/", id: "home" }, t("back")))));

// -- this device

function pairView(code = "") {
  const go = async () => {
    const typed = $("code").value.trim();
    if (!typed) return $("code").focus();
    await pair(typed);
    frame();
    await route();
    say(t("paired", { t: clock(session.expires_ms), name: session.name }));
    await flush();
  };
  const kept = others().map((name) => h("p", { class: "note" }, t("kept", { name })));
  show(h("div", {}, head(t("pair")), h("p", {}, t("pairhint")),
    form("pair", go, "connect", field("code", t("code"), { value: code, class: "code", maxlength: "20", autocapitalize: "characters", spellcheck: "false" })), kept));
  if (code) $("pair").requestSubmit();
}

function homeView() {
  const mine = KINDS.filter(([, scope]) => may(scope));
  const list = h("ul", { class: "menu" }, mine.map(([kind]) => {
    const draft = desk.drafts[kind];
    const note = draft?.sent ? t("waits") : draft?.lines.length ? t("begun", { sums: sums(draft) }) : t(`d_${kind}`);
    return h("li", {}, h("a", { href: `#/${kind}`, id: `to-${kind}` }, h("strong", {}, t(kind)), h("span", { class: draft?.sent || draft?.lines.length ? "open" : "soft" }, note)));
  }));
  const leave = async () => {
    await ask("POST", "/staff/sessions/end", {});
    open(null);
    frame();
    await route();
    say(t("gone"));
  };
  show(h("div", {}, head(t("home")), mine.length ? list : h("p", {}, t("norights")), others().map((name) => h("p", { class: "note" }, t("kept", { name }))), h("p", {}, button(t("leave"), leave, { id: "leave" }))));
}

// -- the camera, where the browser reads codes by itself

const canSee = () => "BarcodeDetector" in window && Boolean(navigator.mediaDevices?.getUserMedia);

function closeCamera() {
  camera?.stream.getTracks().forEach((track) => track.stop());
  camera?.video.remove();
  camera = null;
}

// Until it is closed; `found` gets each code, the same one again after a moment.
async function openCamera(place, found) {
  const stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
  const video = h("video", { playsinline: true, muted: true, "aria-label": t("camera") });
  const own = (camera = { stream, video });
  video.srcObject = stream;
  place.append(video);
  await video.play();
  const detector = new BarcodeDetector();
  let last = "", until = 0;
  while (camera === own) {
    const [seen] = await detector.detect(video).catch(() => []);
    if (seen && (seen.rawValue !== last || Date.now() > until)) {
      [last, until] = [seen.rawValue, Date.now() + 1_500];
      navigator.vibrate?.(60);
      await found(seen.rawValue);
    }
    await new Promise((done) => setTimeout(done, 120));
  }
}

// A field for codes: typed, from a scanner that types, or by the camera. `take(article or null, code)` gets each; null: not looked up yet.
function scanner(take, patient = true) {
  const choose = h("div", { id: "picks" }), place = h("div", { id: "camera" });
  const look = async (typed) => {
    let found;
    try {
      found = await lookUp(typed);
    } catch (error) {
      if (!(error instanceof Refused) || !error.silent || !patient) throw error;
      return take(null, typed);
    }
    if (!found.length) return say(t("none", { code: typed }), true);
    if (found.length === 1) return take(found[0], typed);
    const pick = (one) => button(one.text, async () => { choose.replaceChildren(); $("code").focus(); await take(one, typed); });
    choose.replaceChildren(h("p", { id: "whichone" }, t("which")), h("ul", { class: "picks", "aria-labelledby": "whichone" }, items(found.map(pick))));
    choose.querySelector("button").focus();
  };
  const go = guarded(async () => {
    const typed = $("code").value.trim();
    $("code").value = "";
    choose.replaceChildren();
    if (typed) await look(typed);
  });
  const see = button(t("camera"), async (event) => {
    if (camera) return closeCamera();
    event.target.textContent = t("stopcam");
    await openCamera(place, (code) => guarded(() => look(code))()).catch(() => say(t("camdenied"), true));
    event.target.textContent = t("camera");
  }, { id: "see" });
  return h("div", {}, h("form", { id: "scan", class: "search", onsubmit: go }, field("code", t("scan"), { maxlength: "200", spellcheck: "false", autocapitalize: "none", enterkeyhint: "done" }), submit("add"), canSee() ? see : ""), place, choose);
}

// -- collecting goods: what all bookings have in common

function lineRow(draft, one, again) {
  const set = (qty) => {
    const whole = one.unit !== "pc" || Number.isInteger(qty);
    if (!(qty >= 0 && qty <= QTY_MAX) || !whole) { again(); return say(t("badqty"), true); }
    one.qty = Math.round(qty * 1000) / 1000;
    keep();
    again();
    say(t("added", { text: one.text, n: number(one.qty) }));
  };
  const remove = () => {
    draft.lines = draft.lines.filter((other) => other !== one);
    keep();
    again();
    say(t("removed", { name: one.text }));
    $("code")?.focus();
  };
  const typed = h("input", { type: "number", inputmode: "decimal", min: "0", max: String(QTY_MAX), step: one.unit === "pc" ? "1" : "0.001", value: String(one.qty), "aria-label": t("qty", { name: one.text }), onchange: (event) => set(Number(event.target.value)) });
  return h("li", { class: one.unknown ? "bad" : "" }, h("span", { class: "what" }, one.text, one.unknown ? h("span", { class: "small" }, t("unknown")) : ""),
    h("span", { class: "row" },
      button("−", () => set(Math.max(0, one.qty - 1)), { "aria-label": t("less", { name: one.text }) }), typed, button("+", () => set(one.qty + 1), { "aria-label": t("more", { name: one.text }) }),
      button("×", remove, { "aria-label": t("remove", { name: one.text }) })));
}

// The rows anew; the focus stays at what it was on.
function refill(list, rows) {
  const at = list.contains(document.activeElement) && document.activeElement.getAttribute("aria-label");
  list.replaceChildren(...rows);
  if (at) [...list.querySelectorAll("[aria-label]")].find((one) => one.getAttribute("aria-label") === at)?.focus();
}

const discarding = (kind) => button(t("drop"), (event) => {
  if (!event.target.dataset.sure) { event.target.dataset.sure = "1"; event.target.textContent = t("sure"); return; }
  drop(kind);
  location.hash = "#/";
  say(t("dropped"));
}, { id: "drop" });

function collectView(draft, { title, extra = [], finish, word, single = false }) {
  const list = h("ol", { class: "lines", id: "lines" }), under = h("div", { id: "under" });
  const take = (article, code) => {
    const other = single && draft.lines.length && !draft.lines.some((one) => (article ? one.sku === article.sku : one.code === code));
    if (other) return say(t("oneonly"), true);
    const one = addTo(draft, article, code);
    again();
    say(article ? t("added", { text: one.text, n: number(one.qty) }) : t("later", { code }), false);
  };
  const done = async () => {
    if (!draft.lines.length) return say(t("nothing"), true);
    if (!(await resolve(draft).catch((error) => { if (!error.silent) throw error; say(t("looking"), true); }))) {
      again();
      if (draft.lines.some((one) => one.unknown)) say(t("unresolved"), true);
      return;
    }
    await finish();
  };
  const again = () => {
    refill(list, draft.lines.map((one) => lineRow(draft, one, again)));
    under.replaceChildren(h("p", { class: "sum", id: "sums" }, draft.lines.length ? sums(draft) : t("nothing")));
  };
  again();
  page(title, scanner(take), list, under, extra, h("p", { class: "row last" }, main(word || t("finish"), done, "finish"), discarding(draft.kind)));
  if (matchMedia("(pointer: fine)").matches) $("code").focus();
}

// What is being sent, and waits where the hub is silent. `outcome(answer)` shows what it became.
async function send(draft, path, body) {
  say(t("sending"));
  const answer = await book(draft, path, body);
  if (answer) return outcome(draft, answer);
  if (session) waitView(draft);
}

function waitView(draft) {
  page(t(draft.kind), h("p", { class: "note", id: "waits" }, t("unsent")), h("p", { class: "sum" }, sums(draft)),
    h("p", {}, main(t("sendnow"), () => send(draft), "again")));
  say(t("waits"), true);
}

function outcome(draft, answer) {
  const count = { count: draft.lines.length };
  const names = Object.fromEntries([...(draft.expected ?? []), ...draft.lines].map((one) => [one.sku, one.text]));
  const rows = (answer.variances ?? []).filter((one) => Number(one.variance)).map((one) => t("deviate", { name: names[one.sku] ?? one.sku, n: number(one.counted), m: number(one.expected) }));
  const came = () => t(answer.state === "shipped" ? "receivedpart" : answer.differs ? "receiveddiff" : "received", count);
  const said = {
    receive: came,
    in: came,
    out: () => t("sent", count),
    count: () => t(answer.state === "review" ? "countreview" : "counted", count),
    pick: () => t("packed", { n: draft.number }),
    off: () => t("off_done", { name: draft.lines[0].text, n: number(draft.lines[0].qty) }),
  }[draft.kind]();
  page(t(draft.kind), h("p", { class: "note good", id: "outcome", tabindex: "-1" }, said),
    draft.kind !== "count" ? "" : rows.length ? part("deviates", bullets("deviate", rows)) : h("p", {}, t("nodeviate")),
    h("p", {}, main(t("another", { kind: t(draft.kind) }), route, "another")));
  say("");
  $("outcome").focus();
}

// Before it is booked: what differs from what was to come, or was asked for.
function differView(draft, word, partly, bookIt) {
  const came = Object.fromEntries(draft.lines.map((one) => [one.sku, one.qty]));
  const wanted = Object.fromEntries(draft.expected.map((one) => [one.sku, one]));
  const rows = [...draft.expected, ...draft.lines.filter((one) => !wanted[one.sku])]
    .map((one) => [one, came[one.sku] ?? 0, Number(wanted[one.sku]?.qty ?? 0)])
    .filter(([, n, m]) => n !== m)
    .map(([one, n, m]) => h("li", {}, t(word, { name: one.text, n: number(n), m: number(m) })));
  if (!rows.length) return bookIt(false);
  const more = h("input", { type: "checkbox", id: "parts" });
  page(t("differs"), h("section", {}, h("ul", { id: "differs" }, rows)),
    partly ? h("p", {}, more, h("label", { for: "parts", class: "beside" }, t("parts"))) : "", soft(t("differnote")),
    h("p", { class: "row" }, main(t("asbooked"), () => bookIt(more.checked), "asbooked"), button(t("recount"), () => route(), { id: "recount" })));
}

// The articles of what is to come, with their names; those that the hub does not know keep their number.
const named = (lines, rest) => Promise.all(lines.map(async (one) => {
  const found = await ask("GET", `/articles/${encodeURIComponent(one.sku)}`).catch((error) => { if (error.silent || error.status === 401) throw error; });
  return { sku: one.sku, qty: rest(one), text: found?.text ?? one.sku, unit: found?.unit ?? "pc" };
}));
const left = (one) => Math.max(0, Number(one.shipped) - Number(one.received));
const store = () => encodeURIComponent(session.store);

// -- each kind of booking

async function receiveView() {
  const draft = desk.drafts.receive;
  if (!draft) {
    const coming = (await ask("GET", `/stock/deliveries?store=${store()}&state=shipped`)).shipments;
    const start = (fields) => { begin("receive", fields); return receiveView(); };
    const known = coming.map((one) => button(t("announced", { name: [one.source, one.number || t("nonumber")].filter(Boolean).join(" "), count: one.lines.length }), async () => start({ id: one.shipment_id, number: one.number, expected: await named(one.lines, left) })));
    const anew = form("blind", () => start({ number: $("number").value.trim(), supplier: $("supplier").value.trim() }), "begin", field("number", t("number")), field("supplier", t("supplier")));
    return page(t("receive"), part("coming", known.length ? picks(known) : soft(t("nocoming"))), part("blind", anew));
  }
  const tell = (more) => draft.id
    ? send(draft, `/stock/deliveries/${draft.id}/receive`, { lines: goodsOf(draft), more, occurred_ms: now() })
    : send(draft, "/stock/deliveries", { store: session.store, lines: goodsOf(draft), supplier: draft.supplier, number: draft.number, received: true, occurred_ms: now() });
  collectView(draft, { title: [t("receive"), draft.number].filter(Boolean).join(" "), finish: () => (draft.id ? differView(draft, "differ", true, tell) : tell(false)) });
}

function countView() {
  const draft = desk.drafts.count || begin("count", { name: "" });
  const name = field("countname", t("countname"), { value: draft.name, onchange: (event) => { draft.name = event.target.value.trim(); keep(); } });
  const finish = () => send(draft, "/stock/counts", { store: session.store, name: draft.name, closes: true, lines: draft.lines.map((one) => ({ sku: one.sku, qty: String(one.qty), counted_ms: one.at })) });
  collectView(draft, { title: t("count"), extra: [name], finish });
}

function offView() {
  const draft = desk.drafts.off || begin("off", { what: "write_off", reason: "broken", remark: "" });
  const hold = () => { [draft.what, draft.reason, draft.remark] = [$("what").value, $("reason").value, $("remark").value.trim()]; keep(); };
  const extra = h("div", { class: "fields", onchange: hold }, choice("what", t("what"), ["write_off", "damage", "plus", "minus"].map((one) => [one, t(one)]), draft.what),
    choice("reason", t("reason"), REASONS.map((one) => [one, t(`r_${one}`)]), draft.reason), field("remark", t("remark"), { value: draft.remark }));
  const finish = () => {
    hold();
    if (draft.reason === "other" && !draft.remark) { $("remark").focus(); return say(t("remarkneeded"), true); }
    const [one] = draft.lines, signed = { plus: "", minus: "-" }[draft.what];
    return send(draft, "/stock/movements", {
      store: session.store, sku: one.sku, qty: (signed ?? "") + one.qty, type: signed === undefined ? draft.what : "adjustment",
      reason: [draft.reason, draft.remark].filter(Boolean).join(": "), occurred_ms: one.at,
    });
  };
  collectView(draft, { title: t("off"), extra: [extra], finish, word: t("book"), single: true });
}

async function outView() {
  const draft = desk.drafts.out;
  if (!draft) {
    const stores = (await ask("GET", "/stores?limit=200")).stores.filter((one) => one.store !== session.store);
    const asked = (await ask("GET", `/stock/transfers?source=${store()}&state=requested`)).shipments;
    const nameOf = (id) => stores.find((one) => one.store === id)?.about.name ?? id;
    const start = (fields) => { begin("out", fields); return outView(); };
    const known = asked.map((one) => button(t("asked", { name: nameOf(one.store), count: one.lines.length }), async () => start({ id: one.shipment_id, to: nameOf(one.store), expected: await named(one.lines, (line) => Number(line.requested)) })));
    const anew = form("fresh", () => start({ store: $("to").value, to: nameOf($("to").value) }), "begin", choice("to", t("other"), stores.map((one) => [one.store, one.about.name])));
    return page(t("out"), known.length ? part("to", picks(known)) : "", part("fresh", stores.length ? anew : h("p", {}, t("nostores"))));
  }
  const tell = () => draft.id
    ? send(draft, `/stock/transfers/${draft.id}/ship`, { lines: goodsOf(draft), occurred_ms: now() })
    : send(draft, "/stock/transfers", { store: draft.store, source: session.store, lines: goodsOf(draft), shipped: true, occurred_ms: now() });
  collectView(draft, { title: `${t("out")}: ${draft.to}`, finish: () => (draft.id ? differView(draft, "differ_ship", false, tell) : tell()) });
}

async function inView() {
  const draft = desk.drafts.in;
  if (!draft) {
    const coming = (await ask("GET", `/stock/transfers?store=${store()}&state=shipped`)).shipments;
    const start = async (one) => { begin("in", { id: one.shipment_id, from: one.source, expected: await named(one.lines, left) }); return inView(); };
    return page(t("in"), part("coming", coming.length
      ? picks(coming.map((one) => button(t("announced", { name: [one.source, one.number].filter(Boolean).join(" "), count: one.lines.length }), () => start(one))))
      : soft(t("notransfer"))));
  }
  const tell = (more) => send(draft, `/stock/transfers/${draft.id}/receive`, { lines: goodsOf(draft), more, occurred_ms: now() });
  collectView(draft, { title: `${t("in")}: ${draft.from}`, finish: () => differView(draft, "differ", true, tell) });
}

function stockView() {
  const found = h("div", { id: "found" });
  const take = async (article) => {
    const { stores } = await ask("GET", `/stock/stores?sku=${encodeURIComponent(article.sku)}&near=${store()}&limit=50`);
    const own = (one) => one.store === session.store;
    const rows = stores.sort((a, b) => own(b) - own(a)).map((one) => h("li", {},
      h("span", { class: "what" }, own(one) ? t("herestore") : one.name, one.distance_m ? h("span", { class: "soft" }, ` ${t("km", { n: Math.max(1, Math.round(one.distance_m / 1000)) })}`) : ""),
      h("strong", {}, one.on_hand == null ? t("free", { n: number(one.available) }) : t("figures", { n: number(one.available), m: number(one.on_hand) }))));
    found.replaceChildren(h("section", {}, h("h2", {}, article.text), rows.length ? h("ul", { class: "lines" }, rows) : h("p", {}, t("nowhere"))));
    const here = stores.find(own);
    say(here ? `${article.text}: ${t("herestore")} ${t("free", { n: number(here.available) })}` : article.text);
  };
  page(t("stock"), scanner(take, false), found);
}

// -- the frame around views

const VIEWS = { pick: pickView, tasks: tasksView, receive: receiveView, count: countView, off: offView, out: outView, in: inView, stock: stockView };

function show(view) {
  closeCamera();
  const was = $("main").dataset.at;
  $("main").dataset.at = location.hash;
  $("main").replaceChildren(view);
  document.title = `${view.querySelector("h1").textContent} · ${$("name").textContent}`;
  if (was !== undefined && document.activeElement?.id !== "lang") view.querySelector("h1").focus();
}

function frame() {
  document.documentElement.lang = lang;
  $("skip").textContent = t("skip");
  $("name").textContent = settings.name || "Tresen";
  if (settings.logo && !$("logo").src) { $("logo").src = settings.logo; $("logo").hidden = false; }
  const other = async (event) => {
    await speak(event.target.value).catch(() => say(t("e_net"), true));
    put(localStorage, LANGUAGE, lang);
    frame();
    await route();
    $("lang").focus();
  };
  $("set").replaceChildren(session ? h("p", { id: "who", class: "soft" }, t("signed", { name: session.name, store: session.store, t: clock(session.expires_ms) })) : "",
    h("div", {}, h("label", { for: "lang" }, t("language")), h("select", { id: "lang", onchange: guarded(other) }, [["de", "Deutsch"], ["en", "English"]].map(([value, text]) => h("option", { value, selected: value === lang }, text)))));
}

async function route() {
  const code = location.hash.match(CODE);
  if (code) {
    history.replaceState(null, "", location.pathname);
    if (session) open(null);
    frame();
    return pairView(code[1]);
  }
  if (session && session.expires_ms <= now()) return ended();
  if (!session) return pairView();
  const kind = location.hash.slice(2);
  if (!VIEWS[kind] || !may(KINDS.find(([name]) => name === kind)[1])) return homeView();
  return desk.drafts[kind]?.sent ? waitView(desk.drafts[kind]) : VIEWS[kind]();
}

// What waits for the hub is asked again under its key; what it became is shown where somebody looks at it.
async function flush() {
  for (const draft of Object.values(session ? desk.drafts : {})) {
    if (!draft.sent || !session) continue;
    try {
      const answer = await book(draft);
      if (answer && location.hash === `#/${draft.kind}`) outcome(draft, answer);
      else if (answer) { say(`${t(draft.kind)}: ${sums(draft)} ✓`); if (!location.hash.slice(2)) homeView(); }
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      say(`${t(draft.kind)}: ${error.words}`, true);
      if (location.hash === `#/${draft.kind}`) await route();
    }
  }
}

$("skip").addEventListener("click", (event) => { event.preventDefault(); $("main").focus(); });
addEventListener("hashchange", guarded(async () => { if (!CODE.test(location.hash)) say(""); await route(); }));
// A scanner that types, while a button has the focus: its digits go to the field, and its Enter presses nothing.
addEventListener("keydown", (event) => {
  if (/^[\w\]]$/.test(event.key) && !event.ctrlKey && !event.metaKey && !event.altKey && !document.activeElement.matches("input, select")) $("code")?.focus();
});
addEventListener("online", guarded(flush));
addEventListener("offline", () => line(false));
setInterval(() => document.hidden || guarded(flush)(), AGAIN_MS);
guarded(async () => {
  settings = await fetch("/staff/settings.json").then((answer) => answer.json()).catch(() => ({}));
  await speak(lang);
  open(session);
  frame();
  await route();
  await flush();
})();
