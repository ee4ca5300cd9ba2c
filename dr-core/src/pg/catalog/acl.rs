//! ACLs as GRANT and REVOKE commands, and the ACL entries they make. Used by every family whose
//! objects have privileges; it is handed `aclitem[]` values as text and never asks a server.
//!
//! The commands lead from the privileges an object has when it is created (or those its extension
//! gave it) to the ones it has now, as pg_dump's `buildACLCommands` writes them.

use std::fmt::Write as _;

use crate::error::{Error, ErrorKind, Result};
use crate::pg::Row;
use crate::text::{append_array_item, identifier, parse_array};
use crate::toc::{EntryId, Kind, Section};

use super::render::{Draft, Out};

/// What is granted on: the word in the command, and which privileges there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Grantable {
    /// A table, view, materialized view or foreign table.
    Table,
    /// A sequence.
    Sequence,
    /// A function or an aggregate.
    Function,
    /// A procedure.
    Procedure,
    /// A procedural language.
    Language,
    /// A schema.
    Schema,
    /// A database.
    Database,
    /// A type or a domain.
    Type,
    /// A foreign data wrapper.
    ForeignDataWrapper,
    /// A foreign server.
    ForeignServer,
    /// A large object.
    LargeObject,
    /// A tablespace.
    Tablespace,
    /// A setting of the server.
    Parameter,
    /// Default privileges of tables.
    Tables,
    /// Default privileges of sequences.
    Sequences,
    /// Default privileges of functions.
    Functions,
    /// Default privileges of types.
    Types,
    /// Default privileges of schemas.
    Schemas,
    /// Default privileges of large objects.
    LargeObjects,
}

impl Grantable {
    /// The word after ON, such as `TABLE`.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Table => "TABLE",
            Self::Sequence => "SEQUENCE",
            Self::Function => "FUNCTION",
            Self::Procedure => "PROCEDURE",
            Self::Language => "LANGUAGE",
            Self::Schema => "SCHEMA",
            Self::Database => "DATABASE",
            Self::Type => "TYPE",
            Self::ForeignDataWrapper => "FOREIGN DATA WRAPPER",
            Self::ForeignServer => "FOREIGN SERVER",
            Self::LargeObject => "LARGE OBJECT",
            Self::Tablespace => "TABLESPACE",
            Self::Parameter => "PARAMETER",
            Self::Tables => "TABLES",
            Self::Sequences => "SEQUENCES",
            Self::Functions => "FUNCTIONS",
            Self::Types => "TYPES",
            Self::Schemas => "SCHEMAS",
            Self::LargeObjects => "LARGE OBJECTS",
        }
    }

    /// The default privileges an entry of `pg_default_acl` is about.
    ///
    /// # Errors
    ///
    /// `Unsupported` for an object type no PostgreSQL known here has.
    pub(crate) fn of_default_acl(object_type: u8) -> Result<Self> {
        Ok(match object_type {
            b'r' => Self::Tables,
            b'S' => Self::Sequences,
            b'f' => Self::Functions,
            b'T' => Self::Types,
            b'n' => Self::Schemas,
            b'L' => Self::LargeObjects,
            other => {
                return Err(Error::new(
                    ErrorKind::Unsupported,
                    format!(
                        "default privileges for the unknown object type {:?}",
                        char::from(other)
                    ),
                ));
            }
        })
    }

    /// Codes of `aclitem` and the words for them, in the order pg_dump lists them. MAINTAIN counts
    /// also for a server that has none: `ALL` must not give more than there was.
    fn privileges(self, column: bool) -> &'static [(char, &'static str)] {
        match self {
            Self::Table if column => &[
                ('r', "SELECT"),
                ('a', "INSERT"),
                ('x', "REFERENCES"),
                ('w', "UPDATE"),
            ],
            Self::Table | Self::Tables => &[
                ('r', "SELECT"),
                ('a', "INSERT"),
                ('x', "REFERENCES"),
                ('d', "DELETE"),
                ('t', "TRIGGER"),
                ('D', "TRUNCATE"),
                ('m', "MAINTAIN"),
                ('w', "UPDATE"),
            ],
            Self::Sequence | Self::Sequences => &[('r', "SELECT"), ('U', "USAGE"), ('w', "UPDATE")],
            Self::Function | Self::Functions | Self::Procedure => &[('X', "EXECUTE")],
            Self::Language
            | Self::Type
            | Self::Types
            | Self::ForeignDataWrapper
            | Self::ForeignServer => &[('U', "USAGE")],
            Self::Schema | Self::Schemas => &[('C', "CREATE"), ('U', "USAGE")],
            Self::Database => &[('C', "CREATE"), ('c', "CONNECT"), ('T', "TEMPORARY")],
            Self::Tablespace => &[('C', "CREATE")],
            Self::Parameter => &[('s', "SET"), ('A', "ALTER SYSTEM")],
            Self::LargeObject | Self::LargeObjects => &[('r', "SELECT"), ('w', "UPDATE")],
        }
    }
}

