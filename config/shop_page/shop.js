// The shop page: a client of the hub's public API (/v1) and nothing else. What it remembers lies in this browser.
"use strict";

const WORDS = {
  de: {
    articles: "Artikel", cart: "Warenkorb", orders: "Bestellungen", language: "Sprache", store: "Laden", search: "Artikel suchen", find: "Suchen",
    found: "{n} Artikel", none: "Nichts gefunden.", more: "Weitere Artikel", add: "In den Warenkorb", added: "{name}: im Warenkorb",
    here: "{n} verfügbar", gone: "Hier nicht verfügbar", elsewhere: "Andere Läden", at: "{name}: {n}", nowhere: "In keinem Laden verfügbar.", from: "ab {n} Jahren",
    per: "je {unit}", off: "{n} % weniger", lowest: "Niedrigster Preis der letzten 30 Tage: {sum}", lowestsince: "Niedrigster Preis seit {day}: {sum}", deposit: "zuzüglich {sum} Pfand", noprice: "Preis an der Kasse", weigh: "Wird an der Kasse gewogen.", empty: "Der Warenkorb ist leer.",
    qty: "Menge {name}", remove: "Entfernen", removed: "{name}: entfernt", total: "Summe", saved: "Gespart: {sum}", take: "Mit zur Kasse nehmen",
    takehint: "Die Kasse scannt den Code, oder jemand tippt die acht Zeichen ein.", show: "Code für die Kasse zeigen", share: "Zeichen für die Kasse",
    scan: "Inhalt des Codes", qr: "Code des Warenkorbs", open: "Wartet auf die Kasse.", claimed: "Kasse {till} hat den Warenkorb.", back: "Die Kasse hat ihn zurückgegeben.",
    sold: "Gekauft. Vielen Dank!", rest: "Was nicht mitging, ist wieder im Warenkorb.", over: "Dieser Warenkorb ist abgelaufen.", order: "Zur Abholung bestellen", name: "Name",
    email: "E-Mail", mailhint: "Hierhin schreiben wir, wenn die Bestellung bereit ist.", pay: "Zahlung", later: "Bei der Abholung", now: "Jetzt online",
    buy: "Zahlungspflichtig bestellen: {sum}", ordered: "Bestellung {n} ist angekommen.", number: "Bestellung {n}", state: "Stand", pickup: "Abholung",
    code: "Abholcode", codehint: "Zeige den Code an der Kasse, oder sag die Zeichen an.", until: "liegt bereit bis {t}", due: "bereit bis {t}", topay: "Zu zahlen: {sum}", paid: "Bezahlt",
    paynow: "Jetzt bezahlen", cancel: "Bestellung stornieren", cancelled: "Die Bestellung ist storniert.", noorders: "Keine Bestellungen in diesem Browser.", page: "Seite der Bestellung",
    back_title: "Rückgabe anmelden", back_hint: "Du bekommst einen Code. Zeige ihn mit der Ware an der Kasse, in jedem Laden.", back_reason: "Grund", back_do: "Anmelden", back_code: "Code der Rückgabe",
    back_none: "Wähle aus, was zurückkommt.", returned: "{n} zurückgegeben",
    s_placed: "wartet auf die Zahlung", s_new: "angekommen", s_accepted: "angenommen", s_picking: "wird gepackt", s_short_picked: "wird gepackt, etwas fehlt", s_ready: "liegt bereit",
    s_claimed: "wird gerade übergeben", s_handed_over: "abgeholt", s_rejected: "sucht einen anderen Laden", s_expired: "nicht abgeholt", s_cancelled: "storniert", s_closed: "abgeschlossen",
    r_unwanted: "gefällt nicht", r_damaged: "beschädigt", r_wrong: "falscher Artikel",
    e_net: "Der Laden antwortet nicht. Versuche es noch einmal.", e_claimed: "Eine Kasse hat den Warenkorb gerade. Ändern geht erst danach wieder.", "e_not-available": "Davon ist nicht genug da.",
    "e_price-changed": "Der Preis hat sich geändert. Sieh dir die Summe noch einmal an.", "e_not-beforehand": "Gewogenes und Artikel ohne festen Preis gibt es nur mit dem Warenkorb an der Kasse.",
    e_ended: "Dieser Warenkorb ist zu Ende; ein neuer ist da.", e_429: "Zu viele Anfragen. Warte einen Moment.", e_404: "Das gibt es nicht (mehr).", e_other: "Das ging nicht: {title}", "e_handed-over": "Ein Teil ist abgeholt. Gib ihn im Laden zurück.",
  },
  en: {
    articles: "Articles", cart: "Cart", orders: "Orders", language: "Language", store: "Store", search: "Search articles", find: "Search",
    found: "{n} articles", none: "Nothing found.", more: "More articles", add: "Add to cart", added: "{name}: in the cart",
    here: "{n} available", gone: "Not available here", elsewhere: "Other stores", at: "{name}: {n}", nowhere: "Available in no store.", from: "from age {n}",
    per: "per {unit}", off: "{n}% less", lowest: "Lowest price of the last 30 days: {sum}", lowestsince: "Lowest price since {day}: {sum}", deposit: "plus {sum} deposit", noprice: "Price at the till", weigh: "Is weighed at the till.", empty: "The cart is empty.",
    qty: "Quantity {name}", remove: "Remove", removed: "{name}: removed", total: "Total", saved: "Saved: {sum}", take: "Take it to the till",
    takehint: "The till scans the code, or somebody types the eight characters.", show: "Show the code for the till", share: "Characters for the till",
    scan: "What the code says", qr: "Code of the cart", open: "Waits for the till.", claimed: "Till {till} has the cart.", back: "The till gave it back.",
    sold: "Sold. Thank you!", rest: "What was left behind is in the cart again.", over: "This cart's time is over.", order: "Order for collection", name: "Name",
    email: "E-mail", mailhint: "We write here when your order is ready.", pay: "Payment", later: "When I collect it", now: "Online now",
    buy: "Order with obligation to pay: {sum}", ordered: "Order {n} has arrived.", number: "Order {n}", state: "State", pickup: "Collection",
    code: "Pickup code", codehint: "Show the code at the till, or say the characters.", until: "kept until {t}", due: "ready by {t}", topay: "To pay: {sum}", paid: "Paid",
    paynow: "Pay now", cancel: "Cancel the order", cancelled: "The order is cancelled.", noorders: "No orders in this browser.", page: "Page of the order",
    back_title: "Announce a return", back_hint: "You get a code. Show it with the goods at the till, in any store.", back_reason: "Reason", back_do: "Announce", back_code: "Code of the return",
    back_none: "Choose what comes back.", returned: "{n} returned",
    s_placed: "waits for the payment", s_new: "arrived", s_accepted: "accepted", s_picking: "is being packed", s_short_picked: "is being packed, something is missing", s_ready: "ready to collect",
    s_claimed: "is being handed over", s_handed_over: "collected", s_rejected: "looks for another store", s_expired: "not collected", s_cancelled: "cancelled", s_closed: "done",
    r_unwanted: "not wanted", r_damaged: "damaged", r_wrong: "wrong article",
    e_net: "The shop does not answer. Try again.", e_claimed: "A till has the cart just now. It can be changed again afterwards.", "e_not-available": "There is not enough of it.",
    "e_price-changed": "The price has changed. Look at the total again.", "e_not-beforehand": "What is weighed or has no fixed price is sold only with the cart at the till.",
    e_ended: "This cart is over; here is a new one.", e_429: "Too many requests. Wait a moment.", e_404: "There is no such thing (any more).", e_other: "That did not work: {title}", "e_handed-over": "Part of it was collected. Bring it back to the store.",
  },
};

