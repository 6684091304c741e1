//! Comparing addresses that are written differently: what a program prints need not be letter for
//! letter what stood in the list.

/// The form in which two spellings of one address are equal: no scheme, no user, host in lower case
/// without its port, path with its percent-escapes undone, no fragment.
///
/// The port is left out because lower tiers choose it at run time; paths are unique in a list.
pub fn plain(address: &str) -> String {
    let rest = match address.split_once("://") {
        Some((_, rest)) => rest,
        None => address,
    };
    let rest = rest.split('#').next().unwrap_or(rest);
    let (authority, path) = match rest.find(['/', '?']) {
        Some(at) => rest.split_at(at),
        None => (rest, "/"),
    };
    let host = authority.rsplit('@').next().unwrap_or(authority);
    let host = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    format!("{}{}", host.to_lowercase(), undo_escapes(path))
}

fn undo_escapes(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        if let [b'%', high, low, tail @ ..] = rest
            && let (Some(high), Some(low)) = (hex(*high), hex(*low))
        {
            bytes.push(high * 16 + low);
            rest = tail;
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|d| u8::try_from(d).ok())
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn spellings_of_one_address_are_equal() {
        for (a, b) in [
            ("http://Alpha.test:8000/a%20b", "http://alpha.test:8000/a b"),
            ("http://alpha.test:8000/x?q=%C3%A9", "alpha.test/x?q=é"),
            ("http://alpha.test", "http://me@alpha.test:80/#top"),
            ("http://127.0.0.2:4711/x", "http://127.0.0.2/x"),
        ] {
            assert_eq!(plain(a), plain(b), "{a} {b}");
        }
        assert_ne!(plain("http://alpha.test/a"), plain("http://alpha.test/b"));
        assert_ne!(plain("http://alpha.test/a"), plain("http://beta.test/a"));
        assert_eq!(plain("50%"), "50%/");
    }
}
