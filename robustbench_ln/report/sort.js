// Sortable tables: a click on a heading sorts by its column, another click turns the order round.
// Without scripts the tables stand in the order of the page, and no button promises more.
"use strict";

function compare(a, b) {
  // Blanks, which were not measured, come last in both orders.
  const [x, y] = [a, b].map((text) => parseFloat(text.replaceAll(",", "")));
  if (Number.isNaN(x) || Number.isNaN(y)) return a.localeCompare(b, "en", { numeric: true });
  return x - y;
}

function sortBy(table, column, direction) {
  const body = table.tBodies[0];
  const text = (row) => row.cells[column].textContent.trim();
  const rows = [...body.rows];
  const blank = rows.filter((row) => !text(row));
  const filled = rows.filter((row) => text(row));
  filled.sort((a, b) => direction * compare(text(a), text(b)));
  body.append(...filled, ...blank);
}

for (const table of document.querySelectorAll("table[data-sortable]")) {
  const headings = [...table.tHead.rows[0].cells];
  headings.forEach((heading, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    heading.append(button);
    button.addEventListener("click", () => {
      const ascending = heading.getAttribute("aria-sort") !== "ascending";
      headings.forEach((other) => other.removeAttribute("aria-sort"));
      heading.setAttribute("aria-sort", ascending ? "ascending" : "descending");
      sortBy(table, column, ascending ? 1 : -1);
    });
  });
}
