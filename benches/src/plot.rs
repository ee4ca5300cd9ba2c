//! A section as a picture: bars with the median, whiskers from the least to the most, and what the
//! numbers are. Used by the report; knows nothing of how anything was measured.
//!
//! Written as SVG by hand and drawn from that as PNG, with one font, so that both look the same.

use std::fmt::Write as _;
use std::sync::Arc;

use resvg::{tiny_skia, usvg};

use crate::report::{Contestant, Section, Speed, Spread};

const WIDTH: f64 = 1280.0;
const MARGIN: f64 = 24.0;
const ROW: f64 = 30.0;
const BAR: f64 = 16.0;
/// Where the first row begins, below title, note and the heads of the panels.
const TOP: f64 = 112.0;
/// dr, its peers, and the part of a bar that is the server's.
const OURS: &str = "#1d5fa8";
const PEER: &str = "#8793a0";
const OURS_SERVER: &str = "#a9c8ea";
const PEER_SERVER: &str = "#d0d6dc";
const INK: &str = "#1c2126";
const FAINT: &str = "#66707a";
/// How many pixels of the PNG are one of the SVG.
const ZOOM: f32 = 2.0;

/// What has been drawn so far.
struct Canvas(String);

#[derive(Clone, Copy)]
enum Anchor {
    Start,
    End,
}

impl Canvas {
    fn text(&mut self, x: f64, y: f64, size: u32, ink: &str, anchor: Anchor, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::End => "end",
        };
        let _ = writeln!(
            self.0,
            "<text x=\"{x:.1}\" y=\"{y:.1}\" font-size=\"{size}\" fill=\"{ink}\" text-anchor=\"{anchor}\">{}</text>",
            escaped(text)
        );
    }

    fn bar(&mut self, x: f64, y: f64, width: f64, ink: &str) {
        let _ = writeln!(
            self.0,
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{BAR}\" fill=\"{ink}\"/>",
            width.max(0.5)
        );
    }

    fn line(&mut self, from: (f64, f64), to: (f64, f64), ink: &str) {
        let _ = writeln!(
            self.0,
            "<line x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\" stroke=\"{ink}\"/>",
            from.0, from.1, to.0, to.1
        );
    }

    /// From the least to the most, across the end of a bar.
    fn whisker(&mut self, least: f64, most: f64, y: f64) {
        // A single run has none.
        if least >= most {
            return;
        }
        let (middle, cap) = (y + BAR / 2.0, 4.0);
        self.line((least, middle), (most, middle), INK);
        for end in [least, most] {
            self.line((end, middle - cap), (end, middle + cap), INK);
        }
    }

    fn finish(self, section: &Section, height: f64) -> String {
        let mut head = Self(format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" \
             height=\"{height}\" font-family=\"Noto Sans, DejaVu Sans, Helvetica, Arial, sans-serif\">\n\
             <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n"
        ));
        head.text(MARGIN, 36.0, 21, INK, Anchor::Start, &section.title);
        head.text(MARGIN, 60.0, 13, FAINT, Anchor::Start, &section.note);
        head.0 + &self.0 + "</svg>\n"
    }
}

/// The picture of a section.
pub(crate) fn svg(section: &Section) -> String {
    let mut canvas = Canvas(String::new());
    let height = if section.contestants.is_empty() {
        speeds(&mut canvas, &section.speeds)
    } else {
        contestants(&mut canvas, section)
    };
    canvas.finish(section, height)
}

/// One column of bars.
struct Panel<'a> {
    title: &'a str,
    /// Its part of the room beside the names.
    share: f64,
    /// The length of a bar, its whisker's ends, and what is written behind it.
    value: Box<dyn Fn(&Contestant) -> Cell + 'a>,
}

struct Cell {
    /// The bar's parts from left to right.
    parts: Vec<f64>,
    spread: Option<Spread>,
    label: String,
}

impl Cell {
    fn reach(&self) -> f64 {
        let bar = self.parts.iter().sum::<f64>();
        self.spread.map_or(bar, |spread| spread.most.max(bar))
    }
}

