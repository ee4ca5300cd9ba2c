//! Tables for people, JSON for machines, plots for both. Used by main.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Value, json};

use crate::measure::Run;
use crate::options::Options;
use crate::plot;

/// One contestant's runs.
#[derive(Debug)]
pub(crate) struct Contestant {
    /// What it is, as a person would say it.
    pub(crate) name: String,
    /// Whether it is dr.
    pub(crate) ours: bool,
    pub(crate) runs: Vec<Run>,
}

impl Contestant {
    /// One that has not run yet.
    pub(crate) fn new(name: &str, ours: bool) -> Self {
        Self {
            name: name.to_owned(),
            ours,
            runs: Vec::new(),
        }
    }

    /// One number over the runs.
    pub(crate) fn spread(&self, number: impl Fn(&Run) -> f64) -> Spread {
        Spread::of(self.runs.iter().map(number).collect())
    }

    pub(crate) fn wall(&self) -> Spread {
        self.spread(|run| run.wall)
    }
}

/// The middle and the ends of some numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
}

impl Spread {
    /// # Panics
    ///
    /// Without any number: who never ran has no median.
    pub(crate) fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let middle = values.len() / 2;
        let [least, .., most] = values[..] else {
            let only = values[0];
            return Self {
                median: only,
                least: only,
                most: only,
            };
        };
        Self {
            median: if values.len() % 2 == 1 {
                values[middle]
            } else {
                f64::midpoint(values[middle - 1], values[middle])
            },
            least,
            most,
        }
    }
}

/// A ratio, and what was promised of it where something was.
#[derive(Debug)]
pub(crate) struct Claim {
    what: String,
    found: f64,
    at_most: Option<f64>,
}

/// How fast bytes went through something.
#[derive(Debug)]
pub(crate) struct Speed {
    /// What it is told together with.
    pub(crate) group: String,
    pub(crate) name: String,
    /// Whether it is dr.
    pub(crate) ours: bool,
    pub(crate) megabytes_per_second: Spread,
    /// dr's time beside that of this peer.
    pub(crate) ratio: Option<f64>,
}

/// What one case found.
#[derive(Debug)]
pub(crate) struct Section {
    /// The name of its plot.
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) note: String,
    pub(crate) contestants: Vec<Contestant>,
    pub(crate) speeds: Vec<Speed>,
    claims: Vec<Claim>,
}

impl Section {
    pub(crate) fn new(id: &str, title: &str, note: &str) -> Self {
        Self {
            id: id.to_owned(),
            title: title.to_owned(),
            note: note.to_owned(),
            contestants: Vec::new(),
            speeds: Vec::new(),
            claims: Vec::new(),
        }
    }

    pub(crate) fn claim(&mut self, what: &str, found: f64, at_most: Option<f64>) {
        self.claims.push(Claim {
            what: what.to_owned(),
            found,
            at_most,
        });
    }

    /// The first contestant that is dr, whose time the others' is compared with.
    pub(crate) fn ours(&self) -> Option<&Contestant> {
        self.contestants.iter().find(|one| one.ours)
    }

    pub(crate) fn markdown(&self) -> String {
        let mut text = format!("\n## {}\n\n{}\n", self.title, self.note);
        self.speed_table(&mut text);
        self.contestant_table(&mut text);
        self.claim_table(&mut text);
        let _ = writeln!(text, "\n![{}]({}.svg)", self.title, self.id);
        text
    }

    fn speed_table(&self, text: &mut String) {
        if self.speeds.is_empty() {
            return;
        }
        text.push_str(
            "\n| | | MB/s (median) | min–max | dr's time / its |\n|---|---|---:|---:|---:|\n",
        );
        for speed in &self.speeds {
            let Spread {
                median,
                least,
                most,
            } = speed.megabytes_per_second;
            let digits = usize::from(median < 10.0);
            let _ = writeln!(
                text,
                "| {} | {} | {median:.digits$} | {least:.digits$}–{most:.digits$} | {} |",
                in_table(&speed.group),
                in_table(&speed.name),
                or_dash(speed.ratio, 2),
            );
        }
    }

    fn contestant_table(&self, text: &mut String) {
        if self.contestants.is_empty() {
            return;
        }
        let ours = self.ours().map(|one| one.wall().median);
        text.push_str(
            "\n| | wall s (median) | min–max | dr's time / its | client CPU s | server CPU s \
             | peak MiB, largest process | all processes | stored MB |\n\
             |---|---:|---:|---:|---:|---:|---:|---:|---:|\n",
        );
        for one in &self.contestants {
            let wall = one.wall();
            let ratio = ours.filter(|_| !one.ours).map(|ours| ours / wall.median);
            let stored = one.spread(|run| run.bytes as f64).median / 1e6;
            let _ = writeln!(
                text,
                "| {} | {:.2} | {:.2}–{:.2} | {} | {:.2} | {:.2} | {:.0} | {:.0} | {} |",
                in_table(&one.name),
                wall.median,
                wall.least,
                wall.most,
                or_dash(ratio, 2),
                one.spread(|run| run.cpu).median,
                one.spread(|run| run.server_cpu).median,
                one.spread(|run| run.memory).most,
                one.spread(|run| run.memory_of_all).most,
                or_dash((stored > 0.0).then_some(stored), 1),
            );
        }
    }

