// Run by a browser at the end of a page: what is to be seen of it, as JSON.
const box = (e) => e.getBoundingClientRect();
const inside = (a, b) => a.left >= b.left - 1 && a.right <= b.right + 1 &&
  a.top >= b.top - 1 && a.bottom <= b.bottom + 1;
const drawing = (id) => {
  const svg = document.querySelector(`#${id} svg`);
  if (!svg) return null;
  const bars = [...svg.querySelectorAll("rect")].slice(1); // the first is the ground
  return {
    bars: bars.length,
    colours: new Set(bars.map((r) => getComputedStyle(r).fill)).size,
    seen: bars.every((r) => box(r).width > 0 && inside(box(r), box(svg))),
    fits: box(svg).width <= document.querySelector(`#${id}`).clientWidth + 1,
    labels: [...svg.querySelectorAll("text")].map((t) => t.textContent),
  };
};
const seen = {
  title: document.title,
  planned: drawing("planned"),
  ran: drawing("ran"),
  ranks: document.querySelectorAll("#ranks tr").length - 1,
  operators: document.querySelectorAll("#operators tr").length - 1,
  certificate: document.querySelector("#certificate").innerText,
  wide: document.documentElement.scrollWidth <= window.innerWidth,
  loads: performance.getEntriesByType("resource").length,
};
const pre = document.createElement("pre");
pre.id = "look";
pre.textContent = JSON.stringify(seen);
document.body.append(pre);