const KEY = "tresen.shop";
const kept = JSON.parse(localStorage.getItem(KEY) || "{}");
const state = { lang: navigator.language.startsWith("de") ? "de" : "en", store: "", lines: {}, cart: null, orders: [], pending: null, ...kept };
let settings = {}, stores = [], timer = 0, shown = 0;

const $ = (id) => document.getElementById(id);
const keep = () => localStorage.setItem(KEY, JSON.stringify(state));
const t = (key, fields = {}) => (WORDS[state.lang][key] ?? key).replace(/\{(\w+)\}/g, (_, name) => fields[name] ?? "");
const money = (minor, currency = "EUR") => new Intl.NumberFormat(state.lang, { style: "currency", currency }).format(minor / 100);
const when = (ms) => new Intl.DateTimeFormat(state.lang, { weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" }).format(ms);
const number = (text) => Number(text).toLocaleString(state.lang, { maximumFractionDigits: 3 });
const newKey = () => [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, "0")).join("");
const goods = () => Object.entries(state.lines).map(([sku, line]) => ({ sku, qty: line.qty }));

function h(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value != null) made.setAttribute(name, value);
  }
  made.append(...children.flat().filter((child) => child != null && child !== ""));
  return made;
}

function say(text, bad = false) {
  $("said").className = bad ? "bad" : "";
  $("said").textContent = text;
}

