//! What an archive's header says of where it is from and of what made it. Used by the readers and
//! writers of every format.

use crate::files::SourceFacts;
use crate::text::TextForm;
use crate::toc::Toc;

/// Adds what the header of an archive says.
pub(super) fn add_facts(source: &mut SourceFacts, toc: &Toc) {
    let form = TextForm::of_encoding(&toc.encoding);
    source.database = form
        .decode(&toc.database)
        .unwrap_or_else(|_| String::from_utf8_lossy(&toc.database).into_owned());
    source.server_version = toc.server_version.clone();
    source.server_version_num = version_number(&toc.server_version);
    source.encoding = toc.encoding.clone();
}

/// The Toc to write: one that does not say what made it was made by dr.
pub(super) fn signed(mut toc: Toc) -> Toc {
    if toc.dump_version.is_empty() {
        concat!("dr ", env!("CARGO_PKG_VERSION")).clone_into(&mut toc.dump_version);
    }
    toc
}

/// `server_version_num` of a `server_version` such as `15.18 (Debian …)`; 0 if it shows none.
fn version_number(text: &str) -> u32 {
    let mut numbers = text
        .split(|char: char| !char.is_ascii_digit() && char != '.')
        .next()
        .unwrap_or_default()
        .split('.')
        .map(|number| number.parse().unwrap_or(0));
    let mut next = || numbers.next().unwrap_or(0).min(9_999);
    let major: u32 = next();
    // Before 10 the first two numbers made the major version.
    if major >= 10 {
        major * 10_000 + next()
    } else {
        major * 10_000 + next() * 100 + next()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_read_as_a_number() {
        assert_eq!(version_number("15.18 (Debian 15.18-0+deb12u1)"), 150_018);
        assert_eq!(version_number("18beta1"), 180_000);
        assert_eq!(version_number("9.6.24"), 90_624);
        assert_eq!(version_number(""), 0);
    }
}
