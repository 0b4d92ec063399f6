// Light, dark, or as the system has it. It runs before the page is drawn, so that nothing flashes.

const NAME = "trio-sts-theme";
const CHOICES = ["system", "light", "dark"];

/** What is chosen: one of CHOICES. */
export function chosen() {
  try {
    const kept = localStorage.getItem(NAME);
    return CHOICES.includes(kept) ? kept : "system";
  } catch {
    return "system";
  }
}

export function choose(theme) {
  try {
    localStorage.setItem(NAME, theme);
  } catch {
    // A browser that keeps nothing: the choice holds for this page.
  }
  apply(theme);
}

export function next(theme) {
  return CHOICES[(CHOICES.indexOf(theme) + 1) % CHOICES.length];
}

function apply(theme) {
  if (theme === "system") document.documentElement.removeAttribute("data-theme");
  else document.documentElement.setAttribute("data-theme", theme);
  document.dispatchEvent(new Event("themechange"));
}

apply(chosen());
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  document.dispatchEvent(new Event("themechange"));
});