/// The privileges of one object, as the server writes `aclitem[]` values: `{a=r/b,=r/b}`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Acl {
    /// What the object has now; `None` if it was never granted on.
    pub(crate) current: Option<String>,
    /// What an object of its kind and owner has when it is created: `acldefault()`.
    pub(crate) default: String,
    /// What it had when its extension was created or initdb was done: `pg_init_privs`.
    pub(crate) initial: Option<String>,
}

/// What the commands are about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target<'a> {
    /// What it is.
    pub(crate) kind: Grantable,
    /// Its schema, not quoted; empty if it lives in none.
    pub(crate) namespace: &'a str,
    /// Its name as it stands in the command: quoted, with arguments for a function.
    pub(crate) name: &'a str,
    /// The column, quoted, for privileges of a column.
    pub(crate) column: Option<&'a str>,
    /// Its owner, not quoted; empty if not known.
    pub(crate) owner: &'a str,
}

/// The three columns an [`Acl`] is read from, for an object of the catalog table and with the
/// alias given: `acl` is its column of privileges, `kind` the letter `acldefault` wants.
pub(crate) fn columns(catalog: &str, alias: &str, acl: &str, owner: &str, kind: char) -> String {
    format!(
        "{alias}.{acl}::pg_catalog.text AS acl, \
         pg_catalog.acldefault('{kind}', {alias}.{owner})::pg_catalog.text AS acldefault, \
         (SELECT i.initprivs::pg_catalog.text FROM pg_catalog.pg_init_privs i \
          WHERE i.classoid = 'pg_catalog.{catalog}'::pg_catalog.regclass \
          AND i.objoid = {alias}.oid AND i.objsubid = 0) AS initprivs"
    )
}

impl Acl {
    /// Takes the columns that [`columns`] asks for. An object never granted on has its initial
    /// privileges still, and needs no commands.
    ///
    /// # Errors
    ///
    /// As [`Row::text`].
    pub(crate) fn of_row(row: &Row) -> Result<Self> {
        let current = row.opt_text("acl")?;
        let initial = match current {
            Some(_) => row.opt_text("initprivs")?,
            None => None,
        };
        Ok(Self {
            current,
            default: row.text("acldefault")?,
            initial,
        })
    }

