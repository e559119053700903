/** Where the API is: here the shop's own origin. A shop that is served elsewhere has another copy of this file. */

export const api = location.origin
