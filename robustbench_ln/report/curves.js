// Curves to explore: values at a sigma, by pointer or slider, and lines that can be left out.
"use strict";

eachFigure("curves", (figure, plot) => {
  const image = figure.querySelector("img");
  let points = null;
  const explore = element("details", { className: "explore" }, element("summary", {}, "Values, and single lines"));
  figure.querySelector("figcaption").after(explore);

  const tip = element("div", { className: "tip", hidden: true });
  tip.setAttribute("aria-hidden", "true");
  image.after(tip);

  function build() {
    if (points) return;
    points = numbersOf(figure).map((row) => ({
      line: row.line,
      paper: row.paper ? Number(row.paper) : null,
      ...Object.fromEntries(["sigma", "accuracy", "low", "high"].map((name) => [name, Number(row[name])])),
    }));
    const sigmas = [...new Set(points.map((point) => point.sigma))].sort((a, b) => a - b);
    const shown = new Set(Object.keys(plot.lines));
    const valuesAt = (sigma) =>
      points
        .filter((point) => point.sigma === sigma && shown.has(point.line))
        .map((point) => `${point.line}: ${percent(point.accuracy)} (${percent(point.low)} to ${percent(point.high)})`);
    const values = element("ul", { className: "values" });
    const canvas = element("canvas", { hidden: true });
    canvas.setAttribute("role", "img");
    image.after(canvas);

    const { label, slider, say } = sigmaSlider(sigmas, (sigma) => {
      values.replaceChildren(...valuesAt(sigma).map((text) => element("li", {}, text)));
    });
    const boxes = Object.entries(plot.lines).map(([line, colour]) => {
      const box = element("input", { type: "checkbox", checked: true });
      const swatch = swatchOf(colour, plot.dashes[line]);
      box.addEventListener("change", () => {
        shown[box.checked ? "add" : "delete"](line);
        const all = shown.size === Object.keys(plot.lines).length;
        image.hidden = !all;
        canvas.hidden = all;
        canvas.setAttribute("aria-label", `Accuracy by sigma of ${[...shown].join(", ") || "no line"}`);
        if (!all) drawCurves(canvas, image, plot, points, shown);
        say();
      });
      return element("label", {}, box, " ", swatch, " ", line);
    });
    for (const drawn of [image, canvas]) {
      drawn.addEventListener("pointermove", (event) => {
        const box = drawn.getBoundingClientRect();
        const across = ((event.clientX - box.left) / box.width - plot.axes[0]) / plot.axes[2];
        const sigma = plot.sigma[0] + across * (plot.sigma[1] - plot.sigma[0]);
        const distances = sigmas.map((known) => Math.abs(known - sigma));
        const nearest = distances.indexOf(Math.min(...distances));
        slider.value = nearest;
        say();
        const lines = valuesAt(sigmas[nearest]).map((text) => element("div", {}, text));
        tip.replaceChildren(element("strong", {}, `sigma ${sigmas[nearest]}`), ...lines);
        tip.hidden = false;
        // Beside the pointer, on the side that has room.
        const card = image.parentElement.getBoundingClientRect();
        const right = event.clientX - card.left > card.width / 2;
        tip.style.left = right ? "" : `${event.clientX - card.left + 16}px`;
        tip.style.right = right ? `${card.right - event.clientX + 16}px` : "";
        tip.style.top = `${Math.max(event.clientY - card.top - 16, 4)}px`;
      });
      drawn.addEventListener("pointerleave", () => {
        tip.hidden = true;
      });
    }
    explore.append(
      element("fieldset", { className: "lines" }, element("legend", {}, "Lines"), ...boxes),
      label,
      values,
    );
    say();
  }
  explore.addEventListener("toggle", build);
  image.addEventListener("pointerenter", build);
});

// Return a short line in a colour, broken where the line is.
function swatchOf(colour, dashes) {
  const swatch = element("span", { className: "swatch" });
  const kind = !dashes.length ? "solid" : dashes[0] < 3 ? "dotted" : "dashed";
  swatch.style.borderTop = `3px ${kind} ${colour}`;
  return swatch;
}

function drawCurves(canvas, image, plot, points, shown) {
  const [width, height] = [image.width, image.height];
  const scale = window.devicePixelRatio || 1;
  const [left, top, across, down] = plot.axes.map((share, place) => share * (place % 2 ? height : width));
  // Without the legend, which the boxes below stand for.
  const used = Math.ceil(top + down + 40);
  Object.assign(canvas, { width: width * scale, height: used * scale, className: image.className });
  const draw = canvas.getContext("2d");
  draw.scale(scale, scale);
  const x = (sigma) => left + (across * (sigma - plot.sigma[0])) / (plot.sigma[1] - plot.sigma[0]);
  const y = (share) => top + down * (1 - share);
  Object.assign(draw, { font: "12px sans-serif", fillStyle: "#26241f", strokeStyle: "#d8d5cd", textBaseline: "middle" });
  const path = (pairs) => {
    draw.beginPath();
    pairs.forEach(([sigma, share], place) => draw[place ? "lineTo" : "moveTo"](x(sigma), y(share)));
  };
  draw.textAlign = "right";
  for (let tenth = 0; tenth <= 10; tenth += 2) {
    path(plot.sigma.map((sigma) => [sigma, tenth / 10]));
    draw.stroke();
    draw.fillText(`${10 * tenth} %`, left - 6, y(tenth / 10));
  }
  const sigmas = [...new Set(points.map((point) => point.sigma))].sort((a, b) => a - b);
  const every = Math.ceil(sigmas.length / 9);
  draw.textAlign = "center";
  sigmas.forEach((sigma, place) => place % every || draw.fillText(sigma, x(sigma), top + down + 12));
  draw.fillText("sigma", left + across / 2, top + down + 28);
  draw.setLineDash([4, 3]);
  draw.strokeStyle = "#5b5853";
  path(plot.sigma.map((sigma) => [sigma, plot.chance]));
  draw.stroke();
  draw.textAlign = "left";
  draw.fillText("chance", left + across + 6, y(plot.chance));
  draw.setLineDash([]);
  for (const line of shown) {
    const own = points.filter((point) => point.line === line).sort((a, b) => a.sigma - b.sigma);
    draw.strokeStyle = draw.fillStyle = plot.lines[line];
    path([...own.map((point) => [point.sigma, point.low]), ...own.reverse().map((point) => [point.sigma, point.high])]);
    draw.globalAlpha = 0.14;
    draw.fill();
    draw.globalAlpha = 1;
    draw.lineWidth = 1.6;
    draw.setLineDash(plot.dashes[line].map((length) => length * draw.lineWidth));
    path(own.map((point) => [point.sigma, point.accuracy]));
    draw.stroke();
    draw.setLineDash([]);
    // Of a fine grid some points have markers, as in the picture.
    const apart = Math.ceil(own.length / 14);
    own.forEach((point, place) => {
      if (place % apart === 0) {
        circle(draw, x(point.sigma), y(point.accuracy), 3);
        draw.fill();
      }
      if (point.paper !== null) {
        circle(draw, x(point.sigma), y(point.paper), 5);
        draw.stroke();
      }
    });
  }
}

function circle(draw, x, y, radius) {
  draw.beginPath();
  draw.arc(x, y, radius, 0, 2 * Math.PI);
}
