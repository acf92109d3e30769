// Light or dark, before anything is painted: the person's choice, else the system's.
(function () {
  const system = matchMedia("(prefers-color-scheme: dark)");
  function apply() {
    let chosen = null;
    try { chosen = localStorage.getItem("theme"); } catch { /* no storage: the system decides */ }
    document.documentElement.dataset.bsTheme = chosen || (system.matches ? "dark" : "light");
  }
  apply();
  system.addEventListener("change", apply);
  addEventListener("storage", apply);
  window.fleetTheme = {
    choose(theme) {
      try { theme ? localStorage.setItem("theme", theme) : localStorage.removeItem("theme"); } catch { /* for this page alone */ }
      apply();
      if (theme) document.documentElement.dataset.bsTheme = theme;
    },
  };
})();