    /// Puts the ACL entry of an object, if it needs one, and says its number. `tag` stands in for
    /// the usual tag, the words of the command.
    ///
    /// # Errors
    ///
    /// `Format` if an ACL is not as `aclitemout` writes it.
    pub(crate) fn put(
        &self,
        target: &Target<'_>,
        tag: Option<&str>,
        needs: Vec<EntryId>,
        out: &mut Out,
    ) -> Result<Option<EntryId>> {
        let definition = self.commands(target)?;
        if definition.is_empty() {
            return Ok(None);
        }
        let usual = match target.column {
            Some(column) => format!("COLUMN {}.{column}", target.name),
            None => format!("{} {}", target.kind.as_str(), target.name),
        };
        let mut draft = Draft::new(Kind::Acl, tag.map_or(usual, str::to_owned));
        draft.section = Section::None;
        draft.definition = definition;
        draft.namespace = (!target.namespace.is_empty()).then(|| target.namespace.to_owned());
        draft.owner = target.owner.to_owned();
        draft.needs = needs;
        for acl in [
            self.current.as_ref(),
            Some(&self.default),
            self.initial.as_ref(),
        ] {
            out.roles.extend(roles(acl.map_or("{}", String::as_str))?);
        }
        Ok(Some(out.put_fresh(draft)))
    }

    /// The commands, or nothing if none are needed.
    ///
    /// # Errors
    ///
    /// `Format` if an ACL is not as `aclitemout` writes it.
    pub(crate) fn commands(&self, target: &Target<'_>) -> Result<String> {
        match self.initial.as_deref().filter(|acl| !acl.is_empty()) {
            Some(initial) => {
                let current = self.current.as_deref().unwrap_or(&self.default);
                commands("", target, current, initial)
            }
            None => match &self.current {
                Some(current) => commands("", target, current, &self.default),
                None => Ok(String::new()),
            },
        }
    }
}

/// The `ALTER DEFAULT PRIVILEGES` commands of one entry of `pg_default_acl`: from `default`
/// (`acldefault()`, or `{}` for an entry of one schema) to `current`. `namespace` is empty for
/// an entry of the whole database.
///
/// # Errors
///
/// `Format` if an ACL is not as `aclitemout` writes it.
pub(crate) fn default_privileges(
    kind: Grantable,
    namespace: &str,
    owner: &str,
    current: &str,
    default: &str,
) -> Result<String> {
    let mut prefix = format!("ALTER DEFAULT PRIVILEGES FOR ROLE {} ", identifier(owner));
    if !namespace.is_empty() {
        let _ = write!(prefix, "IN SCHEMA {} ", identifier(namespace));
    }
    let target = Target {
        kind,
        namespace: "",
        name: "",
        column: None,
        owner,
    };
    commands(&prefix, &target, current, default)
}

/// The ACL that schema `public` of a fresh database will have once it belongs to `owner`:
/// everything for the owner, USAGE for all. pg_dump takes it for the initial privileges of
/// `public` whatever the server says, so that a restore gives the same privileges on any version.
pub(crate) fn public_schema_initial(owner: &str) -> String {
    let owner = quote_role(owner);
    let mut acl = String::from("{");
    append_array_item(&mut acl, &format!("{owner}=UC/{owner}"));
    append_array_item(&mut acl, &format!("=U/{owner}"));
    acl.push('}');
    acl
}

/// The roles an ACL names.
///
/// # Errors
///
/// `Format` if it is not as `aclitemout` writes it.
pub(crate) fn roles(acl: &str) -> Result<Vec<String>> {
    let mut roles = Vec::new();
    for item in parse_array(acl)? {
        let item = Item::parse(&item)?;
        roles.extend(
            [item.grantee, item.grantor]
                .into_iter()
                .filter(|role| !role.is_empty()),
        );
    }
    Ok(roles)
}

/// A role as `putid` of the server writes it inside an `aclitem`.
fn quote_role(role: &str) -> String {
    // Not the rule of identifiers: upper case is safe here. A byte above 0x7F is quoted by servers
    // since the 2025 minor releases, and by pg_dump in the C locale.
    if role.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
        role.to_owned()
    } else {
        format!("\"{}\"", role.replace('"', "\"\""))
    }
}

