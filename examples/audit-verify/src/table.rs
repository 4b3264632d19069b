//! Rows of cells, aligned.

use std::io::Write;

use tool_support::Style;

/// A heading, and whether its column holds numbers, which stand to the right.
pub(crate) type Heading = (&'static str, bool);

/// Prints rows under their headings.
pub(crate) fn print<const COLUMNS: usize>(
    headings: [Heading; COLUMNS],
    rows: &[[String; COLUMNS]],
    style: Style,
    out: &mut impl Write,
) -> std::io::Result<()> {
    let mut widths = headings.map(|(heading, _)| heading.chars().count());
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = std::cmp::max(*width, cell.chars().count());
        }
    }
    let line = |cells: &[&str]| {
        let mut line = String::new();
        for ((cell, width), (_, number)) in cells.iter().zip(widths).zip(headings) {
            let room = " ".repeat(width.saturating_sub(cell.chars().count()));
            let parts: [&str; 2] = if number { [&room, cell] } else { [cell, &room] };
            line.push_str(if line.is_empty() { "" } else { "  " });
            line.extend(parts);
        }
        line.trim_end().to_owned()
    };
    writeln!(out, "{}", style.soft(line(&headings.map(|(heading, _)| heading))))?;
    for row in rows {
        let cells: Vec<&str> = row.iter().map(String::as_str).collect();
        writeln!(out, "{}", line(&cells))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_to_the_right_and_texts_to_the_left() {
        let rows = [["a".to_owned(), "1,000".to_owned()], ["long".to_owned(), "7".to_owned()]];
        let mut out = Vec::new();
        print([("NAME", false), ("COUNT", true)], &rows, Style::plain(), &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text, "NAME  COUNT\na     1,000\nlong      7\n");
    }
}
