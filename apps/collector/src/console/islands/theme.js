// The switch between light and dark. The choice is a cookie, so that the server draws the next page in it at once and
// no page flashes in the other colours.
const button = document.getElementById("theme");
const root = document.documentElement;
const themes = ["auto", "light", "dark"];

const show = () => {
  const theme = root.dataset.theme ?? "auto";
  button.textContent = `Theme: ${theme}`;
  button.hidden = false;
};

button?.addEventListener("click", () => {
  const next = themes[(themes.indexOf(root.dataset.theme) + 1) % themes.length];
  root.dataset.theme = next;
  document.querySelector('meta[name="color-scheme"]').content = next === "auto" ? "light dark" : next;
  // biome-ignore lint/suspicious/noDocumentCookie: the Cookie Store API is missing in browsers of this year.
  document.cookie = `locum_theme=${next}; path=/; max-age=31536000; samesite=strict`;
  show();
});
if (button) show();
