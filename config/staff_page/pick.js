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
  page(t("pick"), open.length ? picks(open.map((row) => h("li", {}, button(t(row.late ? "duelate" : "due", { n: row.number, t: day(row.by_ms), text: row.text, count: row.pieces }), () => start(row))))) : h("p", {}, t("nopick")));
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
  const done = () => {
    const short = draft.lines.filter((one) => one.qty < one.want);
    const ways = short.map((one) => choice(`way${one.n}`, t("missing", { n: number(one.want - one.qty), name: one.text }), ["partial", "backorder"].map((way) => [way, t(way)])));
    const ready = () => {
      const base = `/stores/${store()}/fulfillments/${draft.id}`, came = draft.lines.filter((one) => one.qty);
      return send(draft, [
        ...(came.length ? [{ path: `${base}/pick`, body: { lines: came.map((one) => ({ n: one.n, qty: String(one.qty) })) } }] : []),
        ...short.map((one) => ({ path: `${base}/short`, body: { n: one.n, qty: String(one.want - one.qty), choice: $(`way${one.n}`).value } })),
        { path: `${base}/ready`, body: { shelf: $("shelf").value.trim().slice(0, 20), bags: 1 } },
      ]);
    };
    page(t("order", { n: draft.number }), ways.length ? h("section", { class: "fields" }, ways, soft(t("substitute"))) : "",
      h("form", { class: "fields", id: "pack", onsubmit: guarded(ready) }, field("shelf", t("shelf"), { maxlength: "20" }), h("button", { class: "main" }, t("ready"))), h("p", {}, button(t("another", { kind: t("pick") }), route)));
  };
  again();
  page(t("order", { n: draft.number }), scanner(take), list, h("p", { class: "row last" }, main(t("finish"), done, "finish"), discarding("pick")));
}
