//! The statements that pg_dumpall writes before its databases: roles, memberships, tablespaces,
//! privileges on parameters. Read into [`Globals`], never run.
//!
//! Used by the reader of cluster dumps.

use super::script::not_whole;
use super::statement::Setting as SessionSetting;
use crate::error::{Error, ErrorKind, Result};
use crate::globals::{Globals, Label, Membership, Parameter, Role, Setting, Tablespace};
use crate::text::TextForm;
use crate::text::words::{Word, Words};

/// What the statements so far make.
#[derive(Debug, Default)]
pub(super) struct GlobalsReader {
    globals: Globals,
    /// Of the head of the script.
    pub(super) encoding: String,
    /// DROP statements of `--clean`, which are not kept.
    pub(super) drops: u64,
}

impl GlobalsReader {
    /// Takes one statement.
    ///
    /// # Errors
    ///
    /// `Unsupported` if it is none that pg_dumpall writes there, `Format` if it is and cannot be
    /// read. The statement is not repeated: it may hold a password.
    pub(super) fn take(&mut self, text: &[u8]) -> Result<()> {
        if let Some(setting) = SessionSetting::of(text) {
            if !setting.is_whole {
                return Err(Error::new(ErrorKind::Format, not_whole(&setting)));
            }
            if setting.name == "client_encoding" {
                self.encoding = String::from_utf8_lossy(&setting.word()).to_ascii_uppercase();
            }
            return Ok(());
        }
        let form = TextForm::of_encoding(match &self.encoding[..] {
            "" | "UNICODE" => "UTF8",
            other => other,
        });
        let mut statement = Statement {
            words: Words::of(text),
            form,
        };
        let words = &mut statement.words;
        let taken = if words.eat("drop") || words.eat_all("update pg_catalog") {
            self.drops += 1;
            Some(Ok(()))
        } else if words.eat_all("create role") {
            statement.create_role(&mut self.globals)
        } else if words.eat_all("alter role") {
            statement.alter_role(&mut self.globals)
        } else if words.eat_all("create tablespace") {
            statement.create_tablespace(&mut self.globals)
        } else if words.eat_all("alter tablespace") {
            statement.alter_tablespace(&mut self.globals)
        } else if words.eat_all("comment on") {
            statement.comment(&mut self.globals)
        } else if words.eat_all("security label for") {
            statement.label(&mut self.globals)
        } else if words.eat("grant") || words.eat("revoke") {
            statement.grant(text, &mut self.globals)
        } else {
            return Err(Error::new(
                ErrorKind::Unsupported,
                "a statement before the databases that is not about roles or tablespaces; make the \
                 dump with pg_dumpall 13 or later",
            ));
        };
        taken.unwrap_or_else(|| {
            Err(Error::new(
                ErrorKind::Format,
                "a statement about roles or tablespaces is not as pg_dumpall writes it",
            ))
        })
    }

    /// Everything that was taken.
    pub(super) fn finish(mut self) -> Globals {
        let globals = &mut self.globals;
        let supers = || globals.roles.iter().filter(|role| role.superuser);
        // Which of the roles initdb made is not said: the only superuser, or the usual one.
        let bootstrap = match supers().count() {
            1 => supers().next(),
            _ => supers().find(|role| role.name == "postgres"),
        };
        globals.bootstrap = bootstrap.map_or_else(String::new, |role| role.name.clone());
        let has_password = |role: &Role| role.password.is_some();
        let logs_in = |role: &&Role| role.login && role.name != globals.bootstrap;
        globals.with_passwords =
            globals.roles.iter().any(has_password) || globals.roles.iter().find(logs_in).is_none();
        self.globals
    }
}

/// A statement behind its first words; none where it is not as expected.
struct Statement<'a> {
    words: Words<'a>,
    form: TextForm,
}

type Taken = Option<Result<()>>;

macro_rules! known {
    ($result:expr) => {
        match $result {
            Ok(value) => value,
            Err(error) => return Some(Err(error)),
        }
    };
}

