// Runs before the first paint, so that neither the theme nor the language flashes. A classic script without imports.
(() => {
    let prefs = /** @type {any} */ ({});
    try { prefs = JSON.parse(localStorage.getItem('todo-prefs') ?? '{}'); } catch { /* the defaults */ }
    const root = document.documentElement;
    if (prefs.theme === 'dark' || prefs.theme === 'light') root.classList.add(prefs.theme);
    if (prefs.language === 'de' || prefs.language === 'en') root.lang = prefs.language;
})();
