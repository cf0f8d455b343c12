// Sorts, filters and saves. Without it the page is complete: tables in the study's own order.
"use strict";
(() => {
  const collator = new Intl.Collator("en", { numeric: true });

  function make(tag, properties, ...children) {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  }

  function save(name, type, content) {
    const url = URL.createObjectURL(new Blob([content], { type }));
    make("a", { href: url, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(url), 10000);
  }

  // A cell sorts by its number where it has one, else by its text; what is missing stays last.
  function compare(a, b, column, sign) {
    const [x, y] = [a.cells[column], b.cells[column]];
    const [p, q] = [x.dataset.sort, y.dataset.sort];
    if (p !== undefined && q !== undefined) return sign * (Number(p) - Number(q));
    if (p !== undefined) return -1;
    if (q !== undefined) return 1;
    const [s, t] = [x.textContent.trim(), y.textContent.trim()];
    if (s === "–" || t === "–") return (s === "–") - (t === "–");
    return sign * collator.compare(s, t);
  }

  function sortable(table) {
    const body = table.tBodies[0];
    const original = [...body.rows];
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      const button = make("button", { type: "button", className: "sort", title: head.title });
      button.append(...head.childNodes);
      head.append(button);
      head.setAttribute("aria-sort", "none");
      button.addEventListener("click", () => {
        const order = { none: "ascending", ascending: "descending", descending: "none" };
        const next = order[head.getAttribute("aria-sort")];
        heads.forEach((other) => other.setAttribute("aria-sort", "none"));
        head.setAttribute("aria-sort", next);
        const sign = next === "descending" ? -1 : 1;
        const rows = [...original];
        if (next !== "none") rows.sort((a, b) => compare(a, b, column, sign));
        table.classList.toggle("sorted", next !== "none");
        body.append(...rows);
      });
    });
  }

  function filterable(table, tools) {
    const rows = [...table.tBodies[0].rows];
    const words = (row) => [row.dataset.words ?? "", ...[...row.cells].map((c) => c.textContent)];
    const texts = rows.map((row) => words(row).join(" ").toLowerCase());
    const field = make("input", {
      type: "search",
      placeholder: "Filter rows: resnet50 int4",
      autocomplete: "off",
      spellcheck: false,
    });
    field.setAttribute("aria-label", "Filter rows");
    const count = make("output", { className: "count" });
    const filter = () => {
      const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      rows.forEach((row, i) => {
        row.hidden = !words.every((word) => texts[i].includes(word));
        shown += row.hidden ? 0 : 1;
      });
      count.value = shown === rows.length ? `${rows.length} rows` : `${shown} of ${rows.length} rows`;
    };
    field.addEventListener("input", filter);
    filter();
    tools.append(field, count);
  }

  function asCsv(table) {
    const cell = (c) => {
      const text = c.dataset.sort ?? c.textContent.trim().replace(/\s+/g, " ");
      const interval = c.querySelector(".interval");
      const whole = c.dataset.sort !== undefined && interval ? `${text} ${interval.textContent}` : text;
      return /[",\n]/.test(whole) ? `"${whole.replaceAll('"', '""')}"` : whole;
    };
    const rows = [...table.rows].filter((row) => !row.hidden);
    return rows.map((row) => [...row.cells].map(cell).join(",")).join("\n") + "\n";
  }

  for (const figure of document.querySelectorAll("figure.table")) {
    const table = figure.querySelector("table");
    const tools = make("div", { className: "tools" });
    sortable(table);
    if (figure.dataset.tools === "filter") filterable(table, tools);
    const button = make("button", { type: "button", className: "save" }, "Save these rows (CSV)");
    button.addEventListener("click", () => save(`${table.dataset.name}.csv`, "text/csv", asCsv(table)));
    if (tools.children.length > 0) figure.querySelector(".scroll").before(tools);
    figure.append(make("div", { className: "links" }, button));
  }

  for (const figure of document.querySelectorAll("figure.chart")) {
    const button = make("button", { type: "button", className: "save" }, "Picture (SVG)");
    button.addEventListener("click", () => {
      const svg = new XMLSerializer().serializeToString(figure.querySelector("svg"));
      save(`${figure.dataset.name}.svg`, "image/svg+xml", svg);
    });
    figure.querySelector(".links").append(button);
  }

  // What is folded on the screen is open on paper.
  let folded = [];
  addEventListener("beforeprint", () => {
    folded = [...document.querySelectorAll("details:not([open])")];
    folded.forEach((details) => (details.open = true));
  });
  addEventListener("afterprint", () => folded.forEach((details) => (details.open = false)));
})();
