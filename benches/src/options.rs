//! The command line: words to [`Options`]. Used by main; knows nothing of servers.

use std::path::PathBuf;

use crate::data::Shape;

/// The cases, in the order they run in.
pub(crate) const CASES: [&str; 8] = [
    "stages", "dump", "restore", "extract", "shapes", "catalog", "schema", "memory",
];

pub(crate) const HELP: &str = "\
dr beside the stock tools, on the same server, in the same run

Usage: dr-benches [CASE ...] [OPTIONS]

Cases (all of them when none is named):
  stages    bytes per second of each stage of the pipeline alone (criterion)
  dump      a whole database to disk: dr, pg_dump in its formats, pg_dump | gzip, django-dbbackup
  restore   and back: dr, pg_restore, gunzip | psql, django-dbbackup
  extract   one table out of a backup: dr, pg_restore -t, gunzip | awk
  shapes    dump and restore of one database for each shape of data
  catalog   a database of 5000 small tables
  schema    the definitions of 10000 tables, without rows
  memory    peak memory, and again with ten times the rows

Options:
  --shape SHAPE  the data of dump, restore and extract [default: dominating], and the only shapes that
                 the case shapes takes; may be given several times. Shapes: mixed, dominating,
                 tiny (many small tables), wide, jsonb, bytea, large-objects
  --runs N       runs of each contestant, alternating [default: 3]
  --scale F      size of the data; 1 is about a gigabyte of rows [default: 1]
  --major N      PostgreSQL server, 13 to 18 [default: 17]
  --out DIR      where results go [default: target/bench]
  -h, --help     this text

Results: results.md, results.json, and a plot of each case as SVG and PNG.
DR_BINARY names the dr to measure; without it, the one of this workspace is built.

Examples:
  make bench
  make bench BENCH=\"dump restore --runs 5\"
  make bench BENCH=\"shapes --shape wide --shape bytea --scale 0.1\"
";

/// What the command line asked for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Options {
    pub(crate) cases: Vec<String>,
    /// Empty: what the case takes by itself.
    pub(crate) shapes: Vec<Shape>,
    pub(crate) runs: usize,
    pub(crate) scale: f64,
    pub(crate) major: u32,
    pub(crate) out: PathBuf,
}

/// What is to be done.
#[derive(Debug, PartialEq)]
pub(crate) enum Asked {
    Help,
    Run(Options),
}

/// The words after the program's name.
///
/// # Errors
///
/// With what is wrong about them.
pub(crate) fn parse(words: &[String]) -> Result<Asked, String> {
    let mut options = Options {
        cases: Vec::new(),
        shapes: Vec::new(),
        runs: 3,
        scale: 1.0,
        major: 17,
        out: dr_tests::workspace().join("target/bench"),
    };
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let mut value = || {
            words
                .next()
                .ok_or_else(|| format!("{word} needs a value; see --help"))
        };
        let no_number = |text: &str| format!("{word}: {text} is not a number it can be");
        match word.as_str() {
            "-h" | "--help" => return Ok(Asked::Help),
            "--runs" => {
                let text = value()?;
                options.runs = text.parse().map_err(|_| no_number(text))?;
            }
            "--scale" => {
                let text = value()?;
                options.scale = text.parse().map_err(|_| no_number(text))?;
            }
            "--major" => {
                let text = value()?;
                options.major = text.parse().map_err(|_| no_number(text))?;
            }
            "--shape" => options.shapes.push(value()?.parse()?),
            "--out" => options.out = PathBuf::from(value()?),
            case if CASES.contains(&case) => options.cases.push(case.to_owned()),
            option if option.starts_with('-') => {
                return Err(format!("there is no option {option}; see --help"));
            }
            other => {
                return Err(format!(
                    "there is no case {other}; there are: {}",
                    CASES.join(" ")
                ));
            }
        }
    }
    if options.cases.is_empty() {
        options.cases = CASES.map(str::to_owned).to_vec();
    }
    let tableless = options
        .shapes
        .iter()
        .find(|shape| shape.one_table().is_none());
    if let Some(shape) = tableless.filter(|_| options.cases.iter().any(|case| case == "extract")) {
        return Err(format!(
            "extract: no table is in the shape {}; name the other cases",
            shape.name()
        ));
    }
    if options.runs == 0 {
        return Err("--runs must be 1 at least".to_owned());
    }
    if !(options.scale.is_finite() && options.scale > 0.0) {
        return Err("--scale must be above zero".to_owned());
    }
    if !dr_tests::ALL_MAJORS.contains(&options.major) {
        return Err(format!(
            "--major: there is no server {}; there are: {:?}",
            options.major,
            dr_tests::ALL_MAJORS
        ));
    }
    Ok(Asked::Run(options))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(words: &[&str]) -> Result<Asked, String> {
        parse(
            &words
                .iter()
                .map(|word| (*word).to_owned())
                .collect::<Vec<_>>(),
        )
    }

    #[test]
    fn what_is_not_understood_is_an_error_that_names_it() {
        for (words, told) in [
            (&["--fast"][..], "no option --fast"),
            (&["dumb"], "no case dumb"),
            (&["--runs"], "--runs needs a value"),
            (&["--runs", "0"], "1 at least"),
            (&["--scale", "much"], "much is not a number"),
            (&["--scale", "nan"], "above zero"),
            (&["--major", "12"], "no server 12"),
            (&["--shape", "round"], "no shape round"),
            (&["extract", "--shape", "large-objects"], "no table"),
        ] {
            let error = asked(words).expect_err("these words mean nothing");
            assert!(error.contains(told), "{words:?}: {error}");
        }
    }

    #[test]
    fn every_option_reaches_its_field() {
        let words = "dump --shape wide --shape bytea --runs 5 --scale 0.5 --major 16 --out x";
        let Ok(Asked::Run(options)) = asked(&words.split(' ').collect::<Vec<_>>()) else {
            panic!("these words are understood");
        };
        assert_eq!(
            options,
            Options {
                cases: vec!["dump".to_owned()],
                shapes: vec![Shape::Wide, Shape::Bytea],
                runs: 5,
                scale: 0.5,
                major: 16,
                out: PathBuf::from("x"),
            }
        );
    }

    #[test]
    fn the_help_names_every_case_and_shape() {
        for word in CASES.into_iter().chain(Shape::ALL.map(Shape::name)) {
            assert!(HELP.contains(word), "{word} is missing");
        }
    }
}
