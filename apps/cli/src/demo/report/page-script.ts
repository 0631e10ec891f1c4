/**
 * A little script for comfort: figures under the pointer, and a switch between light and dark. The page can be read
 * without it. Where it runs, the drawings' `<title>` becomes an `aria-label`, so that browsers do not show it as a second
 * tooltip; folded plots (not folded tables) open for printing.
 */
export const PAGE_SCRIPT = `(() => {
const root = document.documentElement;
const dark = () => root.dataset.theme ? root.dataset.theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
const theme = document.getElementById('theme');
const name = () => { theme.textContent = dark() ? 'Light' : 'Dark'; theme.setAttribute('aria-label', 'Switch to ' + (dark() ? 'light' : 'dark') + ' colours'); };
theme.hidden = false;
theme.onclick = () => { root.dataset.theme = dark() ? 'light' : 'dark'; name(); };
name();
for (const title of document.querySelectorAll('svg > title')) { title.parentNode.setAttribute('aria-label', title.textContent); title.remove(); }
const tip = document.getElementById('tip');
const hide = () => { tip.hidden = true; };
document.addEventListener('pointermove', (event) => {
  const mark = event.target.closest && event.target.closest('[data-tip]');
  if (!mark) return hide();
  tip.textContent = mark.getAttribute('data-tip');
  tip.hidden = false;
  const box = tip.getBoundingClientRect();
  const above = event.clientY - box.height - 14;
  tip.style.left = Math.max(4, Math.min(innerWidth - box.width - 4, event.clientX + 12)) + 'px';
  tip.style.top = (above < 4 ? event.clientY + 18 : above) + 'px';
});
document.addEventListener('scroll', hide, { passive: true });
addEventListener('beforeprint', () => { for (const part of document.querySelectorAll('details.more')) part.open = true; });
})();`;
