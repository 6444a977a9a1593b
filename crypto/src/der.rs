//! The little DER (ITU-T X.690) that public keys and PKCS#8 need: written by hand, read strictly.

pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const BIT_STRING: u8 = 0x03;
pub(crate) const OCTET_STRING: u8 = 0x04;
pub(crate) const NULL: u8 = 0x05;
pub(crate) const OBJECT_IDENTIFIER: u8 = 0x06;
pub(crate) const SEQUENCE: u8 = 0x30;

/// Object identifiers, encoded.
pub(crate) mod oid {
    /// 1.2.840.113549.1.1.1, rsaEncryption (RFC 8017 appendix A.1).
    pub(crate) const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
    /// 1.2.840.10045.2.1, id-ecPublicKey (RFC 5480 §2.1.1).
    pub(crate) const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
    /// 1.2.840.10045.3.1.7, secp256r1.
    pub(crate) const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
    /// 1.3.132.0.34, secp384r1.
    pub(crate) const P384: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x22];
    /// 1.3.132.0.35, secp521r1.
    pub(crate) const P521: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x23];
    /// 1.3.101.112, id-Ed25519 (RFC 8410 §3).
    pub(crate) const ED25519: &[u8] = &[0x2b, 0x65, 0x70];
    /// 1.3.101.113, id-Ed448 (RFC 8410 §3).
    pub(crate) const ED448: &[u8] = &[0x2b, 0x65, 0x71];
}

/// One element: tag, length, content.
pub(crate) fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(content.len() + 6);
    bytes.push(tag);
    match u8::try_from(content.len()) {
        Ok(short) if short < 0x80 => bytes.push(short),
        _ => {
            let length = content.len().to_be_bytes();
            let length: Vec<u8> = length.into_iter().skip_while(|byte| *byte == 0).collect();
            // At most 8 octets of length.
            bytes.push(0x80 | u8::try_from(length.len()).unwrap_or_default());
            bytes.extend(length);
        }
    }
    bytes.extend_from_slice(content);
    bytes
}

/// A sequence of encoded elements.
pub(crate) fn sequence(elements: &[&[u8]]) -> Vec<u8> {
    element(SEQUENCE, &elements.concat())
}

/// A bit string without unused bits.
pub(crate) fn bit_string(bytes: &[u8]) -> Vec<u8> {
    element(BIT_STRING, &[&[0], bytes].concat())
}

/// A non-negative integer from big-endian bytes.
pub(crate) fn integer(bytes: &[u8]) -> Vec<u8> {
    let mut content: Vec<u8> = bytes
        .iter()
        .copied()
        .skip_while(|byte| *byte == 0)
        .collect();
    if content.first().is_none_or(|byte| *byte & 0x80 != 0) {
        content.insert(0, 0);
    }
    element(INTEGER, &content)
}

/// Splits one element off: its tag, its content, and what follows it.
pub(crate) fn split(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, rest) = bytes.split_first()?;
    let (first, mut rest) = rest.split_first()?;
    let length = if *first < 0x80 {
        usize::from(*first)
    } else {
        let octets = usize::from(first & 0x7f);
        // Four octets of length are 4 GiB: more than any limit of ours. Zero would be BER.
        if octets == 0 || octets > 4 {
            return None;
        }
        let (length, after) = rest.split_at_checked(octets)?;
        rest = after;
        length
            .iter()
            .fold(0, |length, byte| (length << 8) | usize::from(*byte))
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((*tag, content, rest))
}

/// The content of one element that must have `tag`, and what follows it.
pub(crate) fn expect(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (found, content, rest) = split(bytes)?;
    (found == tag).then_some((content, rest))
}

/// `PrivateKeyInfo` (RFC 5208 §5): the algorithm's object identifier, its parameters, the key.
pub(crate) fn private_key_info(pkcs8: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let (info, _) = expect(pkcs8, SEQUENCE)?;
    let (_version, rest) = expect(info, INTEGER)?;
    let (algorithm, rest) = expect(rest, SEQUENCE)?;
    let (identifier, parameters) = expect(algorithm, OBJECT_IDENTIFIER)?;
    let (key, _attributes) = expect(rest, OCTET_STRING)?;
    Some((identifier, parameters, key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths() {
        for length in [0, 1, 127, 128, 255, 256, 65_535, 65_536] {
            let content = vec![7; length];
            let bytes = element(OCTET_STRING, &content);
            assert_eq!(split(&bytes), Some((OCTET_STRING, &content[..], &[][..])));
            assert_eq!(split(&bytes[..bytes.len() - 1]), None);
        }
        assert_eq!(split(&[]), None);
        assert_eq!(split(&[4, 0x80]), None);
        assert_eq!(split(&[4, 0x85, 1, 1, 1, 1, 1]), None);
    }

    #[test]
    fn integers_are_minimal_and_positive() {
        assert_eq!(integer(&[0, 0, 0x7f]), [2, 1, 0x7f]);
        assert_eq!(integer(&[0x80]), [2, 2, 0, 0x80]);
        assert_eq!(integer(&[]), [2, 1, 0]);
    }
}
