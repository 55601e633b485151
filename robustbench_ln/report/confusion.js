// Confusion matrices one sigma at a time, with the pair of classes under the pointer and the most confused pairs.
"use strict";

eachFigure("confusion", (figure, plot) => {
  const explore = element("details", { className: "explore" }, element("summary", {}, "One sigma at a time"));
  figure.querySelector("figcaption").after(explore);
  const place = new Map(plot.classes.map((name, index) => [name, index]));
  const count = plot.classes.length;
  let pairs = null;

  function build() {
    pairs = numbersOf(figure).map((row) => ({ ...row, count: Number(row.count), share: Number(row.share) }));
    const sigmas = [...new Set(pairs.map((pair) => Number(pair.sigma)))].sort((a, b) => a - b);
    const canvas = element("canvas", { width: count, height: count, className: "matrix" });
    canvas.setAttribute("role", "img");
    const under = element("p", { className: "under" }, "\u00a0");
    const list = element("ol", { className: "values" });
    let here = [];

    const { label, say } = sigmaSlider(sigmas, (sigma) => {
      here = pairs.filter((pair) => Number(pair.sigma) === sigma);
      drawMatrix(canvas, here, place, plot.ramp);
      canvas.setAttribute("aria-label", `Confusion matrix at sigma ${sigma}; the most confused pairs stand below`);
      const wrong = here.filter((pair) => pair.true !== pair.predicted).sort((a, b) => b.count - a.count);
      list.replaceChildren(
        ...wrong.slice(0, 10).map((pair) => element("li", {}, sentence(pair))),
      );
      under.textContent = "\u00a0";
    });
    canvas.addEventListener("pointermove", (event) => {
      const box = canvas.getBoundingClientRect();
      const predicted = plot.classes[Math.floor((count * (event.clientX - box.left)) / box.width)];
      const truth = plot.classes[Math.floor((count * (event.clientY - box.top)) / box.height)];
      const pair = here.find((one) => one.true === truth && one.predicted === predicted);
      under.textContent = sentence(pair || { true: truth, predicted, count: 0, share: 0 });
    });
    explore.append(label, canvas, under, element("p", { className: "note" }, "Most confused pairs:"), list);
    say();
  }
  explore.addEventListener("toggle", () => pairs || build());
});

function sentence(pair) {
  const images = `${pair.count.toLocaleString("en")} image${pair.count === 1 ? "" : "s"}`;
  return `${pair.true} taken for ${pair.predicted}: ${images}, ${percent(pair.share)} of the true class`;
}

function drawMatrix(canvas, pairs, place, ramp) {
  const draw = canvas.getContext("2d");
  const colours = ramp.map((colour) => [1, 3, 5].map((start) => parseInt(colour.slice(start, start + 2), 16)));
  const colour = (share) => {
    const at = share * (colours.length - 1);
    const [low, part] = [Math.min(Math.floor(at), colours.length - 2), at - Math.min(Math.floor(at), colours.length - 2)];
    return colours[low].map((value, channel) => Math.round(value + part * (colours[low + 1][channel] - value)));
  };
  draw.fillStyle = ramp[0];
  draw.fillRect(0, 0, canvas.width, canvas.height);
  for (const pair of pairs) {
    draw.fillStyle = `rgb(${colour(pair.share).join(" ")})`;
    draw.fillRect(place.get(pair.predicted), place.get(pair.true), 1, 1);
  }
}
