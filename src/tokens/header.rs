use jsonwebtoken::Header;

/// Whether the text is three base64url parts, separated by dots (JWS compact serialisation, RFC 7515 §7.1).
pub(super) fn is_compact_jws(token: &str) -> bool {
    let is_part = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    token.split('.').count() == 3 && token.split('.').all(is_part)
}

/// Whether a header has a type, with or without the prefix `application/` (RFC 7515 §4.1.9).
pub(super) fn has_type(header: &Header, name: &str) -> bool {
    header.typ.as_deref().is_some_and(|typ| {
        let prefix = "application/";
        let has_prefix = typ.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
        typ[if has_prefix { prefix.len() } else { 0 }..].eq_ignore_ascii_case(name)
    })
}

/// Whether the header contains a key or where to find one, or requires an extension (`crit`, RFC 7515 §4.1.11).
pub(super) const fn names_a_key(header: &Header) -> bool {
    header.jku.is_some()
        || header.jwk.is_some()
        || header.x5u.is_some()
        || header.x5c.is_some()
        || header.crit.is_some()
}
