// A wide flowchart opens at its first step.
window.addEventListener("load", () => {
  for (const figure of document.querySelectorAll(".kb-figure")) {
    const start = figure.querySelector(".start");
    if (!start) continue;
    const from = figure.getBoundingClientRect();
    const to = start.getBoundingClientRect();
    figure.scrollLeft += to.left + to.width / 2 - from.left - from.width / 2;
  }
});