impl Statement<'_> {
    fn name(&mut self) -> Option<Result<String>> {
        self.words.name().map(|name| self.form.decode(&name))
    }

    fn string(&mut self) -> Option<Result<String>> {
        match self.words.next()? {
            Word::String(text) => Some(self.form.decode(&text)),
            _ => None,
        }
    }

    /// Whether nothing but the end is left.
    fn is_over(&mut self) -> bool {
        self.words.eat_sign(b';') && self.words.next().is_none()
    }

    fn create_role(&mut self, globals: &mut Globals) -> Taken {
        let role = Role {
            name: known!(self.name()?),
            inherit: true,
            connection_limit: -1,
            ..Role::default()
        };
        globals.roles.push(role);
        self.is_over().then_some(Ok(()))
    }

    fn alter_role(&mut self, globals: &mut Globals) -> Taken {
        let is_all = self.words.peek().is_some_and(|word| word.is("all"));
        let name = known!(self.name()?);
        if self.words.eat("set") {
            let setting = known!(self.setting()?);
            match (is_all, role(globals, &name)) {
                (true, _) => globals.settings.push(setting),
                (false, Some(role)) => role.settings.push(setting),
                (false, None) => return None,
            }
            return Some(Ok(()));
        }
        let role = role(globals, &name)?;
        self.words.eat("with").then_some(())?;
        while !self.words.eat_sign(b';') {
            let word = self.words.name()?;
            match &word[..] {
                b"superuser" => role.superuser = true,
                b"nosuperuser" => role.superuser = false,
                b"inherit" => role.inherit = true,
                b"noinherit" => role.inherit = false,
                b"createrole" => role.create_role = true,
                b"nocreaterole" => role.create_role = false,
                b"createdb" => role.create_db = true,
                b"nocreatedb" => role.create_db = false,
                b"login" => role.login = true,
                b"nologin" => role.login = false,
                b"replication" => role.replication = true,
                b"noreplication" => role.replication = false,
                b"bypassrls" => role.bypass_rls = true,
                b"nobypassrls" => role.bypass_rls = false,
                b"connection" => {
                    self.words.eat("limit").then_some(())?;
                    let minus = self.words.eat_sign(b'-');
                    let Word::Plain(digits) = self.words.next()? else {
                        return None;
                    };
                    let limit: i32 = std::str::from_utf8(&digits).ok()?.parse().ok()?;
                    role.connection_limit = if minus { -limit } else { limit };
                }
                b"password" => role.password = Some(known!(self.string()?)),
                b"valid" => {
                    self.words.eat("until").then_some(())?;
                    role.valid_until = Some(known!(self.string()?));
                }
                _ => return None,
            }
        }
        Some(Ok(()))
    }

    /// `work_mem TO '64MB';`
    fn setting(&mut self) -> Option<Result<Setting>> {
        let clause = self.rest()?;
        let name = known_setting(&mut self.words)?;
        Some(clause.and_then(|clause| {
            Ok(Setting {
                name: self.form.decode(&name)?,
                clause,
            })
        }))
    }

    /// What is left, without the semicolon.
    fn rest(&self) -> Option<Result<String>> {
        let text = self.words.rest().trim_ascii().strip_suffix(b";")?;
        Some(self.form.decode(text.trim_ascii()))
    }

    fn create_tablespace(&mut self, globals: &mut Globals) -> Taken {
        let name = known!(self.name()?);
        self.words.eat("owner").then_some(())?;
        let owner = known!(self.name()?);
        self.words.eat("location").then_some(())?;
        let location = known!(self.string()?);
        globals.tablespaces.push(Tablespace {
            name,
            owner,
            location,
            ..Tablespace::default()
        });
        self.is_over().then_some(Ok(()))
    }

    fn alter_tablespace(&mut self, globals: &mut Globals) -> Taken {
        let name = known!(self.name()?);
        self.words.eat("set").then_some(())?;
        let options = known!(self.rest()?);
        let options = options.strip_prefix('(')?.strip_suffix(')')?;
        options.clone_into(&mut tablespace(globals, &name)?.options);
        Some(Ok(()))
    }

    fn comment(&mut self, globals: &mut Globals) -> Taken {
        let is_role = self.words.eat("role");
        (is_role || self.words.eat("tablespace")).then_some(())?;
        let name = known!(self.name()?);
        self.words.eat("is").then_some(())?;
        let comment = Some(known!(self.string()?));
        match is_role {
            true => role(globals, &name)?.comment = comment,
            false => tablespace(globals, &name)?.comment = comment,
        }
        self.is_over().then_some(Ok(()))
    }

    fn label(&mut self, globals: &mut Globals) -> Taken {
        let provider = match self.words.next()? {
            Word::String(text) | Word::Plain(text) | Word::Quoted(text) => {
                known!(self.form.decode(&text))
            }
            Word::Sign(_) => return None,
        };
        self.words.eat("on").then_some(())?;
        let is_role = self.words.eat("role");
        (is_role || self.words.eat("tablespace")).then_some(())?;
        let name = known!(self.name()?);
        self.words.eat("is").then_some(())?;
        let label = known!(self.string()?);
        let label = Label { provider, label };
        match is_role {
            true => role(globals, &name)?.labels.push(label),
            false => tablespace(globals, &name)?.labels.push(label),
        }
        self.is_over().then_some(Ok(()))
    }

    /// A membership, or privileges on a parameter or a tablespace.
    fn grant(&mut self, text: &[u8], globals: &mut Globals) -> Taken {
        let mut ahead = self.words;
        if ahead.skip_to("on").is_none() {
            return self.membership(globals);
        }
        let is_parameter = ahead.eat("parameter");
        (is_parameter || ahead.eat("tablespace")).then_some(())?;
        let name = match is_parameter {
            true => known_setting(&mut ahead)?,
            false => ahead.name()?,
        };
        let name = known!(self.form.decode(&name));
        let sql = known!(self.form.decode(text.trim_ascii())) + "\n";
        if !is_parameter {
            tablespace(globals, &name)?.grants.push_str(&sql);
            return Some(Ok(()));
        }
        let mut roles = Vec::new();
        (ahead.eat("to") || ahead.eat("from")).then_some(())?;
        while let Some(role) = ahead.name() {
            if role != b"public" {
                roles.push(known!(self.form.decode(&role)));
            }
            if !ahead.eat_sign(b',') {
                break;
            }
        }
        let parameters = &mut globals.parameters;
        match parameters
            .iter_mut()
            .find(|parameter| parameter.name == name)
        {
            Some(parameter) => {
                parameter.grants.push_str(&sql);
                parameter.roles.extend(roles);
            }
            None => parameters.push(Parameter {
                name,
                grants: sql,
                roles,
            }),
        }
        Some(Ok(()))
    }

    fn membership(&mut self, globals: &mut Globals) -> Taken {
        let role = known!(self.name()?);
        self.words.eat("to").then_some(())?;
        let mut membership = Membership {
            role,
            member: known!(self.name()?),
            ..Membership::default()
        };
        if self.words.eat("with") {
            loop {
                let option = self.words.name()?;
                let on = match self.words.name()?.as_slice() {
                    b"option" | b"true" => true,
                    b"false" => false,
                    _ => return None,
                };
                match &option[..] {
                    b"admin" => membership.admin = on,
                    b"inherit" => membership.inherit = Some(on),
                    b"set" => membership.set = Some(on),
                    _ => return None,
                }
                if !self.words.eat_sign(b',') {
                    break;
                }
            }
        }
        if self.words.eat_all("granted by") {
            membership.grantor = Some(known!(self.name()?));
        }
        globals.memberships.push(membership);
        self.is_over().then_some(Ok(()))
    }
}

