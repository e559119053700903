/** Before anything is shown: the theme that was chosen here, if any. A script, since a module would come too late. */

document.documentElement.dataset.theme = localStorage.getItem("theme") ?? ""
