/** Elements, built without HTML text: what people wrote is never read as markup. */

const SVG = "http://www.w3.org/2000/svg"

/**
 * @param attributes As in HTML; `onclick` and its like take functions, `hidden` and its like booleans, and what is
 *   undefined is left out.
 * @param children Elements and texts; what is undefined, null or false is left out.
 */
export function element(name, attributes = {}, ...children) {
  return build(document.createElement(name), attributes, children)
}

export function svg(name, attributes = {}, ...children) {
  return build(document.createElementNS(SVG, name), attributes, children)
}

/** One of `icons.svg`; it says nothing to screen readers. */
export function icon(name) {
  return svg("svg", { class: "icon", "aria-hidden": "true" }, svg("use", { href: `/shop/icons.svg#${name}` }))
}

/** The first that matches; it must be there. */
export function find(selector, within = document) {
  const found = within.querySelector(selector)
  if (!found) throw new TypeError(`There is no ${selector} on this page.`)
  return found
}

function build(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue
    if (typeof value === "function") node.addEventListener(name.slice(2), value)
    else node.setAttribute(name, value === true ? "" : value)
  }
  node.append(...children.flat().filter((child) => child !== undefined && child !== null && child !== false))
  return node
}
