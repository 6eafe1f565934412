"use strict";
// Charts, hover, sort and filter. Everything else on the page works without this file.
(function () {
  const hover = document.getElementById("hover");

  function showHover(event, value) {
    hover.replaceChildren();
    if (value === null || value === undefined || value === "") { hover.hidden = true; return; }
    if (typeof value === "object") {
      const table = hover.appendChild(document.createElement("table"));
      for (const [name, text] of Object.entries(value)) {
        if (text === null || text === undefined || text === "") continue;
        const row = table.insertRow();
        row.appendChild(document.createElement("th")).textContent = name;
        row.insertCell().textContent = String(text);
      }
    } else {
      hover.textContent = String(value);
    }
    hover.hidden = false;
    const box = hover.getBoundingClientRect();
    const left = Math.min(event.clientX + 14, window.innerWidth - box.width - 8);
    const top = event.clientY + 16 + box.height > window.innerHeight
      ? event.clientY - box.height - 10 : event.clientY + 16;
    hover.style.left = Math.max(4, left) + "px";
    hover.style.top = Math.max(4, top) + "px";
  }

  const LOOK = {
    background: null,
    font: "system-ui, sans-serif",
    view: { stroke: null },
    axis: {
      labelColor: "var(--quiet)", titleColor: "var(--ink)", domainColor: "var(--line)",
      gridColor: "var(--line)", tickColor: "var(--line)", labelFontSize: 11, titleFontSize: 12,
      titleFontWeight: 500,
    },
    legend: { labelColor: "var(--ink)", titleColor: "var(--ink)", labelFontSize: 11 },
    text: { color: "var(--ink)" },
    range: { category: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10].map((i) => `var(--c${i})`) },
  };

  function draw(block) {
    const given = JSON.parse(block.querySelector("script.spec").textContent);
    const link = block.querySelector(".save a").getAttribute("href");
    const spec = given.spec;
    // The chart reads the file that a reader can save, in which text that a spreadsheet would run
    // as a formula has an apostrophe in front.
    const text = decodeURIComponent(link.slice(link.indexOf(",") + 1));
    const values = vega.read(text, { type: "csv", parse: given.parse });
    for (const record of values) {
      for (const [name, value] of Object.entries(record)) {
        if (typeof value === "string") record[name] = value.replace(/^'(?=[=+@\t\r\n-])/, "");
      }
    }
    spec.data = { values };
    spec.config = LOOK;
    const view = new vega.View(vega.parse(vegaLite.compile(spec).spec), {
      renderer: "svg",
      container: block.querySelector(".plot"),
      bind: block.querySelector(".choices"),
      hover: true,
      logLevel: vega.Warn,
    });
    view.tooltip((handler, event, item, value) => showHover(event, value));
    return view.runAsync();
  }

  function sortable(table) {
    const heads = [...table.tHead.querySelectorAll("th[data-sort]")];
    const body = table.tBodies[0];
    const before = [...body.rows];
    heads.forEach((head, place) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      // The column of intervals has no heading to sort by.
      const cell = place === 0 ? 0 : place + 1;
      button.addEventListener("click", () => {
        const was = head.getAttribute("aria-sort");
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        const next = { descending: "ascending", ascending: null }[was];
        const order = was === null ? (place === 0 ? "ascending" : "descending") : next;
        if (!order) { body.append(...before); return; }
        head.setAttribute("aria-sort", order);
        const sign = order === "ascending" ? 1 : -1;
        const valued = before.map((row) => [row.cells[cell].dataset.value, row]);
        const known = valued.filter(([value]) => value !== "" && value !== "–");
        const unknown = valued.filter(([value]) => value === "" || value === "–");
        const numeric = known.every(([value]) => !Number.isNaN(Number(value)));
        known.sort(([a], [b]) => sign * (numeric ? Number(a) - Number(b) : a.localeCompare(b)));
        body.append(...[...known, ...unknown].map(([, row]) => row));
      });
    });
  }

  function filterable(block) {
    const field = block.querySelector(".filter");
    const rows = [...block.querySelectorAll(".sortable tbody tr")];
    const shown = block.querySelector(".shown");
    field.addEventListener("input", () => {
      const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
      let count = 0;
      for (const row of rows) {
        const text = row.textContent.toLowerCase();
        row.hidden = !words.every((word) => text.includes(word));
        if (!row.hidden) count += 1;
      }
      shown.textContent = words.length ? `${count} of ${rows.length} shown` : "";
    });
  }

  // On paper nothing can be opened: notes are, values stay where they are on the screen.
  window.addEventListener("beforeprint", () => {
    document.querySelectorAll("details:has(> .notes)").forEach((one) => { one.open = true; });
  });
  document.querySelectorAll("table.sortable").forEach(sortable);
  document.querySelectorAll("article.is-leaderboard").forEach(filterable);
  const blocks = [...document.querySelectorAll("article.is-chart")];
  Promise.allSettled(blocks.map((block) => {
    try { return draw(block); } catch (error) { return Promise.reject(error); }
  })).then((ends) => {
    ends.forEach((end, place) => {
      if (end.status === "rejected") {
        console.error(end.reason);
        blocks[place].querySelector(".plot").textContent =
          "The chart could not be drawn; its values are below.";
      }
    });
    document.documentElement.dataset.drawn = String(ends.filter((e) => e.status === "fulfilled").length);
  });
})();
