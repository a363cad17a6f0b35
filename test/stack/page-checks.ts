import type { Page } from "puppeteer-core";

export type Weak = { text: string; ratio: number; color: string; ground: string };

/** Text whose contrast to its ground is below what WCAG AA asks: 4.5, and 3 for large text. */
export const weakTexts = (page: Page): Promise<Weak[]> => page.evaluate(weakTextsInPage) as Promise<Weak[]>;

/** How far the page is wider than its window. */
export const overflowOf = (page: Page): Promise<number> =>
  page.evaluate("document.documentElement.scrollWidth - innerWidth") as Promise<number>;

const weakTextsInPage = `(() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (color) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const groundOf = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = getComputedStyle(at).backgroundColor;
      if (rgba(color)[3] === 255) return color;
    }
    return "white";
  };
  const weak = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    const text = walker.currentNode.data.trim();
    if (text === "" || element.closest("svg, title, script") || !element.checkVisibility()) continue;
    const style = getComputedStyle(element);
    const ground = groundOf(element);
    const [a, b] = [light(rgba(style.color)), light(rgba(ground))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    const size = parseFloat(style.fontSize);
    const isLarge = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    if (ratio < (isLarge ? 3 : 4.5)) weak.push({ text: text.slice(0, 40), ratio: Math.round(ratio * 100) / 100, color: style.color, ground });
  }
  return weak;
})()`;

export type Stop = { name: string; isVisible: boolean };

/** What the Tab key reaches, in its order, and whether one can see where one is. */
export async function tabStops(page: Page, max = 400): Promise<Stop[]> {
  const stops: Stop[] = [];
  for (;;) {
    await page.keyboard.press("Tab");
    const stop = (await page.evaluate(focusInPage)) as (Stop & { number: number }) | null;
    if (stop === null || stop.number < stops.length - 1 || stops.length >= max) return stops;
    // A field for a time holds the key once for each of its parts.
    if (stop.number === stops.length) stops.push({ name: stop.name, isVisible: stop.isVisible });
  }
}

const focusInPage = `(() => {
  const at = document.activeElement;
  if (!at || at === document.body) return null;
  const seen = (window.focusSeen ??= []);
  if (!seen.includes(at)) seen.push(at);
  const style = getComputedStyle(at);
  const reach = at.querySelector?.(".reach");
  const box = at.getBoundingClientRect();
  const isOutlined = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
  const isFilled = reach && getComputedStyle(reach).fillOpacity === "0.25";
  return {
    name: [at.tagName.toLowerCase(), at.id || at.getAttribute("aria-label") || at.textContent.trim().slice(0, 40)].join(" "),
    isVisible: Boolean(isOutlined || isFilled) && box.width > 0 && box.height > 0 && box.top >= 0 && box.bottom <= innerHeight + 1,
    number: seen.indexOf(at),
  };
})()`;
