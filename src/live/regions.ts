/** Which region of Durable Objects is near a client, told by where Cloudflare thinks that it is. */

/** As much of a request's `cf` as is needed: two letters each, and degrees as text. */
export interface Place {
  readonly continent?: unknown
  readonly country?: unknown
  readonly longitude?: unknown
}

export type Region = DurableObjectLocationHint | typeof NOWHERE

/** Where nobody knows where the client is, such as on a developer's machine: near whoever comes first. */
export const NOWHERE = "local"

/** The Middle East, on two continents; what is nearer to Europe than to the rest of its own continent. */
const BY_COUNTRY = new Map([
  ...each("me", "AE BH EG IL IQ IR JO KW LB OM PS QA SA SY YE"),
  ...each("weur", "DZ EH LY MA TN"),
  ...each("eeur", "AM AZ CY GE KG KZ TJ TM TR UZ"),
])

type Band = readonly [to: number, hint: DurableObjectLocationHint]

/** From west to east: each reaches to its longitude. */
const BY_CONTINENT = new Map<unknown, readonly [Band, ...Band[]]>([
  [
    "NA",
    [
      [-100, "wnam"],
      [180, "enam"],
    ],
  ],
  ["SA", [[180, "sam"]]],
  [
    "EU",
    [
      [15, "weur"],
      [90, "eeur"],
      [180, "apac"],
    ],
  ],
  ["AF", [[180, "afr"]]],
  ["AS", [[180, "apac"]]],
  ["OC", [[180, "oc"]]],
  ["AN", [[180, "oc"]]],
])

/** The west of a continent where the longitude isn't known. */
export function regionOf({ continent, country, longitude }: Place = {}): Region {
  const bands = BY_CONTINENT.get(continent)
  if (!bands) return NOWHERE
  const degrees = Number.parseFloat(String(longitude))
  const [, near] = bands.find(([to]) => degrees <= to) ?? bands[0]
  return BY_COUNTRY.get(String(country)) ?? near
}

function each(hint: DurableObjectLocationHint, countries: string) {
  return countries.split(" ").map((country) => [country, hint] as const)
}
