// Tasks: looked at and done; a count above its limit is approved by whoever may.
"use strict";

const taskName = (one) => [words[`k_${one.kind}`] ?? one.kind.replaceAll("-", " "), one.data?.number || one.data?.count || one.subject].filter(Boolean).join(" ");

async function tasksView() {
  const { tasks } = await ask("GET", `/stores/${store()}/tasks?limit=50`);
  const rows = tasks.filter((one) => one.kind !== "case").map((one) => button(`${taskName(one)} (${day(one.created_ms)})`, () => taskView(one)));
  page(t("tasks"), rows.length ? picks(rows) : h("p", {}, t("notasks")), soft(t("casehint")));
}

async function taskView(one) {
  const counted = one.kind === "count-approve";
  const found = counted ? ((await ask("GET", `/stock/counts/${one.key}`)).variances ?? []).filter((each) => Number(each.variance)) : one.data?.lines ?? [];
  const lines = (await named(found, (each) => each)).map(({ text, qty: each }) => (counted ? t("deviate", { name: text, n: number(each.counted), m: number(each.expected) }) : t("differ", { name: text, n: number(each.received), m: number(each.shipped) })));
  const facts = Object.entries(one.data ?? {}).filter(([name, value]) => name !== "kind" && ["string", "number"].includes(typeof value) && value !== "").map(([name, value]) => `${words[`f_${name}`] ?? name.replaceAll("_", " ")}: ${value}`);
  const end = (word, path, body, main) => button(t(word), async () => {
    await ask("POST", path, body).catch((error) => { if (error.code !== "task-done") throw error; });
    await tasksView();
    say(t("taskdone", { name: taskName(one) }));
  }, { class: main ? "main" : "", id: word });
  const count = `/stock/counts/${one.key}`;
  const ends = !counted ? [end("settle", `/stores/${store()}/tasks/done`, { kind: one.kind, key: one.key }, true)] : may("stock:adjust") ? [end("approve", `${count}/approve`, {}, true), end("reject", `${count}/reject`, {})] : [];
  page(taskName(one), [...facts, ...lines].length ? h("section", {}, bullets("facts", [...facts, ...lines])) : "", ends.length ? "" : h("p", {}, t("mayapprove")), h("p", { class: "row" }, ends, button(t("others"), tasksView)));
}
