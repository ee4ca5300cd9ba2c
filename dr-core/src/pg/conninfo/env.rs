//! The surroundings a connection string is completed from: variables, the home directory, the
//! name of the operating-system user. A value, so that a test can make one up.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;

use crate::error::{Error, ErrorKind, Result};

/// What libpq looks at beside the connection string.
#[derive(Clone, Default)]
pub struct Environment {
    variables: BTreeMap<String, String>,
    not_text: BTreeSet<String>,
    home: Option<PathBuf>,
    user: Option<String>,
}

/// Variable names only: PGPASSWORD and DATABASE_URL hold secrets.
impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Environment")
            .field("variables", &self.variables.keys().collect::<Vec<_>>())
            .field("home", &self.home)
            .field("user", &self.user)
            .finish()
    }
}

impl Environment {
    /// Nothing set, nobody's.
    pub fn empty() -> Self {
        Self::default()
    }

    /// That of this process: `PG*` and `DATABASE_URL`, the home directory, the effective user.
    pub fn of_process() -> Self {
        let mut environment = Self {
            home: std::env::home_dir().filter(|home| !home.as_os_str().is_empty()),
            user: whoami::username().ok().filter(|name| !name.is_empty()),
            ..Self::default()
        };
        for (name, value) in std::env::vars_os() {
            let Ok(name) = name.into_string() else {
                continue;
            };
            if !name.starts_with("PG") && name != "DATABASE_URL" {
                continue;
            }
            match value.into_string() {
                Ok(value) => {
                    environment.variables.insert(name, value);
                }
                Err(_) => {
                    environment.not_text.insert(name);
                }
            }
        }
        environment
    }

    /// The same with one variable more.
    #[must_use]
    pub fn variable(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.variables.insert(name.into(), value.into());
        self
    }

    /// The same with that home directory.
    #[must_use]
    pub fn home(mut self, home: impl Into<PathBuf>) -> Self {
        self.home = Some(home.into());
        self
    }

    /// The same with that operating-system user, who is the default for `user`.
    #[must_use]
    pub fn user(mut self, user: impl Into<String>) -> Self {
        self.user = Some(user.into());
        self
    }

    /// One variable.
    ///
    /// # Errors
    ///
    /// `Usage` if it is set to something that is not UTF-8.
    pub(super) fn get(&self, name: &str) -> Result<Option<&str>> {
        if self.not_text.contains(name) {
            return Err(Error::new(
                ErrorKind::Usage,
                format!("the environment variable {name} is not valid UTF-8"),
            ));
        }
        Ok(self.variables.get(name).map(String::as_str))
    }

    /// A file below the home directory.
    pub(super) fn in_home(&self, name: &str) -> Option<PathBuf> {
        self.home.as_ref().map(|home| home.join(name))
    }

    /// The operating-system user's name.
    pub(super) fn os_user(&self) -> Option<&str> {
        self.user.as_deref()
    }
}