/// Rows are contestants, columns are what was measured of them.
fn contestants(canvas: &mut Canvas, section: &Section) -> f64 {
    const NAMES: f64 = 345.0;
    let ours = section.ours().map(|one| one.wall().median);
    let mut panels = vec![
        Panel {
            title: "wall seconds, median, min–max · dr's time / its",
            share: 0.38,
            value: Box::new(|one| {
                let wall = one.wall();
                let mut label = seconds(wall.median);
                if let Some(ours) = ours.filter(|_| !one.ours) {
                    let _ = write!(label, " · {:.2}", ours / wall.median);
                }
                Cell {
                    parts: vec![wall.median],
                    spread: Some(wall),
                    label,
                }
            }),
        },
        Panel {
            title: "CPU seconds: client + server",
            share: 0.26,
            value: Box::new(|one| {
                let client = one.spread(|run| run.cpu).median;
                let server = one.spread(|run| run.server_cpu).median;
                Cell {
                    parts: vec![client, server],
                    spread: None,
                    label: format!("{} + {}", seconds(client), seconds(server)),
                }
            }),
        },
        Panel {
            title: "peak MiB, largest process",
            share: 0.18,
            value: Box::new(|one| whole(one.spread(|run| run.memory).most)),
        },
    ];
    let stored = |one: &Contestant| one.spread(|run| run.bytes as f64).median / 1e6;
    if section.contestants.iter().any(|one| stored(one) > 0.0) {
        panels.push(Panel {
            title: "stored MB",
            share: 0.18,
            value: Box::new(move |one| whole(stored(one))),
        });
    }

    let rows = &section.contestants;
    for (row, one) in rows.iter().enumerate() {
        let ink = if one.ours { OURS } else { INK };
        let baseline = TOP + row as f64 * ROW + BAR - 3.0;
        canvas.text(MARGIN, baseline, 13, ink, Anchor::Start, &one.name);
    }
    let room = WIDTH - 2.0 * MARGIN - NAMES;
    let shares: f64 = panels.iter().map(|panel| panel.share).sum();
    let mut left = MARGIN + NAMES;
    for panel in &panels {
        let width = room * panel.share / shares;
        canvas.text(left, TOP - 14.0, 12, FAINT, Anchor::Start, panel.title);
        let cells: Vec<Cell> = rows.iter().map(|one| (panel.value)(one)).collect();
        let most = cells
            .iter()
            .map(Cell::reach)
            .fold(f64::MIN_POSITIVE, f64::max);
        // Behind the longest bar its label must still have room.
        let characters = cells.iter().map(|cell| cell.label.chars().count()).max();
        let scale = (width - 26.0 - 7.0 * characters.unwrap_or(0) as f64) / most;
        for (row, (cell, one)) in cells.iter().zip(rows).enumerate() {
            let y = TOP + row as f64 * ROW;
            let inks = if one.ours {
                [OURS, OURS_SERVER]
            } else {
                [PEER, PEER_SERVER]
            };
            let mut x = left;
            for (part, ink) in cell.parts.iter().zip(inks) {
                canvas.bar(x, y, part * scale, ink);
                x += part * scale;
            }
            if let Some(spread) = cell.spread {
                canvas.whisker(left + spread.least * scale, left + spread.most * scale, y);
            }
            let behind = left + cell.reach() * scale + 8.0;
            canvas.text(behind, y + BAR - 3.0, 12, INK, Anchor::Start, &cell.label);
        }
        let bottom = TOP + rows.len() as f64 * ROW - 8.0;
        canvas.line((left, TOP - 6.0), (left, bottom), FAINT);
        left += width;
    }
    TOP + rows.len() as f64 * ROW + MARGIN
}

fn seconds(value: f64) -> String {
    let digits = if value < 10.0 { 2 } else { 1 };
    format!("{value:.digits$}")
}

fn whole(value: f64) -> Cell {
    let digits = usize::from(value < 10.0);
    Cell {
        parts: vec![value],
        spread: None,
        label: format!("{value:.digits$}"),
    }
}