/// The name of a parameter, which may have dots.
fn known_setting(words: &mut Words<'_>) -> Option<Vec<u8>> {
    let mut name = words.name()?;
    while words.eat_sign(b'.') {
        name.push(b'.');
        name.extend(words.name()?);
    }
    Some(name)
}

fn role<'a>(globals: &'a mut Globals, name: &str) -> Option<&'a mut Role> {
    globals.roles.iter_mut().find(|role| role.name == name)
}

fn tablespace<'a>(globals: &'a mut Globals, name: &str) -> Option<&'a mut Tablespace> {
    globals
        .tablespaces
        .iter_mut()
        .find(|tablespace| tablespace.name == name)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn read(statements: &[&str]) -> Result<Globals> {
        let mut reader = GlobalsReader::default();
        for statement in statements {
            reader.take(statement.as_bytes())?;
        }
        Ok(reader.finish())
    }

    #[test]
    fn what_pg_dumpall_writes_is_read() {
        let globals = read(&[
            "SET default_transaction_read_only = off;",
            "SET client_encoding = 'UTF8';",
            "DROP ROLE IF EXISTS app;",
            "CREATE ROLE app;",
            "ALTER ROLE app WITH NOSUPERUSER NOINHERIT CREATEROLE NOCREATEDB LOGIN NOREPLICATION \
             NOBYPASSRLS CONNECTION LIMIT 7 PASSWORD 'SCRAM-SHA-256$4096:x' VALID UNTIL 'infinity';",
            "COMMENT ON ROLE app IS 'it''s mine';",
            "CREATE ROLE postgres;",
            "ALTER ROLE postgres WITH SUPERUSER INHERIT;",
            "CREATE ROLE \"odd \"\"role\";",
            "ALTER ROLE app SET work_mem TO '64MB';",
            "ALTER ROLE app SET search_path TO 'a', 'b';",
            "ALTER ROLE ALL SET custom.x TO 'y';",
            "GRANT app TO \"odd \"\"role\" WITH ADMIN OPTION, INHERIT TRUE, SET FALSE GRANTED BY postgres;",
            "GRANT pg_monitor TO app GRANTED BY postgres;",
            "GRANT SET ON PARAMETER log_min_messages TO app;",
            "CREATE TABLESPACE fast OWNER app LOCATION '/disk/fast';",
            "ALTER TABLESPACE fast SET (random_page_cost=1.1);",
            "GRANT ALL ON TABLESPACE fast TO PUBLIC;",
        ])
        .unwrap();
        assert_eq!(globals.bootstrap, "postgres");
        assert!(globals.with_passwords);
        let app = &globals.roles[0];
        assert!(!app.inherit && app.create_role && app.login && !app.superuser);
        assert_eq!(app.connection_limit, 7);
        assert_eq!(app.comment.as_deref(), Some("it's mine"));
        assert_eq!(app.settings[1].clause, "search_path TO 'a', 'b'");
        assert_eq!(globals.roles[2].name, "odd \"role");
        assert_eq!(globals.settings[0].name, "custom.x");
        let membership = &globals.memberships[0];
        assert!(membership.admin);
        assert_eq!(
            (membership.inherit, membership.set),
            (Some(true), Some(false))
        );
        assert_eq!(globals.parameters[0].roles, ["app"]);
        let fast = &globals.tablespaces[0];
        assert_eq!((&fast.owner[..], &fast.location[..]), ("app", "/disk/fast"));
        assert_eq!(fast.options, "random_page_cost=1.1");
        assert_eq!(fast.grants, "GRANT ALL ON TABLESPACE fast TO PUBLIC;\n");
    }

    #[test]
    fn what_is_not_understood_is_refused_without_its_words() {
        for statement in [
            "CREATE TABLE t ();",
            "ALTER ROLE x WITH PASSWORD 'secret' FLY;",
            "SELECT 'secret';",
            "GRANT a TO b WITH secret TRUE;",
        ] {
            let error = read(&["CREATE ROLE x;", statement]).unwrap_err();
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }
}
