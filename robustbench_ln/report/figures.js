// What the figures of the page share: their numbers, which stand in the page as CSV, and elements around them.
"use strict";

// Return the rows of a figure's CSV as objects by column.
function numbersOf(figure) {
  const link = figure.querySelector("a.download");
  const bytes = Uint8Array.from(atob(link.href.split(",")[1]), (letter) => letter.charCodeAt(0));
  const fields = new TextDecoder().decode(bytes).matchAll(/("(?:[^"]|"")*"|[^",\r\n]*)(,|\r?\n|$)/g);
  const rows = [[]];
  for (const [whole, field, end] of fields) {
    if (!whole) break;
    rows.at(-1).push(field.startsWith('"') ? field.slice(1, -1).replaceAll('""', '"') : field);
    if (end !== ",") rows.push([]);
  }
  const [columns, ...filled] = rows.filter((row) => row.length);
  return filled.map((row) => Object.fromEntries(columns.map((column, place) => [column, row[place]])));
}

// Return an element with properties and children; texts are shown letter by letter.
function element(name, properties, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

function percent(share) {
  return `${(100 * share).toFixed(2)}\u00a0%`;
}

// Return a slider over sigmas that says which one it is at.
function sigmaSlider(sigmas, onSigma) {
  const slider = element("input", { type: "range", min: 0, max: sigmas.length - 1, step: 1, value: 0 });
  const shown = element("output", {});
  const say = () => {
    const sigma = sigmas[slider.value];
    slider.setAttribute("aria-valuetext", `sigma ${sigma}`);
    shown.textContent = sigma;
    onSigma(sigma);
  };
  slider.addEventListener("input", say);
  return { label: element("label", { className: "sigma" }, "sigma ", slider, " ", shown), slider, say };
}

// Call back for each figure of a kind with its plot.
function eachFigure(kind, build) {
  for (const figure of document.querySelectorAll("figure[data-plot]")) {
    const plot = JSON.parse(figure.dataset.plot);
    if (plot.kind === kind) build(figure, plot);
  }
}