/// Groups of bars, on a logarithmic axis where they differ much.
fn speeds(canvas: &mut Canvas, speeds: &[Speed]) -> f64 {
    const GROUPS: f64 = 190.0;
    const NAMES: f64 = 220.0;
    const LABELS: f64 = 170.0;
    let medians = || speeds.iter().map(|speed| speed.megabytes_per_second);
    let most = medians()
        .map(|spread| spread.most)
        .fold(f64::MIN_POSITIVE, f64::max);
    let least = medians().map(|spread| spread.least).fold(most, f64::min);
    let left = MARGIN + GROUPS + NAMES;
    let room = WIDTH - MARGIN - LABELS - left;
    let logarithmic = most / least > 30.0;
    let origin = 10_f64.powf(least.log10().floor());
    let at = |value: f64| {
        let part = if logarithmic {
            (value / origin).log10() / (most / origin).log10()
        } else {
            value / most
        };
        left + room * part.max(0.0)
    };

    let mut head = "MB of plain data a second; median, min–max".to_owned();
    if speeds.iter().any(|speed| speed.ratio.is_some()) {
        head.push_str(" · dr's time / its");
    }
    if logarithmic {
        head.push_str("; logarithmic");
    }
    canvas.text(left, TOP - 30.0, 12, FAINT, Anchor::Start, &head);
    // A little room before each group.
    let mut y = TOP - 10.0;
    let mut group = "";
    let mut marks = Canvas(String::new());
    for speed in speeds {
        if speed.group != group {
            group = &speed.group;
            y += 10.0;
            marks.text(MARGIN, y + BAR - 3.0, 13, INK, Anchor::Start, group);
        }
        let spread = speed.megabytes_per_second;
        let (ink, name_ink) = if speed.ours {
            (OURS, OURS)
        } else {
            (PEER, INK)
        };
        marks.text(
            left - 10.0,
            y + BAR - 3.0,
            13,
            name_ink,
            Anchor::End,
            &speed.name,
        );
        marks.bar(left, y, at(spread.median) - left, ink);
        marks.whisker(at(spread.least), at(spread.most), y);
        let digits = usize::from(spread.median < 10.0);
        let mut label = format!("{:.digits$}", spread.median);
        if let Some(ratio) = speed.ratio {
            let _ = write!(label, " · {ratio:.2}");
        }
        marks.text(
            at(spread.most) + 8.0,
            y + BAR - 3.0,
            12,
            INK,
            Anchor::Start,
            &label,
        );
        y += ROW - 6.0;
    }
    if logarithmic {
        let mut tick = origin;
        while tick <= most {
            canvas.line((at(tick), TOP - 4.0), (at(tick), y), "#e3e7eb");
            canvas.text(
                at(tick),
                TOP - 10.0,
                11,
                FAINT,
                Anchor::Start,
                &format!("{tick:.0}"),
            );
            tick *= 10.0;
        }
    }
    canvas.0.push_str(&marks.0);
    canvas.line((left, TOP - 6.0), (left, y), FAINT);
    y + MARGIN
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// The same picture in pixels.
///
/// # Panics
///
/// When it is no SVG: it was written here.
pub(crate) fn png(svg: &str) -> Vec<u8> {
    let mut fonts = usvg::fontdb::Database::new();
    fonts.load_font_data(notosans::REGULAR_TTF.to_vec());
    let options = usvg::Options {
        fontdb: Arc::new(fonts),
        ..usvg::Options::default()
    };
    let tree = usvg::Tree::from_str(svg, &options).expect("what svg() writes is SVG");
    let size = tree.size().to_int_size();
    let pixels = |length: u32| (length as f32 * ZOOM).ceil() as u32;
    let mut image = tiny_skia::Pixmap::new(pixels(size.width()), pixels(size.height()))
        .expect("a picture has a size");
    let zoom = tiny_skia::Transform::from_scale(ZOOM, ZOOM);
    resvg::render(&tree, zoom, &mut image.as_mut());
    image.encode_png().expect("pixels can be encoded")
}