fn commands(prefix: &str, target: &Target<'_>, current: &str, base: &str) -> Result<String> {
    let current = parse_array(current)?;
    let base = parse_array(base)?;
    let Target {
        kind,
        namespace,
        name,
        column,
        owner,
    } = *target;
    let mut on = format!(" ON {} ", kind.as_str());
    if !namespace.is_empty() {
        let _ = write!(on, "{}.", identifier(namespace));
    }
    if !name.is_empty() {
        let _ = write!(on, "{name} ");
    }
    let role = |role: &str| {
        if role.is_empty() {
            "PUBLIC".to_owned()
        } else {
            identifier(role).into_owned()
        }
    };

    // The owner's own grants go first: they carry the grant options the others rest on.
    let mut first = String::new();
    let mut second = String::new();
    for item in base.iter().filter(|item| !current.contains(item)) {
        let item = Item::parse(item)?;
        let (plain, with_option) = item.privileges(kind, column);
        // A revoke takes the grant option with it, so the two lists are one here.
        let all = item
            .all(kind, column)
            .unwrap_or_else(|| join(&plain, &with_option, kind, column));
        if !all.is_empty() {
            let _ = writeln!(
                first,
                "{prefix}REVOKE {all}{on}FROM {};",
                role(&item.grantee)
            );
        }
    }
    for item in current.iter().filter(|item| !base.contains(item)) {
        let item = Item::parse(item)?;
        let (mut plain, mut with_option) = item.privileges(kind, column);
        let total = kind.privileges(column.is_some()).len();
        let all = match column {
            Some(column) => format!("ALL({column})"),
            None => "ALL".to_owned(),
        };
        if with_option.len() == total {
            with_option = vec![all];
        } else if plain.len() == total {
            plain = vec![all];
        }
        if plain.is_empty() && with_option.is_empty() {
            continue;
        }
        let grantor = if item.grantor.is_empty() {
            owner
        } else {
            &item.grantor
        };
        let out = if !owner.is_empty() && item.grantee == owner && grantor == owner {
            &mut first
        } else {
            &mut second
        };
        let other_grantor = !grantor.is_empty() && grantor != owner;
        if other_grantor {
            let _ = writeln!(out, "SET SESSION AUTHORIZATION {};", identifier(grantor));
        }
        let to = role(&item.grantee);
        if !plain.is_empty() {
            let _ = writeln!(out, "{prefix}GRANT {}{on}TO {to};", plain.join(","));
        }
        if !with_option.is_empty() {
            let _ = writeln!(
                out,
                "{prefix}GRANT {}{on}TO {to} WITH GRANT OPTION;",
                with_option.join(",")
            );
        }
        if other_grantor {
            out.push_str("RESET SESSION AUTHORIZATION;\n");
        }
    }
    Ok(first + &second)
}

/// The privileges of a revoked item, in the order of the kind's list.
fn join(plain: &[String], with_option: &[String], kind: Grantable, column: Option<&str>) -> String {
    kind.privileges(column.is_some())
        .iter()
        .map(|(_, word)| privilege(word, column))
        .filter(|word| plain.contains(word) || with_option.contains(word))
        .collect::<Vec<_>>()
        .join(",")
}

fn privilege(word: &str, column: Option<&str>) -> String {
    match column {
        Some(column) => format!("{word}({column})"),
        None => word.to_owned(),
    }
}

/// `grantee=codes/grantor`, taken apart; an empty grantee is PUBLIC.
struct Item {
    grantee: String,
    codes: String,
    grantor: String,
}

impl Item {
    fn parse(item: &str) -> Result<Self> {
        let bad = || Error::new(ErrorKind::Format, format!("not an ACL item: {item}"));
        let (grantee, rest) = unquote_role(item).ok_or_else(bad)?;
        let rest = rest.strip_prefix('=').ok_or_else(bad)?;
        let (codes, rest) = rest.split_once('/').ok_or_else(bad)?;
        let (grantor, rest) = unquote_role(rest).ok_or_else(bad)?;
        if !rest.is_empty() {
            return Err(bad());
        }
        Ok(Self {
            grantee,
            codes: codes.to_owned(),
            grantor,
        })
    }

