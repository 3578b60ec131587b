// An address without a version leads on to the newest, to the place it names.
for (const newest of document.querySelectorAll(".kb-onward a")) location.replace(newest.href + location.hash);

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

// What scrolls sideways is reached with the keyboard; the row of sister pages shows the one that is open.
window.addEventListener("load", () => {
  for (const table of document.querySelectorAll("main table")) {
    if (table.scrollWidth > table.clientWidth) table.tabIndex = 0;
  }
  for (const open of document.querySelectorAll(".kb-pages [aria-current]")) {
    const row = open.closest("ul");
    row.scrollLeft = open.offsetLeft - row.offsetLeft - 16;
  }
});
