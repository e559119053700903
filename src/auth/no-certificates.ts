/**
 * Stands in for `@peculiar/x509` in the bundle (`[alias]` in wrangler.toml), an eighth of its size. The passkey library
 * reads certificates of attested registrations alone, and those never get to it.
 */

class Unused {
  constructor() {
    throw new TypeError("certificates of authenticators are not read")
  }
}

export {
  Unused as AuthorityKeyIdentifierExtension,
  Unused as CRLDistributionPointsExtension,
  Unused as SubjectKeyIdentifierExtension,
  Unused as X509Certificate,
  Unused as X509ChainBuilder,
  Unused as X509Crl,
}
