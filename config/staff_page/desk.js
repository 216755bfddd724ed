// The staff page's memory and its line to the hub: who this device is, what was begun, each booking sent under one key.
"use strict";

const SESSION = "tresen.staff.session", PAIRING = "tresen.staff.pairing", WORK = "tresen.staff.work.", LANGUAGE = "tresen.staff.language";
const AGAIN_MS = 10_000, SILENT_MS = 12_000;

const $ = (id) => document.getElementById(id);
const read = (storage, key) => { try { return JSON.parse(storage.getItem(key) || "null"); } catch { return null; } };
const hex = (bytes) => [...crypto.getRandomValues(new Uint8Array(bytes))].map((b) => b.toString(16).padStart(2, "0")).join("");

let session = read(sessionStorage, SESSION);
let lang = read(localStorage, LANGUAGE) === "en" || !navigator.language.startsWith("de") && !read(localStorage, LANGUAGE) ? "en" : "de";
let desk = { name: "", drafts: {} };
let words = {}; // of one language: "|" stands before the words for a {count} of 1
let ahead = 0; // milliseconds by which the hub's clock is ahead of this device's, where they differ by more than its seconds
const now = () => Date.now() + ahead;

async function speak(to) {
  words = await (await fetch(`/staff/${to}.json`)).json();
  lang = to;
}

const t = (key, fields = {}) => {
  const [many, one] = (words[key] ?? key).split("|");
  return (one && Number(fields.count) === 1 ? one : many).replace(/\{(\w+)\}/g, (_, name) => fields[name] ?? "");
};
const clock = (ms) => new Intl.DateTimeFormat(lang === "en" ? "en-GB" : lang, { hour: "2-digit", minute: "2-digit" }).format(ms);
const day = (ms) => new Intl.DateTimeFormat(lang === "en" ? "en-GB" : lang, { weekday: "short", hour: "2-digit", minute: "2-digit" }).format(ms);
const number = (text) => Number(text).toLocaleString(lang, { maximumFractionDigits: 3 });

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

// -- what this device keeps; all of it is one person's, and nobody else's is shown

function put(storage, key, value) {
  try {
    if (value === null) storage.removeItem(key);
    else storage.setItem(key, JSON.stringify(value));
    return true;
  } catch {
    say(t("nokeep"), true);
    return false;
  }
}

function open(found) {
  session = found;
  put(sessionStorage, SESSION, found);
  desk = (found && read(localStorage, WORK + found.who)) || { drafts: {} };
  desk.name = found ? found.name : "";
}

const keep = () => put(localStorage, WORK + session.who, Object.keys(desk.drafts).length ? desk : null);
const may = (scope) => session.scopes.includes(scope);

function others() {
  const names = [];
  for (let n = 0; n < localStorage.length; n++) {
    const key = localStorage.key(n);
    if (key.startsWith(WORK) && key !== WORK + (session?.who ?? "")) names.push(read(localStorage, key)?.name || t("person", { n: key.split("/").pop() }));
  }
  return names;
}

// -- the line to the hub

class Refused extends Error {
  constructor(status, problem) {
    super(problem.title || String(status));
    this.status = status;
    this.code = (problem.type || "").split(":").pop();
  }
  get silent() { return !this.status || this.status >= 500 || this.status === 408 || this.status === 429; }
  get words() {
    for (const name of [`e_${this.code}`, `e_${this.status}`]) if (words[name]) return t(name);
    return this.silent ? t("e_net") : t("e_other", { title: this.message });
  }
}

async function ask(method, path, body, key = "") {
  const headers = session && path !== "/staff/sessions" ? { Authorization: `Bearer tresen_${session.token_id}_${session.secret}` } : {};
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (method === "POST" && headers.Authorization) headers["Idempotency-Key"] = key || hex(16);
  let answer, said;
  try {
    answer = await fetch(`/v1${path}`, { method, headers, body: body === undefined ? undefined : JSON.stringify(body), signal: AbortSignal.timeout(SILENT_MS) });
    said = await answer.json();
  } catch {
    if (!answer || answer.ok) { line(false); throw new Refused(0, {}); }
    said = {};
  }
  line(true);
  const apart = Date.parse(answer.headers.get("date")) - Date.now();
  ahead = Math.abs(apart) > 5_000 ? apart : 0;
  if (answer.status === 401) ended();
  if (!answer.ok) throw new Refused(answer.status, said);
  return said;
}

function line(there) {
  $("line").hidden = there;
  $("line").textContent = there ? "" : t("offline");
}

