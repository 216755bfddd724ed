// Orders are picked: scanned into a list that this device keeps, told to the hub in one go when all is packed.
"use strict";

const TO_PICK = ["new", "accepted", "picking", "short_picked"];

async function pickView() {
  const draft = desk.drafts.pick;
  if (draft) return packView(draft);
  const { rows } = await ask("GET", `/stores/${store()}/fulfillments`);
  const start = async (row) => {
    const order = await ask("POST", `/stores/${store()}/pickups`, { code: row.order_id, peek: true });
    const task = order.fulfillments.find((one) => one.fulfillment_id === row.fulfillment_id);
    const lines = task.lines.map((one) => ({ ...order.lines.find((line) => line.n === one.n), qty: 0, want: one.qty - (one.picked ?? 0) - (one.short ?? 0) }));
    begin("pick", { id: row.fulfillment_id, number: row.number, lines: lines.filter((one) => one.want > 0).map(({ n, sku, gtin, text, unit = "pc", qty, want }) => ({ n, sku, gtin, text, unit, qty, want })) });
    return pickView();
  };
  const open = rows.filter((row) => TO_PICK.includes(row.state));
  page(t("pick"), open.length ? picks(open.map((row) => button(t(row.late ? "duelate" : "due", { n: row.number, t: day(row.by_ms), text: row.text, count: row.pieces }), () => start(row)))) : h("p", {}, t("nopick")));
}

function packView(draft) {
  const list = h("ol", { class: "lines", id: "lines" });
  const set = (one, qty) => {
    one.qty = Math.max(0, Math.min(one.want, qty));
    keep();
    again();
    say(t("picked", { text: one.text, n: number(one.qty), m: number(one.want) }));
  };
  const take = (article, code) => {
    const mine = (one) => (article ? one.sku === article.sku : one.sku === code || (one.gtin && Number(one.gtin) === Number(inCode(code))));
    const one = draft.lines.find((each) => mine(each) && each.qty < each.want) ?? draft.lines.find(mine);
    if (!one) return say(t("notwanted", { code: article?.text ?? code }), true);
    if (one.qty >= one.want) return say(t("enough", { text: one.text }), true);
    set(one, one.unit === "pc" ? one.qty + 1 : one.want);
  };
  const again = () => refill(list, draft.lines.map((one) => h("li", {}, h("span", { class: "what" }, one.text), h("span", { class: "row" }, h("strong", {}, `${number(one.qty)} / ${number(one.want)}`),
    button("−", () => set(one, one.qty - 1), { "aria-label": t("less", { name: one.text }) }), button("+", () => set(one, one.qty + 1), { "aria-label": t("more", { name: one.text }) })))));
  again();
  page(t("order", { n: draft.number }), scanner(take), list, h("p", { class: "row last" }, main(t("finish"), () => shelfView(draft), "finish"), discarding("pick")));
}

// What is missing, and what becomes of it; then the shelf.
function shelfView(draft) {
  const short = draft.lines.filter((one) => one.qty < one.want);
  const way = (one) => h("div", { onchange: (event) => { one.way = event.target.value; keep(); } },
    choice(`way${one.n}`, t("missing", { n: number(one.want - one.qty), name: one.text }), [...["partial", "backorder"].map((each) => [each, t(each)]), ...(one.instead ? [["substitute", t("instead", { text: one.instead.text })]] : [])], one.way),
    h("p", { class: "under" }, button(t("substitute", { name: one.text }), () => insteadView(draft, one), { id: `instead${one.n}` })));
  const base = `/stores/${store()}/fulfillments/${draft.id}`;
  const tell = (one) => {
    const qty = String(one.want - one.qty), other = $(`way${one.n}`).value === "substitute" && one.instead;
    const body = { n: one.n, qty, choice: $(`way${one.n}`).value };
    if (!other) return { path: `${base}/short`, body };
    return { path: `${base}/short`, body: { ...body, substitute: { ...other, qty, pay_minor: Math.floor(other.pay_minor * qty) } }, next: { path: `${base}/pick`, sku: other.sku, qty } };
  };
  const ready = () => {
    const came = draft.lines.filter((one) => one.qty);
    return send(draft, [
      ...(came.length ? [{ path: `${base}/pick`, body: { lines: came.map((one) => ({ n: one.n, qty: String(one.qty) })) } }] : []),
      ...short.map(tell),
      { path: `${base}/ready`, body: { shelf: $("shelf").value.trim().slice(0, 20), bags: 1 } },
    ]).catch(async (error) => { await route(); throw error; });
  };
  page(t("order", { n: draft.number }), short.length ? h("section", { class: "fields" }, short.map(way)) : "",
    form("pack", ready, "ready", field("shelf", t("shelf"), { maxlength: "20" })), h("p", {}, button(t("another", { kind: t("pick") }), route)));
}

// Something else goes for a line: scanned or looked up, like everything.
function insteadView(draft, one) {
  const back = () => { shelfView(draft); $(`instead${one.n}`).focus(); };
  const take = ({ sku, text, unit, tax_code: tax, min_age, price_minor }) => {
    if (price_minor === null || draft.lines.some((line) => line.sku === sku)) return say(t("noinstead", { text }), true);
    one.instead = { sku, text: text.slice(0, 40), unit, tax, min_age, pay_minor: price_minor };
    one.way = "substitute";
    keep();
    back();
    say(t("instead", { text }));
  };
  page(t("substitute", { name: one.text }), scanner(take, false), soft(t("cheaper")), h("p", {}, button(t("order", { n: draft.number }), back)));
}
