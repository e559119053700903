/** Before anything is shown: the theme that was chosen here, if any. A script, since a module would come too late. */

try {
  document.documentElement.dataset.theme = localStorage.getItem("theme") ?? ""
} catch {} // the browser keeps nothing for the site: its own theme