class Refused extends Error {
  constructor(status, problem) {
    super(problem.title || String(status));
    this.status = status;
    this.code = (problem.type || "").split(":").pop();
    this.detail = problem.detail || "";
  }
  get words() {
    for (const name of [`e_${this.code}`, `e_${this.status}`]) if (WORDS[state.lang][name]) return t(name);
    return t("e_other", { title: this.message });
  }
}

// One request. What had no answer is asked again under the same key, once: it happens once all the same.
async function ask(method, path, body, { secret = "", key = "", match = "", picture = false } = {}) {
  const headers = { Authorization: `Bearer ${settings.token}`, "Accept-Language": state.lang };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (secret) headers["X-Tresen-Secret"] = secret;
  if (match) headers["If-Match"] = match;
  if (method === "POST") headers["Idempotency-Key"] = key || newKey();
  let answer;
  for (let tries = 2; ; ) {
    try {
      answer = await fetch(`/v1${path}`, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
      break;
    } catch {
      if (!--tries) throw new Refused(0, { type: "urn:tresen:problem:net" });
    }
  }
  if (!answer.ok) throw new Refused(answer.status, await answer.json().catch(() => ({})));
  return picture ? URL.createObjectURL(await answer.blob()) : answer.json();
}

const guarded = (work) => async (event) => {
  event?.preventDefault();
  try {
    await work(event);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    say(error.words, true);
  }
};

// -- the cart

const CHANNEL = "shop-page"; // whose prices are shown, and where orders say they are from
const cartPath = () => `/carts/${state.cart.store}/${state.cart.id}`;

// The hub's cart follows the lines here, if there is one; a cart that ended makes room for a new one.
async function push() {
  if (!state.cart) return;
  try {
    const body = { channel: CHANNEL, lines: goods() };
    follow(await ask("PUT", cartPath(), body, { secret: state.cart.secret }));
  } catch (error) {
    if (error.code === "ended" || error.status === 404) state.cart = null;
    else throw error;
  }
}

async function sharedCart() {
  if (state.cart && state.cart.store !== state.store) {
    await ask("POST", `${cartPath()}/abandon`, {}, { secret: state.cart.secret }).catch(() => 0);
    state.cart = null;
  }
  await push();
  if (!state.cart) {
    const made = await ask("POST", "/carts", { store: state.store, channel: CHANNEL, lines: goods() });
    state.cart = { store: state.store, id: made.basket_id, secret: made.secret };
    follow(made);
  }
  return state.cart;
}

function follow(basket) {
  Object.assign(state.cart, { state: basket.state, code: basket.code, qr: basket.qr, share: basket.share_code, till: basket.held?.till ?? "" });
  keep();
}

async function setLine(sku, qty, about) {
  const before = { ...state.lines };
  if (Number(qty) > 0) state.lines[sku] = { ...(state.lines[sku] || {}), ...about, qty: String(qty) };
  else delete state.lines[sku];
  try {
    await push();
  } catch (error) {
    state.lines = before;
    throw error;
  } finally {
    keep();
    frame();
  }
}

async function watchCart() {
  if (!state.cart) return false;
  const was = state.cart.state;
  const basket = await ask("GET", cartPath(), undefined, { secret: state.cart.secret });
  if (basket.state === "converted" || basket.state === "expired" || basket.state === "abandoned") {
    say(t(basket.state === "converted" ? "sold" : "over"));
    const { store, secret } = state.cart;
    state.cart = null;
    if (basket.state === "converted") state.lines = {};
    if (basket.rest) {
      const rest = await ask("GET", `/carts/${store}/${basket.rest}`, undefined, { secret });
      state.cart = { store, id: basket.rest, secret };
      follow(rest);
      const names = Object.fromEntries((rest.price?.lines ?? []).map((line) => [line.sku, line]));
      for (const line of rest.lines) state.lines[line.sku] = { qty: line.qty, text: names[line.sku]?.text ?? line.sku, unit: names[line.sku]?.unit ?? "pc" };
      say(`${t("sold")} ${t("rest")}`);
    }
    keep();
    return true;
  }
  follow(basket);
  if (was === "claimed" && basket.state === "open") say(t("back"));
  return was !== basket.state;
}

// -- views

function qtyInput(sku, line) {
  const step = line.unit === "pc" ? "1" : "0.1";
  const change = guarded(async (event) => {
    await setLine(sku, event.target.value, {}).finally(cartView);
    document.querySelector(`[data-sku="${CSS.escape(sku)}"]`)?.focus();
  });
  return h("input", { type: "number", min: "0", max: "999", step, value: line.qty, "data-sku": sku, "aria-label": t("qty", { name: line.text }), onchange: change });
}

async function cartView() {
  const mine = ++shown;
  const main = h("div", {}, h("h1", { tabindex: "-1" }, t("cart")));
  if (!goods().length) {
    main.append(h("p", {}, t("empty")));
    return put(main, mine);
  }
  const price = await ask("POST", "/prices", { store: state.store, channel: CHANNEL, lines: goods() });
  const lines = h("ol", { class: "lines" });
  for (const line of price.lines) {
    const ours = line.kind === "deposit" ? null : state.lines[line.sku];
    const notes = [...line.taken.map((one) => `${one.text} −${money(one.amount_minor)}`)];
    if (line.asks.includes("weight")) notes.push(t("weigh"));
    if (line.min_age) notes.push(t("from", { n: line.min_age }));
    const drop = guarded(async () => {
      await setLine(line.sku, 0, {}).finally(cartView);
      say(t("removed", { name: line.text }));
    });
    lines.append(
      h("li", {},
        h("span", { class: "what" }, line.text, notes.length ? h("p", { class: "soft" }, notes.join(" · ")) : ""),
        ours ? qtyInput(line.sku, ours) : h("span", { class: "soft" }, number(line.quantity)),
        h("span", { class: "price" }, money(line.pay_minor)),
        ours ? h("button", { type: "button", "aria-label": `${t("remove")}: ${line.text}`, onclick: drop }, "×") : ""),
    );
  }
  const saved = price.saved_minor ? h("p", { class: "soft" }, t("saved", { sum: money(price.saved_minor) })) : "";
  main.append(h("section", {}, lines, h("p", { class: "sum", id: "total" }, h("span", {}, t("total")), h("span", {}, money(price.total_minor, price.currency))), saved));
  main.append(h("div", { class: "two" }, shareCard(), orderForm(price)));
  put(main, mine);
}

function shareCard() {
  const box = h("section", { "aria-labelledby": "take" }, h("h2", { id: "take" }, t("take")), h("p", { class: "soft" }, t("takehint")));
  const show = guarded(async () => {
    await sharedCart();
    await cartView();
    $("sharecode")?.focus();
  });
  if (!state.cart || !["open", "claimed"].includes(state.cart.state) || state.cart.store !== state.store) {
    box.append(h("button", { type: "button", class: "main", id: "share", onclick: show }, t("show")));
    return box;
  }
  const { share, code, till } = state.cart;
  const image = h("img", { class: "qr", alt: t("qr") });
  ask("GET", `${cartPath()}/code.svg`, undefined, { secret: state.cart.secret, picture: true }).then((url) => (image.src = url), () => image.remove());
  box.append(
    h("p", { id: "cartstate" }, state.cart.state === "claimed" ? t("claimed", { till }) : t("open")),
    image,
    h("p", { class: "soft" }, t("share")), h("p", { class: "code", id: "sharecode", tabindex: "-1" }, `${share.slice(0, 4)} ${share.slice(4)}`),
    h("p", { class: "soft" }, t("scan")), h("p", { class: "small", id: "scancode" }, code),
  );
  return box;
}

function orderForm(price) {
  const here = stores.find((one) => one.store === state.store);
  if (!here?.about.pickup) return "";
  const place = guarded(async (event) => {
    const form = new FormData(event.target);
    const later = form.get("pay") !== "now";
    await sharedCart();
    const path = `${cartPath()}/order`;
    const person = { name: form.get("name"), email: form.get("email") };
    const body = { total_minor: price.total_minor, pay_later: later, person, language: state.lang, channel: CHANNEL };
    // The key is kept before it is used: a page that was closed in between asks again and gets the same order.
    const mark = JSON.stringify([path, body]);
    if (state.pending?.mark !== mark) state.pending = { mark, key: newKey() };
    keep();
    let placed;
    try {
      placed = await ask("POST", path, body, { secret: state.cart.secret, key: state.pending.key });
    } catch (error) {
      if (error.code === "price-changed") await cartView();
      throw error;
    }
    const { order, secret } = placed;
    state.orders.unshift({ id: order.order_id, secret, number: order.number, ms: order.created_ms, link: placed.link ?? "" });
    Object.assign(state, { lines: {}, cart: null, pending: null });
    keep();
    say(t("ordered", { n: order.number }));
    if (!later) location.assign(settings.payment_url.replace("{order}", order.order_id));
    else location.hash = `#/order/${order.order_id}`;
  });
  const now = settings.payment_url
    ? h("label", {}, h("input", { type: "radio", name: "pay", value: "now" }), ` ${t("now")} `, settings.payment_note ? h("span", { class: "soft" }, `(${settings.payment_note})`) : "")
    : "";
  return h("section", { "aria-labelledby": "ordering" },
    h("h2", { id: "ordering" }, t("order")),
    h("p", { class: "soft" }, [here.about.name, ...here.about.lines].join(", ")),
    h("form", { class: "fields", id: "order", onsubmit: place },
      h("div", {}, h("label", { for: "who" }, t("name")), h("input", { id: "who", name: "name", autocomplete: "name", required: true, maxlength: "200" })),
      h("div", {}, h("label", { for: "mail" }, t("email")), h("input", { id: "mail", name: "email", type: "email", autocomplete: "email", required: true, maxlength: "200", "aria-describedby": "mailhint" }), h("p", { class: "soft", id: "mailhint" }, t("mailhint"))),
      h("fieldset", {}, h("legend", {}, t("pay")), h("label", {}, h("input", { type: "radio", name: "pay", value: "later", checked: true }), ` ${t("later")}`), now),
      h("button", { class: "main" }, t("buy", { sum: money(price.total_minor, price.currency) }))));
}

async function articleView(query = "", cursor = "", list = null) {
  const mine = ++shown;
  const page = await ask("GET", `/articles?limit=24&channel=${CHANNEL}&store=${encodeURIComponent(state.store)}&q=${encodeURIComponent(query)}&cursor=${encodeURIComponent(cursor)}`);
  const named = page.articles.map((one) => `&sku=${encodeURIComponent(one.sku)}`).join("");
  const levels = named ? (await ask("GET", `/stock?store=${encodeURIComponent(state.store)}${named}`)).levels : [];
  const there = Object.fromEntries(levels.map((one) => [one.sku, one.available]));
  if (mine !== shown) return;
  if (list === null) {
    const find = guarded(async (event) => {
      await articleView(new FormData(event.target).get("q"));
      $("q").focus();
    });
    list = h("ul", { class: "goods" });
    put(h("div", {}, h("h1", { tabindex: "-1" }, t("articles")),
      h("form", { class: "search", role: "search", onsubmit: find }, h("div", {}, h("label", { for: "q" }, t("search")), h("input", { id: "q", name: "q", type: "search", value: query, autocomplete: "off" })), h("button", { class: "main" }, t("find"))),
      list), mine);
    if (query) say(page.articles.length ? t("found", { n: page.articles.length + (page.next ? "+" : "") }) : t("none"));
  }
  const first = list.children.length;
  list.append(...page.articles.map((one) => articleCard(one, there[one.sku] ?? "0")));
  $("more")?.remove();
  if (page.next) list.after(h("p", { id: "more" }, h("button", { type: "button", onclick: guarded(() => articleView(query, page.next, list)) }, t("more"))));
  if (first) list.children[first]?.querySelector("button")?.focus();
}

// A reduction is told against the lowest price of the last 30 days (PAngV 11), in percent too.
function reduction(one) {
  if (!one.reduced) return "";
  const lowest = one.lowest_30d, sum = money(lowest.price_minor, one.currency);
  const since = lowest.known_from && new Intl.DateTimeFormat(state.lang, { dateStyle: "medium", timeZone: "UTC" }).format(new Date(lowest.known_from));
  const parts = [one.reduced.percent ? t("off", { n: one.reduced.percent }) : "", since ? t("lowestsince", { day: since, sum }) : t("lowest", { sum })];
  return h("p", { class: "soft reduced" }, parts.filter(Boolean).join(" · "));
}

function articleCard(one, available) {
  const unit = one.unit === "pc" ? "" : ` ${t("per", { unit: one.unit })}`;
  const notes = [one.options.join(", "), one.min_age ? t("from", { n: one.min_age }) : "", one.deposit ? t("deposit", { sum: money(one.deposit.price_minor) }) : ""].filter(Boolean);
  const add = guarded(async () => {
    const more = one.unit === "pc" ? 1 : 0.5;
    const had = Number(state.lines[one.sku]?.qty ?? 0);
    await setLine(one.sku, Math.round((had + more) * 1000) / 1000, { text: one.text, unit: one.unit });
    say(t("added", { name: one.text }));
  });
  const others = h("p", { class: "soft" });
  const look = guarded(async () => {
    const found = await ask("GET", `/stock/stores?sku=${encodeURIComponent(one.sku)}&near=${encodeURIComponent(state.store)}`);
    const has = found.stores.filter((each) => Number(each.available) > 0);
    others.textContent = has.length ? has.map((each) => t("at", { name: each.name, n: number(each.available) })).join(" · ") : t("nowhere");
    say(others.textContent);
  });
  const minor = one.reduced?.price_minor ?? one.price_minor;
  return h("li", {}, h("h2", {}, one.text), notes.length ? h("p", { class: "soft" }, notes.join(" · ")) : "",
    h("span", { class: "price" }, minor === null ? t("noprice") : money(minor, one.currency) + unit), reduction(one),
    h("p", { class: "soft" }, Number(available) > 0 ? t("here", { n: number(available) }) : t("gone")), others,
    h("div", { class: "row" }, h("button", { type: "button", class: "main", "aria-label": `${t("add")}: ${one.text}`, onclick: add }, t("add")), h("button", { type: "button", "aria-label": `${t("elsewhere")}: ${one.text}`, onclick: look }, t("elsewhere"))));
}

async function ordersView() {
  const list = state.orders.length
    ? h("ul", {}, state.orders.map((one) => h("li", {}, h("a", { href: `#/order/${one.id}` }, t("number", { n: one.number })), ` ${when(one.ms)}`)))
    : h("p", {}, t("noorders"));
  put(h("div", {}, h("h1", { tabindex: "-1" }, t("orders")), h("section", {}, list)), ++shown);
}

async function orderView(id, unless = "") {
  const mine = ++shown;
  const known = state.orders.find((one) => one.id === id);
  if (!known) throw new Refused(404, {});
  const order = await ask("GET", `/orders/${id}`, undefined, { secret: known.secret });
  if (String(order.version) === unless) return;
  const task = order.fulfillments.at(-1);
  const where = stores.find((one) => one.store === (task?.store ?? order.store))?.about;
  const stand = ["placed", "cancelled"].includes(order.state) || !task ? order.state : task.state;
  const time = task?.deadline_ms ? t("until", { t: when(task.deadline_ms) }) : stand === "new" || stand === "picking" ? t("due", { t: when(task.due_ms) }) : "";
  const main = h("div", {}, h("h1", { tabindex: "-1" }, t("number", { n: order.number })));
  const facts = h("section", {}, h("dl", {},
    h("dt", {}, t("state")), h("dd", { id: "orderstate", "data-state": stand, "data-version": order.version }, [t(`s_${stand}`), time].filter(Boolean).join(", ")),
    h("dt", {}, t("pickup")), h("dd", {}, where ? [where.name, ...where.lines].join(", ") : order.store),
    h("dt", {}, t("pay")), h("dd", {}, order.rest_minor > 0 ? t("topay", { sum: money(order.rest_minor, order.currency) }) : t("paid"))),
    h("ol", { class: "lines" }, order.lines.map((line) => h("li", {}, h("span", { class: "what" }, `${number(line.qty)} × ${line.text}`, Number(line.returned ?? 0) ? h("p", { class: "soft" }, t("returned", { n: number(line.returned) })) : ""), h("span", { class: "price" }, money(line.pay_minor, order.currency))))),
    h("p", { class: "sum" }, h("span", {}, t("total")), h("span", {}, money(order.value_minor, order.currency))));
  const row = h("p", { class: "row" });
  if (known.link) row.append(h("a", { href: `/o/${known.link}` }, t("page")));
  if (order.state === "placed" && settings.payment_url) row.append(h("a", { class: "main", href: settings.payment_url.replace("{order}", id) }, t("paynow")));
  if (["placed", "confirmed"].includes(order.state) && stand !== "claimed") {
    const cancel = guarded(async () => {
      await ask("POST", `/orders/${id}/cancel`, { reason: "customer" }, { secret: known.secret });
      await orderView(id);
      say(t("cancelled"));
    });
    row.append(h("button", { type: "button", id: "cancel", onclick: cancel }, t("cancel")));
  }
  facts.append(row);
  main.append(facts);
  if (stand === "ready" || stand === "claimed") {
    const image = h("img", { class: "qr", alt: t("code") });
    ask("GET", `/orders/${id}/pickup.svg`, undefined, { secret: known.secret, picture: true }).then((url) => (image.src = url), () => image.remove());
    main.append(h("section", { "aria-labelledby": "code" }, h("h2", { id: "code" }, t("code")), h("p", { class: "soft" }, t("codehint")), h("p", { class: "code", id: "pickupcode" }, order.code), image));
  }
  const back = order.lines.filter((line) => Number(line.delivered ?? 0) > Number(line.returned ?? 0));
  if (back.length) main.append(returnForm(known, back));
  put(main, mine);
}

function returnForm(known, lines) {
  const box = h("section", { "aria-labelledby": "back" }, h("h2", { id: "back" }, t("back_title")));
  if (known.back) {
    box.append(h("p", { class: "soft" }, t("back_code")), h("p", { class: "code", id: "backcode", tabindex: "-1" }, known.back.code), h("p", { class: "small", id: "backscan" }, known.back.scan));
    return box;
  }
  const announce = guarded(async (event) => {
    const form = new FormData(event.target);
    const wanted = lines.map((line) => ({ n: line.n, qty: form.get(`qty${line.n}`), reason: form.get("reason") })).filter((line) => Number(line.qty) > 0);
    if (!wanted.length) return say(t("back_none"), true);
    known.back = await ask("POST", "/returns/announce", { order_id: known.id, lines: wanted }, { secret: known.secret });
    keep();
    await orderView(known.id);
    $("backcode")?.focus();
  });
  box.append(h("p", { class: "soft" }, t("back_hint")),
    h("form", { class: "fields", id: "announce", onsubmit: announce },
      lines.map((line) => h("div", {}, h("label", { for: `qty${line.n}` }, t("qty", { name: line.text })), h("input", { id: `qty${line.n}`, name: `qty${line.n}`, type: "number", min: "0", step: line.unit && line.unit !== "pc" ? "0.001" : "1", max: String(Number(line.delivered) - Number(line.returned ?? 0)), value: "0" }))),
      h("div", {}, h("label", { for: "reason" }, t("back_reason")), h("select", { id: "reason", name: "reason" }, ["unwanted", "damaged", "wrong"].map((name) => h("option", { value: name }, t(`r_${name}`))))),
      h("button", { class: "main" }, t("back_do"))));
  return box;
}

// -- the frame around views

function put(view, mine) {
  if (mine !== shown) return;
  const same = $("main").dataset.at === location.hash;
  $("main").dataset.at = location.hash;
  $("main").replaceChildren(view);
  document.title = `${view.querySelector("h1").textContent} · ${$("name").textContent}`;
  if (!same && document.activeElement !== document.body) view.querySelector("h1").focus();
}

function frame() {
  document.documentElement.lang = state.lang;
  $("skip").textContent = state.lang === "de" ? "Zum Inhalt" : "To the content";
  $("name").textContent = settings.name || "Tresen";
  if (settings.logo && !$("logo").src) { $("logo").src = settings.logo; $("logo").hidden = false; }
  $("note").textContent = settings.note || "";
  $("note").hidden = !settings.note;
  const count = goods().length;
  const at = location.hash.split("/")[1] || "";
  const links = [["", t("articles")], ["cart", `${t("cart")} (${count})`], ["orders", t("orders")]];
  $("nav").replaceChildren(h("ul", {}, links.map(([name, text]) => h("li", {}, h("a", { href: `#/${name}`, id: `to-${name || "articles"}`, "aria-current": (at === name || (at === "order" && name === "orders")) && "page" }, text)))));
  if ($("set").dataset.lang === state.lang) return;
  $("set").dataset.lang = state.lang;
  const pick = (id, label, options, chosen, set) =>
    h("div", {}, h("label", { for: id }, label), h("select", { id, onchange: guarded((event) => set(event.target.value)) }, options.map(([value, text]) => h("option", { value, selected: value === chosen }, text))));
  $("set").replaceChildren(
    pick("store", t("store"), stores.map((one) => [one.store, one.about.name]), state.store, (value) => { state.store = value; keep(); return route(); }),
    pick("lang", t("language"), [["de", "Deutsch"], ["en", "English"]], state.lang, async (value) => { state.lang = value; keep(); say(""); await route(); $("lang").focus(); }));
}

async function route() {
  clearInterval(timer);
  frame();
  const [, view = "", id = ""] = location.hash.split("/");
  if (view === "cart") await cartView();
  else if (view === "orders") await ordersView();
  else if (view === "order") await orderView(id);
  else await articleView();
  timer = setInterval(() => document.hidden || look(view, id), 4000);
}

// What others changed meanwhile; silence and refusals wait for the next time.
async function look(view, id) {
  if (document.activeElement?.matches("main input, main select")) return;
  try {
    if (view === "cart" && (await watchCart())) { frame(); await cartView(); }
    if (view === "order" && $("orderstate")) {
      const before = $("orderstate").textContent;
      await orderView(id, $("orderstate").dataset.version);
      if ($("orderstate").textContent !== before) say($("orderstate").textContent);
    }
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
  }
}

const go = guarded(route);
$("skip").addEventListener("click", (event) => { event.preventDefault(); $("main").focus(); });
addEventListener("hashchange", (event) => { if (!event.newURL.includes("#/order/")) say(""); go(); });
guarded(async () => {
  settings = await (await fetch("/shop/settings.json")).json();
  for (let next = ""; ; ) {
    const page = await ask("GET", `/stores?cursor=${encodeURIComponent(next)}`);
    stores.push(...page.stores);
    next = page.next;
    if (!next) break;
  }
  if (!stores.some((one) => one.store === state.store)) state.store = stores[0]?.store ?? "";
  await route();
})();