    /// The privileges held without and with the grant option.
    fn privileges(&self, kind: Grantable, column: Option<&str>) -> (Vec<String>, Vec<String>) {
        let mut plain = Vec::new();
        let mut with_option = Vec::new();
        for (code, word) in kind.privileges(column.is_some()) {
            if let Some(at) = self.codes.find(*code) {
                let list = if self.codes[at + 1..].starts_with('*') {
                    &mut with_option
                } else {
                    &mut plain
                };
                list.push(privilege(word, column));
            }
        }
        (plain, with_option)
    }

    /// `ALL`, if every privilege of the kind is held.
    fn all(&self, kind: Grantable, column: Option<&str>) -> Option<String> {
        kind.privileges(column.is_some())
            .iter()
            .all(|(code, _)| self.codes.contains(*code))
            .then(|| privilege("ALL", column))
    }
}

/// A role name at the start of `text`, up to an unquoted `=` or the end, and what follows it.
fn unquote_role(text: &str) -> Option<(String, &str)> {
    let mut role = String::new();
    let mut rest = text;
    loop {
        let mut chars = rest.chars();
        match chars.next() {
            None | Some('=') => return Some((role, rest)),
            Some('"') => {
                let mut inside = chars.as_str();
                loop {
                    let end = inside.find('"')?;
                    role.push_str(&inside[..end]);
                    inside = &inside[end + 1..];
                    match inside.strip_prefix('"') {
                        Some(more) => {
                            role.push('"');
                            inside = more;
                        }
                        None => break,
                    }
                }
                rest = inside;
            }
            Some(c) => {
                role.push(c);
                rest = chars.as_str();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn acl(current: &str, default: &str) -> Acl {
        Acl {
            current: Some(current.to_owned()),
            default: default.to_owned(),
            initial: None,
        }
    }

    fn table(name: &str) -> Target<'_> {
        Target {
            kind: Grantable::Table,
            namespace: "public",
            name,
            column: None,
            owner: "owner",
        }
    }

    #[test]
    fn an_object_never_granted_on_needs_no_commands() {
        let acl = Acl {
            current: None,
            default: "{owner=arwdDxtm/owner}".into(),
            initial: None,
        };
        assert_eq!(acl.commands(&table("t")).expect("acl"), "");
    }

    #[test]
    fn grants_follow_the_order_they_were_made_in() {
        let acl = acl(
            "{owner=arwdDxtm/owner,reader=r/owner,=r*/owner,\"We ird\"=a/reader}",
            "{owner=arwdDxtm/owner}",
        );
        assert_eq!(
            acl.commands(&table("t")).expect("acl"),
            "GRANT SELECT ON TABLE public.t TO reader;\n\
             GRANT SELECT ON TABLE public.t TO PUBLIC WITH GRANT OPTION;\n\
             SET SESSION AUTHORIZATION reader;\n\
             GRANT INSERT ON TABLE public.t TO \"We ird\";\n\
             RESET SESSION AUTHORIZATION;\n"
        );
    }

    #[test]
    fn the_owners_lost_rights_are_revoked_then_the_rest_granted() {
        let acl = acl("{owner=r/owner}", "{owner=arwdDxtm/owner}");
        assert_eq!(
            acl.commands(&table("t")).expect("acl"),
            "REVOKE ALL ON TABLE public.t FROM owner;\n\
             GRANT SELECT ON TABLE public.t TO owner;\n"
        );
    }

    #[test]
    fn all_is_not_written_for_a_server_without_maintain() {
        let acl = acl(
            "{owner=arwdDxt/owner,a=arwdDxt/owner}",
            "{owner=arwdDxt/owner}",
        );
        assert_eq!(
            acl.commands(&table("t")).expect("acl"),
            "GRANT SELECT,INSERT,REFERENCES,DELETE,TRIGGER,TRUNCATE,UPDATE ON TABLE public.t TO a;\n"
        );
    }

    #[test]
    fn grant_options_make_a_list_of_their_own() {
        let acl = acl(
            "{owner=arwdDxtm/owner,a=ar*w/owner,b=a*r*w*d*D*x*t*m*/owner}",
            "{owner=arwdDxtm/owner}",
        );
        assert_eq!(
            acl.commands(&table("t")).expect("acl"),
            "GRANT INSERT,UPDATE ON TABLE public.t TO a;\n\
             GRANT SELECT ON TABLE public.t TO a WITH GRANT OPTION;\n\
             GRANT ALL ON TABLE public.t TO b WITH GRANT OPTION;\n"
        );
    }

    #[test]
    fn column_privileges_name_the_column_with_each() {
        let target = Target {
            column: Some("\"C\""),
            ..table("t")
        };
        assert_eq!(
            acl("{a=rw/owner,b=arwx/owner}", "{}")
                .commands(&target)
                .expect("acl"),
            "GRANT SELECT(\"C\"),UPDATE(\"C\") ON TABLE public.t TO a;\n\
             GRANT ALL(\"C\") ON TABLE public.t TO b;\n"
        );
    }

    #[test]
    fn a_function_taken_from_public_is_revoked() {
        let target = Target {
            kind: Grantable::Function,
            name: "f(integer)",
            ..table("")
        };
        assert_eq!(
            acl("{owner=X/owner}", "{=X/owner,owner=X/owner}")
                .commands(&target)
                .expect("acl"),
            "REVOKE ALL ON FUNCTION public.f(integer) FROM PUBLIC;\n"
        );
    }

    #[test]
    fn initial_privileges_stand_in_for_the_default() {
        let acl = Acl {
            current: Some("{owner=arwdDxtm/owner,=r/owner}".into()),
            default: "{owner=arwdDxtm/owner}".into(),
            initial: Some("{owner=arwdDxtm/owner,a=r/owner}".into()),
        };
        assert_eq!(
            acl.commands(&table("t")).expect("acl"),
            "REVOKE SELECT ON TABLE public.t FROM a;\nGRANT SELECT ON TABLE public.t TO PUBLIC;\n"
        );
        let acl = Acl {
            current: None,
            ..acl
        };
        assert_eq!(
            acl.commands(&table("t")).expect("acl"),
            "REVOKE SELECT ON TABLE public.t FROM a;\n"
        );
    }

    #[test]
    fn default_privileges_name_role_and_schema() {
        assert_eq!(
            default_privileges(Grantable::Tables, "S", "o", "{a=r/o}", "{}").expect("acl"),
            "ALTER DEFAULT PRIVILEGES FOR ROLE o IN SCHEMA \"S\" GRANT SELECT ON TABLES TO a;\n"
        );
        assert_eq!(
            default_privileges(Grantable::Functions, "", "o", "{o=X/o}", "{=X/o,o=X/o}")
                .expect("acl"),
            "ALTER DEFAULT PRIVILEGES FOR ROLE o REVOKE ALL ON FUNCTIONS FROM PUBLIC;\n"
        );
    }

    #[test]
    fn roles_with_odd_names_survive() {
        assert_eq!(
            public_schema_initial("a \"b"),
            r#"{"\"a \"\"b\"=UC/\"a \"\"b\"","=U/\"a \"\"b\""}"#
        );
        let item = Item::parse("\"a \"\"=b/\"=rw*/\"x=y\"").expect("item");
        assert_eq!(item.grantee, "a \"=b/");
        assert_eq!(item.grantor, "x=y");
        assert_eq!(item.codes, "rw*");
        for bad in ["a", "a=r", "\"a=r/b", "a=r/b=c"] {
            assert!(Item::parse(bad).is_err(), "{bad}");
        }
    }
}
