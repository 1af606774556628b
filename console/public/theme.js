// Runs before the first paint, so that a dark console never flashes white. A file of its own, for the policy allows no inline script.
const kept = localStorage.getItem('galerne-theme')
const dark = kept === 'dark' || (kept !== 'light' && matchMedia('(prefers-color-scheme: dark)').matches)
document.documentElement.dataset.theme = dark ? 'dark' : 'light'
