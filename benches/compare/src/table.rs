//! Markdown tables and the numbers in them.

use crate::statistics::Spread;

/// The cell of a value that was not measured.
pub(crate) const NO_VALUE: &str = "–";

/// Formats a table. The first column has names, and the others numbers.
pub(crate) fn table(header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let line = |cells: &[&str]| format!("| {} |\n", cells.join(" | "));
    let mut text = line(header) + "|---|" + &"---:|".repeat(header.len() - 1);
    for row in rows {
        text.push('\n');
        text += line(&row.iter().map(String::as_str).collect::<Vec<_>>()).trim_end();
    }
    text
}

/// Formats the median, with the lowest and the highest value in brackets.
pub(crate) fn with_range(spread: Spread) -> String {
    format!("{} ({}–{})", number(spread.median), number(spread.min), number(spread.max))
}

/// Formats a number with three significant digits, and commas between thousands.
pub(crate) fn number(value: f64) -> String {
    if value < 99.95 {
        let decimals = match value {
            ..0.9995 => 3,
            ..9.995 => 2,
            _ => 1,
        };
        return format!("{value:.decimals$}");
    }
    let mut unit = 1.0;
    while value / unit >= 999.5 {
        unit *= 10.0;
    }
    let digits = format!("{:.0}", (value / unit).round() * unit);
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
