//! Growth over time as inline SVG: one stepped line per chain.

use std::fmt::Write;

use audit_core::Timestamp;

use tool_support::grouped;

/// How one chain grew: `(when, entries then)`, ascending in both.
#[derive(Debug, Clone)]
pub(crate) struct Growth {
    pub(crate) name: String,
    pub(crate) points: Vec<(Timestamp, u64)>,
}

const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 260.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 34.0;
/// Lines that are told apart; the chains beyond are drawn in grey.
const COLOURS: [&str; 6] = ["#0b62a4", "#c1440e", "#2a7d3f", "#7a4ea3", "#a07400", "#00838f"];
const GREY: &str = "#9aa3ad";
/// Points a line keeps.
const KEPT: usize = 400;

/// The chart, or nothing where no chain has an entry.
pub(crate) fn svg(growth: &[Growth]) -> String {
    let mut lines: Vec<&Growth> = growth.iter().filter(|line| !line.points.is_empty()).collect();
    lines.sort_by_key(|line| std::cmp::Reverse(line.points.last().map_or(0, |point| point.1)));
    let times =
        || lines.iter().flat_map(|line| line.points.iter().map(|point| point.0.as_micros()));
    let (Some(first), Some(last)) = (times().min(), times().max()) else {
        return String::new();
    };
    let most = lines.iter().flat_map(|line| line.points.iter().map(|point| point.1)).max();
    let scale = Scale::new(first, last, most.unwrap_or(1));
    let mut out = format!(
        "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" \
         aria-label=\"Entries of each chain over time\">"
    );
    scale.grid(&mut out);
    // The largest chain is drawn last, on top.
    for (rank, line) in lines.iter().enumerate().rev() {
        scale.line(&mut out, line, COLOURS.get(rank).unwrap_or(&GREY));
    }
    out.push_str("</svg>");
    legend(&mut out, &lines);
    out
}

struct Scale {
    first: i64,
    span: i64,
    top: u64,
    step: u64,
}

impl Scale {
    fn new(first: i64, last: i64, most: u64) -> Self {
        let step = nice_step(most);
        let top = most.div_ceil(step).saturating_mul(step);
        Self { first, span: last.saturating_sub(first), top, step }
    }

    fn x(&self, at: Timestamp) -> f64 {
        if self.span == 0 {
            // One moment: a short step in the middle.
            return f64::midpoint(LEFT, WIDTH - RIGHT);
        }
        let share = ratio(
            at.as_micros().saturating_sub(self.first).unsigned_abs(),
            self.span.unsigned_abs(),
        );
        LEFT + share * (WIDTH - LEFT - RIGHT)
    }

    fn y(&self, entries: u64) -> f64 {
        HEIGHT - BOTTOM - ratio(entries, self.top) * (HEIGHT - TOP - BOTTOM)
    }

    fn grid(&self, out: &mut String) {
        let right = WIDTH - RIGHT;
        let mut value = 0_u64;
        while value <= self.top {
            let y = self.y(value);
            let label = grouped(value);
            let _infallible = write!(
                out,
                "<line x1=\"{LEFT}\" x2=\"{right}\" y1=\"{y:.1}\" y2=\"{y:.1}\" class=\"grid\"/>\
                 <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{label}</text>",
                LEFT - 8.0,
                y + 4.0,
            );
            value = value.saturating_add(self.step);
        }
        let marks: i64 = if self.span == 0 { 0 } else { 4 };
        for mark in 0..=marks {
            let share = self.span.checked_div(marks).unwrap_or(0).saturating_mul(mark);
            let Ok(at) = Timestamp::from_micros(self.first.saturating_add(share)) else { continue };
            let anchor = match (marks, mark) {
                (0, _) => "middle",
                (_, 0) => "start",
                (marks, mark) if marks == mark => "end",
                _ => "middle",
            };
            let _infallible = write!(
                out,
                "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{}</text>",
                self.x(at),
                HEIGHT - BOTTOM + 20.0,
                moment(at, self.span, mark == 0),
            );
        }
    }

    fn line(&self, out: &mut String, line: &Growth, colour: &str) {
        let base = self.y(0);
        let mut path = String::new();
        let mut previous: Option<f64> = None;
        let mut end = LEFT;
        for (at, entries) in thinned(&line.points) {
            let (x, y) = (self.x(at), self.y(entries));
            // A step: the size stays until the moment at which it grows.
            let _infallible = match previous {
                None => write!(path, "M{x:.1} {base:.1}V{y:.1}"),
                Some(_) => write!(path, "H{x:.1}V{y:.1}"),
            };
            previous = Some(y);
            end = x;
        }
        let width = if self.span == 0 { 24.0 } else { 0.0 };
        if width > 0.0 {
            let _infallible = write!(path, "H{:.1}", end + width);
            end += width;
        }
        let _infallible = write!(
            out,
            "<path d=\"{path}V{base:.1}Z\" fill=\"{colour}\" fill-opacity=\"0.08\"/>\
             <path d=\"{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\" \
             stroke-linejoin=\"round\"/>\
             <circle cx=\"{end:.1}\" cy=\"{:.1}\" r=\"3.2\" fill=\"{colour}\"/>",
            previous.unwrap_or(base),
        );
    }
}

