//! The oracle of round trips: a database goes out and comes back by dr, by dr and stock pg_restore,
//! by stock pg_dump and dr, and, as the control, by the stock tools alone. Whatever is different
//! afterwards and is not so in the control as well is a fault of dr. Used by the tests of the
//! catalog reader and of restore; `portrait` says what is compared and what is normalized.
//!
//! Nothing is passed over in silence. Two lists, in [`allowed`], say with a reason which
//! differences may be: those that the control shows, of whose kinds none may be unknown, and those
//! in which dr does better than pg_dump.

mod allowed;
mod routes;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Instant;

use crate::portrait::{Likeness, Portrait};
use crate::{Cluster, Database};

use routes::Dumps;
pub use routes::Route;

/// What came of taking one database there and back by every route.
#[derive(Debug)]
pub struct Report {
    /// What was taken, for the reader.
    pub name: String,
    /// The major of the server it came from, and of the one it went to.
    pub majors: (u32, u32),
    /// How the database was.
    pub origin: Portrait,
    /// By each route, how it was different afterwards.
    pub differences: BTreeMap<Route, BTreeSet<String>>,
    /// How long all of it took.
    pub seconds: f64,
}

impl Report {
    /// Takes `source` to `cluster` and back by every route.
    ///
    /// # Panics
    ///
    /// When the database cannot be looked at. That a tool fails is a difference.
    pub async fn of(name: &str, source: &Database, cluster: &Arc<Cluster>) -> Self {
        Self::by(name, source, cluster, &Route::ALL).await
    }

    /// The same by some routes only; the control is always among them.
    ///
    /// # Panics
    ///
    /// As [`of`](Self::of).
    pub async fn by(
        name: &str,
        source: &Database,
        cluster: &Arc<Cluster>,
        routes: &[Route],
    ) -> Self {
        let began = Instant::now();
        let majors = (source.major(), cluster.major());
        let likeness = match majors.0 == majors.1 {
            true => Likeness::Whole,
            false => Likeness::AcrossMajors,
        };
        let dumps = Dumps::of(source, cluster.major());
        let origin = Portrait::of(source);
        let mut differences = BTreeMap::new();
        for route in Route::ALL {
            if route != Route::Control && !routes.contains(&route) {
                continue;
            }
            let restored = dumps.restore(route, source, cluster).await;
            let mut found = restored.complaints;
            if let Some(database) = &restored.database {
                found.extend(origin.differences(&Portrait::of(database), likeness));
            }
            differences.insert(route, found);
        }
        Self {
            name: name.to_owned(),
            majors,
            origin,
            differences,
            seconds: began.elapsed().as_secs_f64(),
        }
    }

    /// What is to be looked at: differences of dr that the control does not have and no reason is
    /// known for, and those of the control without a reason. Empty if all is well.
    pub fn faults(&self) -> String {
        let control = &self.differences[&Route::Control];
        let mut out = String::new();
        for (route, found) in &self.differences {
            for difference in found {
                let known = allowed::of_stock(difference, self.majors);
                let excused = match route {
                    Route::Control => known.is_some(),
                    Route::DrToStock => control.contains(difference),
                    // What pg_restore does not restore, dr does.
                    Route::Dr | Route::StockToDr => {
                        control.contains(difference) && !known.is_some_and(|known| known.by_restore)
                    }
                };
                let excused = excused || allowed::of_dr(*route, difference).is_some();
                if !excused {
                    let _ = writeln!(out, "{route}: {difference}");
                }
            }
        }
        if out.is_empty() {
            return out;
        }
        format!("{}:\n{out}", self.title())
    }

    fn title(&self) -> String {
        let (from, to) = self.majors;
        match from == to {
            true => format!("{} on PostgreSQL {from}", self.name),
            false => format!("{} from PostgreSQL {from} to {to}", self.name),
        }
    }

    /// One line for the reader: what was compared, and how often which difference was allowed.
    pub fn summary(&self) -> String {
        let mut out = format!(
            "{}: {} entries, {} tables and sequences, {} objects, {:.1} s",
            self.title(),
            self.origin.schema.len(),
            self.origin.tables(),
            self.origin.objects.len(),
            self.seconds
        );
        for (route, found) in &self.differences {
            let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
            for difference in found {
                let reason = allowed::of_stock(difference, self.majors)
                    .or_else(|| allowed::of_dr(*route, difference))
                    .map_or("no reason known", |allowed| allowed.reason);
                *reasons.entry(reason).or_default() += 1;
            }
            for (reason, count) in reasons {
                let _ = write!(out, "\n    {route}: {count} x {reason}");
            }
        }
        out
    }

    /// Prints the summary, and panics if anything is to be looked at.
    ///
    /// # Panics
    ///
    /// With every fault.
    #[track_caller]
    pub fn assert_sound(&self) {
        println!("{}", self.summary());
        let faults = self.faults();
        assert!(faults.is_empty(), "{faults}");
    }
}
