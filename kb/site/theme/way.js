// @ts-check
// A patient's way, lit on the flowchart and listed beside it: `chart.html#scenario=NAME` or `?scenario=NAME` for a worked
// patient, `chart.html#way=STEP,STEP:0` for any other, where `:0` is the way on that was taken from a question, counted
// from 0. No module, so that it also works on a page opened from the disk.
(() => {
  /** @typedef {{title: string, steps: string[], cases: Record<string, number[]>}} Way */
  const panel = document.getElementById("kb-way");
  const data = document.getElementById("kb-ways");
  if (!panel || !data) return;
  /** @type {Record<string, Way>} */
  const known = JSON.parse(data.textContent || "{}");
  const groups = /** @type {NodeListOf<SVGElement>} */ (document.querySelectorAll(".kb-flowchart [data-steps], .kb-flowchart [data-to]"));

  /** @returns {Way | null | undefined} the way asked for; undefined where it is not known here */
  function asked() {
    const wanted = new URLSearchParams(location.hash.slice(1));
    const name = wanted.get("scenario") ?? new URLSearchParams(location.search).get("scenario");
    if (name !== null) return Object.hasOwn(known, name) ? known[name] : undefined;
    const steps = wanted.get("way");
    if (steps === null) return null;
    /** @type {Way} */
    const way = { title: "", steps: [], cases: {} };
    for (const [step, ...places] of steps.split(",").filter(Boolean).map((each) => each.split(":"))) {
      if (!way.steps.includes(step)) way.steps.push(step);
      if (places.length) way.cases[step] = [...(way.cases[step] ?? []), ...places.map(Number)];
    }
    return way;
  }

  /** @param {Way} way @param {SVGElement} group */
  function onWay(way, group) {
    const { from, way: place, to, steps } = group.dataset;
    const held = (steps ?? to ?? "").split(" ").some((step) => way.steps.includes(step));
    if (!held || from === undefined) return held;
    const places = Object.hasOwn(way.cases, from) ? way.cases[from] : null;
    return way.steps.includes(from) && (places === null || places.includes(Number(place)));
  }

  /** @param {string} tag @param {string} text @param {Node[]} held */
  function made(tag, text, ...held) {
    const element = document.createElement(tag);
    element.append(text, ...held);
    return element;
  }

  /** @param {Way} way */
  function listed(way) {
    const list = document.createElement("ol");
    for (const step of way.steps) {
      const group = document.getElementById(`step-${step}`);
      const title = group?.querySelector("title")?.textContent;
      if (!title) continue;
      const link = /** @type {HTMLAnchorElement} */ (made("a", title));
      link.href = `list.html#step-${step}`;
      list.append(made("li", "", link));
    }
    return list;
  }

  function choice() {
    const box = /** @type {HTMLSelectElement} */ (document.createElement("select"));
    box.id = "kb-way-of";
    const label = /** @type {HTMLLabelElement} */ (made("label", "Show the way of a worked patient"));
    label.htmlFor = box.id;
    box.append(new Option("nobody", ""), ...Object.entries(known).map(([name, way]) => new Option(way.title, name)));
    const name = new URLSearchParams(location.hash.slice(1)).get("scenario") ?? new URLSearchParams(location.search).get("scenario");
    box.value = name !== null && Object.hasOwn(known, name) ? name : "";
    box.addEventListener("change", () => {
      history.replaceState(null, "", location.pathname + (box.value ? `#scenario=${encodeURIComponent(box.value)}` : ""));
      show(true);
    });
    return [label, box];
  }

  /** @param {boolean} [chosen] */
  function show(chosen) {
    if (!panel) return;
    const way = asked();
    for (const group of groups) group.classList.toggle("kb-lit", Boolean(way) && onWay(/** @type {Way} */ (way), group));
    const told = [];
    if (Object.keys(known).length) told.push(...choice());
    if (way === undefined) told.push(made("p", "There is no worked patient of that name here."));
    if (way) told.push(made("p", way.title ? `The way of: ${way.title}` : "The way of this patient"), listed(way));
    panel.replaceChildren(...told);
    if (chosen) document.getElementById("kb-way-of")?.focus();
    else if (way) panel.scrollIntoView();
  }

  window.addEventListener("hashchange", () => show());
  show();
})();
