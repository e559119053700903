/** Before anything is shown: the theme that was chosen here, if any. A script, since a module would come too late. */

try {
  document.documentElement.dataset.theme = localStorage.getItem("theme") ?? ""
} catch {} // the browser keeps nothing for the site: its own theme

/** The browser may go to the next page without the movement between the two, which is no error. */
for (const name of ["pageswap", "pagereveal"])
  addEventListener(name, ({ viewTransition }) => {
    for (const stage of ["ready", "finished", "updateCallbackDone"]) viewTransition?.[stage].catch(() => {})
  })