// The session is over; what was begun stays under who began it.
function ended() {
  open(null);
  frame();
  say(t("over"), true);
  route();
}

async function pair(code) {
  const kept = read(sessionStorage, PAIRING);
  const secret = kept?.code === code ? kept.secret : hex(24);
  put(sessionStorage, PAIRING, { code, secret });
  const found = await ask("POST", "/staff/sessions", { code, secret });
  put(sessionStorage, PAIRING, null);
  open({ ...found, secret, name: found.name || t("person", { n: found.who.split("/").pop() }) });
}

// -- bookings: one request or several in a row, kept with their keys before the hub is asked, and until it said yes or no

function begin(kind, fields = {}) {
  desk.drafts[kind] = { kind, lines: [], ...fields };
  keep();
  return desk.drafts[kind];
}

function drop(kind) {
  delete desk.drafts[kind];
  keep();
}

// Gives the hub's answer, or null where it was silent and the draft waits. Raises Refused; then the goods are still here.
async function book(draft, path, body) {
  draft.sent ??= (Array.isArray(path) ? path : [{ path, body }]).map((one) => ({ key: hex(16), ...one }));
  keep();
  const who = session.who;
  try {
    let answer;
    while (draft.sent.length) {
      const [one, ...rest] = draft.sent;
      answer = await ask("POST", one.path, one.body, one.key);
      const { next } = one; // what is known only from the answer: the line that the hub made
      draft.sent = next ? [{ key: hex(16), path: next.path, body: { lines: [{ n: answer.lines.findLast((line) => line.sku === next.sku).n, qty: next.qty }] } }, ...rest] : rest;
      if (session?.who === who) keep();
    }
    if (session?.who === who) drop(draft.kind);
    return answer;
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    if (error.status === 401 || error.silent) return null;
    if (draft.kind === "pick") drop("pick"); // some of it may be done: the list has it as it stands at the hub
    delete draft.sent;
    keep();
    throw error;
  }
}

// -- articles

// The number in a code: of a GS1 Digital Link or a GS1 data code its GTIN, of all others the code itself.
function inCode(code) {
  const found = code.match(/\/01\/(\d{14})/) || code.match(/^(?:\]d2|\]C1|\]Q3|\x1d)?01(\d{14})/);
  return found ? found[1].replace(/^0(?=\d{13}$)/, "") : code;
}

// One article at this store's price, several to choose from, or none. Raises Refused where the hub is silent.
async function lookUp(typed) {
  const name = encodeURIComponent(inCode(typed));
  for (const path of [`by-code/${name}?`, `${name}?`]) {
    try {
      return [await ask("GET", `/articles/${path}store=${store()}`)];
    } catch (error) {
      if (!(error instanceof Refused) || ![400, 404].includes(error.status)) throw error;
    }
  }
  if (/^\d*$/.test(typed)) return [];
  return (await ask("GET", `/articles?limit=8&store=${store()}&q=${encodeURIComponent(typed)}`)).articles;
}

const goodsOf = (draft) => draft.lines.map((one) => ({ sku: one.sku, qty: String(one.qty) }));
const pieces = (draft) => draft.lines.reduce((sum, one) => sum + (one.unit === "pc" ? one.qty : 1), 0);
const sums = (draft) => `${t("articles", { count: draft.lines.length })}, ${t("pieces", { count: pieces(draft) })}`;

// One more of it, the newest first. What is not looked up yet stands under its code.
function addTo(draft, article, code) {
  const same = (one) => (article ? one.sku === article.sku : !one.sku && one.code === code);
  const before = draft.lines.find(same);
  const one = before || { sku: article?.sku ?? "", code, text: article?.text ?? code, unit: article?.unit ?? "pc", qty: 0, at: now() };
  one.qty += 1;
  draft.lines = [one, ...draft.lines.filter((other) => other !== one)];
  keep();
  return one;
}

// What was scanned without a line is looked up now; True where nothing is left open.
async function resolve(draft) {
  for (const one of draft.lines.filter((each) => !each.sku)) {
    const found = await lookUp(one.code);
    one.unknown = found.length !== 1;
    if (one.unknown) continue;
    const twin = draft.lines.find((each) => each.sku === found[0].sku);
    if (twin) {
      twin.qty += one.qty;
      twin.at = Math.min(twin.at, one.at);
      draft.lines = draft.lines.filter((each) => each !== one);
    } else Object.assign(one, { sku: found[0].sku, text: found[0].text, unit: found[0].unit });
  }
  keep();
  return draft.lines.every((one) => one.sku);
}
