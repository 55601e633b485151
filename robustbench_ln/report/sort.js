// Sortable tables: a click on a heading sorts by its column, another click turns the order round.
// Without scripts the tables stand in the order of the page, and no button promises more.
"use strict";

const byText = new Intl.Collator("en", { numeric: true });

function compare(a, b) {
  if (Number.isNaN(a.number) || Number.isNaN(b.number)) return byText.compare(a.text, b.text);
  return a.number - b.number || byText.compare(a.text, b.text);
}

function sortBy(table, column, direction) {
  const body = table.tBodies[0];
  const keyed = [...body.rows].map((row) => {
    const text = row.cells[column].textContent.trim();
    return { row, text, number: parseFloat(text.replaceAll(",", "")) };
  });
  // Blanks, which were not measured, come last in both orders.
  const filled = keyed.filter((one) => one.text).sort((a, b) => direction * compare(a, b));
  const blank = keyed.filter((one) => !one.text);
  body.append(...[...filled, ...blank].map((one) => one.row));
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