    fn claim_table(&self, text: &mut String) {
        if self.claims.is_empty() {
            return;
        }
        text.push_str("\n| ratio | found | at most | |\n|---|---:|---:|---|\n");
        for claim in &self.claims {
            let verdict = match claim.met() {
                Some(true) => "met",
                Some(false) => "**missed**",
                None => "",
            };
            let _ = writeln!(
                text,
                "| {} | {:.2} | {} | {verdict} |",
                in_table(&claim.what),
                claim.found,
                or_dash(claim.at_most, 2),
            );
        }
    }

    fn json(&self) -> Value {
        json!({
            "id": self.id,
            "title": self.title,
            "note": self.note,
            "speeds": self.speeds.iter().map(|speed| json!({
                "group": speed.group, "name": speed.name, "dr": speed.ours,
                "mb_per_s": speed.megabytes_per_second.json(), "ratio": speed.ratio,
            })).collect::<Vec<_>>(),
            "contestants": self.contestants.iter().map(|one| json!({
                "name": one.name,
                "dr": one.ours,
                "wall_s": one.wall().json(),
                "client_cpu_s": one.spread(|run| run.cpu).json(),
                "server_cpu_s": one.spread(|run| run.server_cpu).json(),
                "peak_mib": one.spread(|run| run.memory).json(),
                "peak_mib_of_all": one.spread(|run| run.memory_of_all).json(),
                "ratio": self.ours().map(|ours| ours.wall().median / one.wall().median),
                "runs": one.runs.iter().map(|run| json!({
                    "wall_s": run.wall, "client_cpu_s": run.cpu, "server_cpu_s": run.server_cpu,
                    "peak_mib": run.memory, "peak_mib_of_all": run.memory_of_all,
                    "stored_bytes": run.bytes,
                })).collect::<Vec<_>>(),
            })).collect::<Vec<_>>(),
            "claims": self.claims.iter().map(|claim| json!({
                "what": claim.what, "found": claim.found, "at_most": claim.at_most,
                "met": claim.met(),
            })).collect::<Vec<_>>(),
        })
    }
}

impl Claim {
    fn met(&self) -> Option<bool> {
        self.at_most.map(|at_most| self.found <= at_most)
    }
}

impl Spread {
    fn json(self) -> Value {
        json!({"median": self.median, "min": self.least, "max": self.most})
    }
}

/// A cell's text: a bar would end the cell.
fn in_table(text: &str) -> String {
    text.replace('|', "\\|")
}

fn or_dash(number: Option<f64>, digits: usize) -> String {
    number.map_or_else(|| "–".to_owned(), |number| format!("{number:.digits$}"))
}

/// All sections of a run.
#[derive(Debug)]
pub(crate) struct Report {
    head: String,
    facts: Value,
    sections: Vec<Section>,
}

impl Report {
    pub(crate) fn new(options: &Options) -> Self {
        let cores = std::thread::available_parallelism().map_or(0, usize::from);
        let processor = std::fs::read_to_string("/proc/cpuinfo")
            .ok()
            .and_then(|text| {
                let line = text.lines().find(|line| line.starts_with("model name"))?;
                Some(line.split_once(": ")?.1.to_owned())
            })
            .unwrap_or_else(|| "unknown processor".to_owned());
        Self {
            head: format!(
                "# Benches\n\n{cores} cores of {processor}; PostgreSQL {}, fsync and autovacuum off; scale {}, {} runs each, \
                 contestants taking turns.\n",
                options.major, options.scale, options.runs
            ),
            facts: json!({
                "cores": cores, "processor": processor, "postgresql": options.major,
                "scale": options.scale, "runs": options.runs,
            }),
            sections: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, section: Section) {
        self.sections.push(section);
    }

    /// Everything so far, into this folder.
    pub(crate) fn write(&self, folder: &Path) {
        std::fs::create_dir_all(folder)
            .unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let mut text = self.head.clone();
        for section in &self.sections {
            text.push_str(&section.markdown());
        }
        let value = json!({
            "facts": self.facts,
            "sections": self.sections.iter().map(Section::json).collect::<Vec<_>>(),
        });
        let pretty = serde_json::to_string_pretty(&value).expect("numbers and text are JSON");
        write(&folder.join("results.md"), text.as_bytes());
        write(&folder.join("results.json"), pretty.as_bytes());
        for section in &self.sections {
            let svg = plot::svg(section);
            let png = plot::png(&svg);
            write(&folder.join(format!("{}.svg", section.id)), svg.as_bytes());
            write(&folder.join(format!("{}.png", section.id)), &png);
        }
        eprintln!("dr-benches: results in {}", folder.display());
    }
}

fn write(path: &Path, content: &[u8]) {
    std::fs::write(path, content).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_number_of_runs_lies_between_the_middle_ones() {
        for (values, median) in [
            (vec![3.0], 3.0),
            (vec![4.0, 1.0], 2.5),
            (vec![9.0, 1.0, 2.0], 2.0),
            (vec![9.0, 1.0, 2.0, 4.0], 3.0),
        ] {
            let spread = Spread::of(values.clone());
            assert_eq!(spread.median, median, "{values:?}");
        }
    }

    #[test]
    fn a_promise_that_was_missed_says_so() {
        let mut section = Section::new("x", "X", "");
        section.claim("a | b", 0.26, Some(0.2));
        section.claim("c", 0.1, Some(0.2));
        let text = section.markdown();
        assert!(
            text.contains("| a \\| b | 0.26 | 0.20 | **missed** |"),
            "{text}"
        );
        assert!(text.contains("| c | 0.10 | 0.20 | met |"), "{text}");
    }
}
