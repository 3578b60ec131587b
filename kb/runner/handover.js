/**
 * Going on with the protocol that takes over, on the same chart: on its own page, where `switch` of `kb run`
 * (kb/interview/handing_over.py) stays in one conversation.
 *
 * The page that hands over opens the other, which asks for the chart once it is ready. It goes from page to page within
 * the browser, between pages of one site only: it stands in no address, and is neither stored nor sent.
 */

const ASKED = "kb-hand-over-asked";
const HANDED = "kb-hand-over";

/**
 * What is handed over: from which version of which protocol, to which (`id@major`), the chart as text, and the time of
 * the last advice.
 * @typedef {{protocol: string, version: string, to: string, chart: string, at: string}} Handed
 */

/**
 * Open the page of the protocol that takes over, and hand it the chart.
 * @param {string} address
 * @param {() => Handed} handed Called when the other page asks.
 * @returns {boolean} Whether the browser opened the page.
 */
export function handOver(address, handed) {
  const there = window.open(address, "_blank");
  if (there === null) return false;
  const answer = (/** @type {MessageEvent} */ event) => {
    if (event.source !== there || event.origin !== location.origin || event.data !== ASKED) return;
    window.removeEventListener("message", answer);
    there.postMessage({ kind: HANDED, ...handed() }, location.origin);
  };
  window.addEventListener("message", answer);
  return true;
}

/**
 * Ask the page that opened this one for its chart, if it has one to hand over.
 * @param {(handed: Handed) => void} take
 */
export function askForChart(take) {
  const from = /** @type {Window | null} */ (window.opener);
  if (from === null) return;
  const read = (/** @type {MessageEvent} */ event) => {
    if (event.source !== from || event.origin !== location.origin || event.data?.kind !== HANDED) return;
    window.removeEventListener("message", read);
    const { protocol, version, to, chart, at } = event.data;
    take({ protocol: String(protocol), version: String(version), to: String(to), chart: String(chart), at: String(at) });
  };
  window.addEventListener("message", read);
  from.postMessage(ASKED, location.origin);
}