fn legend(out: &mut String, lines: &[&Growth]) {
    out.push_str("<ul class=\"legend\">");
    for (rank, line) in lines.iter().enumerate().take(COLOURS.len()) {
        let colour = COLOURS.get(rank).unwrap_or(&GREY);
        let entries = grouped(line.points.last().map_or(0, |point| point.1));
        let _infallible = write!(
            out,
            "<li><i style=\"background:{colour}\"></i>{} <span>{entries}</span></li>",
            escaped(&line.name),
        );
    }
    if let Some(more) = lines.len().checked_sub(COLOURS.len()).filter(|more| *more > 0) {
        let _infallible =
            write!(out, "<li><i style=\"background:{GREY}\"></i>{more} smaller chains</li>");
    }
    out.push_str("</ul>");
}

/// At most [`KEPT`] points, the first and the last among them.
fn thinned(points: &[(Timestamp, u64)]) -> impl Iterator<Item = (Timestamp, u64)> {
    let stride = points.len().div_ceil(KEPT);
    let last = points.len().saturating_sub(1);
    points
        .iter()
        .enumerate()
        .filter(move |(index, _)| index.is_multiple_of(stride) || *index == last)
        .map(|(_, point)| *point)
}

/// 1, 2 or 5 times a power of ten, so that four to eight lines fill the chart.
fn nice_step(most: u64) -> u64 {
    let mut power = 1_u64;
    loop {
        for factor in [1, 2, 5] {
            let step = power.saturating_mul(factor);
            if most.div_ceil(step) <= 6 {
                return step;
            }
        }
        power = power.saturating_mul(10);
    }
}

/// A date; where all happened within two days a time of the day, the first one with its date.
fn moment(at: Timestamp, span: i64, first: bool) -> String {
    const MINUTE: i64 = 60_000_000;
    const DAY: i64 = 86_400_000_000;
    let text = at.to_string();
    let (date, time) = text.split_once('T').unwrap_or((&text, ""));
    let letters = match span {
        0..=MINUTE => 10,
        span if span <= 120 * MINUTE => 8,
        span if span <= 2 * DAY => 5,
        _ => return date.to_owned(),
    };
    let time = time.get(..letters).unwrap_or_default();
    if first { format!("{date} {time}") } else { time.to_owned() }
}

#[expect(clippy::cast_precision_loss, reason = "a position on paper needs three digits")]
fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// `text` as HTML text.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(micros: i64) -> Timestamp {
        Timestamp::from_micros(micros).unwrap()
    }

    #[test]
    fn nothing_grew_nothing_drawn() {
        assert_eq!(svg(&[]), "");
        assert_eq!(svg(&[Growth { name: "a/b".into(), points: vec![] }]), "");
    }

    #[test]
    fn a_name_cannot_leave_its_place() {
        let growth = Growth { name: "<script>\"&'".into(), points: vec![(at(0), 1), (at(9), 4)] };
        let drawn = svg(&[growth]);
        assert!(drawn.contains("&lt;script&gt;&quot;&amp;&#39;"), "{drawn}");
        assert!(!drawn.contains("<script"), "{drawn}");
    }

    #[test]
    fn the_axis_has_round_numbers_and_holds_the_largest_value() {
        for most in [1, 2, 6, 7, 41, 2_901, 1_000_000, u64::from(u32::MAX)] {
            let scale = Scale::new(0, 1, most);
            assert!(scale.top >= most, "{most}");
            assert!((1..=6).contains(&(scale.top / scale.step)), "{most}");
            assert!(scale.y(most) >= TOP - 0.01 && scale.y(0) <= HEIGHT - BOTTOM + 0.01);
        }
    }

    #[test]
    fn a_long_line_is_thinned_and_keeps_its_ends() {
        let points: Vec<_> = (0..10_000).map(|n| (at(n), n.unsigned_abs() + 1)).collect();
        let kept: Vec<_> = thinned(&points).collect();
        assert!(kept.len() <= KEPT + 1, "{}", kept.len());
        assert_eq!(kept.first(), points.first());
        assert_eq!(kept.last(), points.last());
    }

    #[test]
    fn marks_are_as_exact_as_the_span_needs() {
        let start: Timestamp = "2026-11-20T23:23:00.500000Z".parse().unwrap();
        assert_eq!(moment(start, 2_000_000, true), "2026-11-20 23:23:00.5");
        assert_eq!(moment(start, 2_000_000, false), "23:23:00.5");
        assert_eq!(moment(start, 3_600_000_000, false), "23:23:00");
        assert_eq!(moment(start, 86_400_000_000, false), "23:23");
        assert_eq!(moment(start, 999_999_999_999, true), "2026-11-20");
    }

    #[test]
    fn one_moment_is_drawn_too() {
        let drawn = svg(&[Growth { name: "a/b".into(), points: vec![(at(5), 3)] }]);
        assert!(!drawn.contains("NaN"), "{drawn}");
    }
}
