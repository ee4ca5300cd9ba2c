//! Patterns of names, as people write them for `--table` and its like.
//!
//! - Any text is a pattern or is refused with `Usage`; a pattern answers for any name.
//! - A pattern is given back as it was written.
//! - A name in double quotes, its own doubled, is a pattern of that name and of nothing else.

use dr_core::ErrorKind;
use dr_core::toc::Pattern;

/// See the module. The first line is the pattern, what follows a name.
pub fn hold(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    let (pattern, name) = text.split_once('\n').unwrap_or((text, ""));
    for parsed in [Pattern::relation(pattern), Pattern::schema(pattern)] {
        match parsed {
            Ok(parsed) => {
                assert_eq!(parsed.to_string(), pattern);
                let found = parsed.matches(name, name);
                assert!(!found || parsed.matches_schema(name));
                if parsed.is_literal() && !parsed.is_qualified() && found {
                    assert!(!parsed.matches_schema(&format!("{name}x")));
                    assert!(!parsed.matches_schema(&format!("x{name}")));
                }
            }
            Err(error) => assert_eq!(error.kind(), ErrorKind::Usage, "{error}"),
        }
    }
    quoted(pattern, name);
}

fn quoted(schema: &str, name: &str) {
    // Longer than any name: an expression that long is refused.
    if schema.len() > 1000 || name.len() > 1000 {
        return;
    }
    let quote = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
    let pattern = Pattern::relation(&format!("{}.{}", quote(schema), quote(name)))
        .expect("a name in quotes is a pattern");
    assert!(pattern.is_literal() && pattern.is_qualified());
    assert!(pattern.matches(schema, name));
    for other in ["", "x", "X", "\n", "."] {
        let longer = format!("{name}{other}");
        assert_eq!(pattern.matches(schema, &longer), other.is_empty());
        let longer = format!("{other}{schema}");
        assert_eq!(pattern.matches(&longer, name), other.is_empty());
    }
    for other in [schema, name] {
        assert_eq!(pattern.matches(other, name), other == schema);
        assert_eq!(pattern.matches(schema, other), other == name);
    }
}
