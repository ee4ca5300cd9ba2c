//! Tables for people and JSON for machines.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::Options;
use crate::measure::Run;

/// One contestant's runs.
#[derive(Debug)]
pub(crate) struct Contestant {
    /// What it is, as a person would say it.
    pub(crate) name: String,
    /// Its runs.
    pub(crate) runs: Vec<Run>,
}

impl Contestant {
    /// One that has not run yet.
    pub(crate) fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            runs: Vec::new(),
        }
    }

    /// The median of one number over the runs.
    pub(crate) fn median(&self, number: impl Fn(&Run) -> f64) -> f64 {
        let mut values: Vec<f64> = self.runs.iter().map(number).collect();
        values.sort_by(f64::total_cmp);
        match values.len() {
            0 => f64::NAN,
            odd if odd % 2 == 1 => values[odd / 2],
            even => f64::midpoint(values[even / 2 - 1], values[even / 2]),
        }
    }

    fn worst_memory(&self) -> f64 {
        self.runs.iter().map(|run| run.memory).fold(0.0, f64::max)
    }
}

/// A number that was promised, and what it came to.
#[derive(Debug)]
pub(crate) struct Claim {
    what: String,
    found: f64,
    at_most: f64,
}

/// What one case found.
#[derive(Debug)]
pub(crate) struct Section {
    title: String,
    note: String,
    contestants: Vec<Contestant>,
    claims: Vec<Claim>,
    /// A table of another shape, for stages.
    lines: Vec<(String, f64)>,
}

impl Section {
    pub(crate) fn new(title: &str, note: &str) -> Self {
        Self {
            title: title.to_owned(),
            note: note.to_owned(),
            contestants: Vec::new(),
            claims: Vec::new(),
            lines: Vec::new(),
        }
    }

    pub(crate) fn contestant(&mut self, contestant: Contestant) {
        self.contestants.push(contestant);
    }

    pub(crate) fn claim(&mut self, what: &str, found: f64, at_most: f64) {
        self.claims.push(Claim {
            what: what.to_owned(),
            found,
            at_most,
        });
    }

    pub(crate) fn throughput(&mut self, what: &str, megabytes_per_second: f64) {
        self.lines.push((what.to_owned(), megabytes_per_second));
    }

    pub(crate) fn markdown(&self) -> String {
        let mut text = format!("\n## {}\n\n{}\n", self.title, self.note);
        if !self.lines.is_empty() {
            text.push_str("\n| stage | MB/s |\n|---|---:|\n");
            for (what, speed) in &self.lines {
                let _ = writeln!(text, "| {what} | {speed:.0} |");
            }
        }
        if !self.contestants.is_empty() {
            text.push_str(
                "\n| | wall s (median) | of | client CPU s | server CPU s | peak MiB | stored MB |\n\
                 |---|---:|---|---:|---:|---:|---:|\n",
            );
            for one in &self.contestants {
                let walls: Vec<String> = one
                    .runs
                    .iter()
                    .map(|run| format!("{:.1}", run.wall))
                    .collect();
                let stored = one.median(|run| run.bytes as f64) / 1e6;
                let _ = writeln!(
                    text,
                    "| {} | {:.1} | {} | {:.1} | {:.1} | {:.0} | {} |",
                    one.name,
                    one.median(|run| run.wall),
                    walls.join(", "),
                    one.median(|run| run.cpu),
                    one.median(|run| run.server_cpu),
                    one.worst_memory(),
                    if stored > 0.0 {
                        format!("{stored:.0}")
                    } else {
                        "–".to_owned()
                    },
                );
            }
        }
        if !self.claims.is_empty() {
            text.push_str("\n| promise | found | at most | |\n|---|---:|---:|---|\n");
            for claim in &self.claims {
                let verdict = if claim.found <= claim.at_most {
                    "met"
                } else {
                    "**missed**"
                };
                let _ = writeln!(
                    text,
                    "| {} | {:.2} | {} | {verdict} |",
                    claim.what, claim.found, claim.at_most
                );
            }
        }
        text
    }

    fn json(&self) -> Value {
        json!({
            "title": self.title,
            "stages": self.lines.iter().map(|(what, speed)| json!({"stage": what, "mb_per_s": speed})).collect::<Vec<_>>(),
            "contestants": self.contestants.iter().map(|one| json!({
                "name": one.name,
                "runs": one.runs.iter().map(|run| json!({
                    "wall_s": run.wall, "client_cpu_s": run.cpu, "server_cpu_s": run.server_cpu,
                    "peak_mib": run.memory, "stored_bytes": run.bytes,
                })).collect::<Vec<_>>(),
            })).collect::<Vec<_>>(),
            "claims": self.claims.iter().map(|claim| json!({
                "what": claim.what, "found": claim.found, "at_most": claim.at_most,
                "met": claim.found <= claim.at_most,
            })).collect::<Vec<_>>(),
        })
    }
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
                "# Benches\n\n{cores} cores of {processor}; PostgreSQL {}, fsync off; scale {}, {} runs each, contestants alternating.\n",
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

    pub(crate) fn write(&self) {
        let folder = dr_tests::workspace().join("target/bench");
        std::fs::create_dir_all(&folder).expect("target is writable");
        let mut text = self.head.clone();
        for section in &self.sections {
            text.push_str(&section.markdown());
        }
        let value = json!({
            "facts": self.facts,
            "sections": self.sections.iter().map(Section::json).collect::<Vec<_>>(),
        });
        let pretty = serde_json::to_string_pretty(&value).expect("numbers and text are JSON");
        for (name, content) in [("results.md", text), ("results.json", pretty)] {
            let path = folder.join(name);
            std::fs::write(&path, content).expect("target is writable");
            eprintln!("dr-benches: wrote {}", path.display());
        }
    }
}
