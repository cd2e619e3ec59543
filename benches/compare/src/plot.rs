//! Bar charts as SVG, which follow the colour scheme of the reader.

use crate::{server::Server, statistics::Spread, table::number};

/// A bar: the median, with a line from the lowest to the highest value.
pub(crate) struct Bar {
    pub(crate) server: Server,
    pub(crate) spread: Spread,
}

/// One chart of a drawing.
pub(crate) struct Panel {
    pub(crate) title: String,
    pub(crate) bars: Vec<Bar>,
}

const COLUMNS: usize = 2;
const PANEL_WIDTH: u16 = 450;
const LABEL_WIDTH: u16 = 168;
/// The length of the longest bar. Its number stands to the right of it.
const BAR_LENGTH: u16 = 190;
const BAR_HEIGHT: u16 = 16;
const ROW_HEIGHT: u16 = 22;
const TITLE_HEIGHT: u16 = 30;
const GAP: u16 = 24;

const STYLE: &str = "text { font: 13px system-ui, sans-serif; fill: #1f2328 } \
    .title { font-weight: 600 } .ours { fill: #0969da } .other { fill: #8c959f } \
    .range { stroke: #1f2328; stroke-width: 1.5 } \
    @media (prefers-color-scheme: dark) { text { fill: #e6edf3 } .ours { fill: #4493f8 } .other { fill: #656d76 } \
    .range { stroke: #e6edf3 } }";

/// Draws panels in rows of two.
pub(crate) fn draw(panels: &[Panel]) -> String {
    let mut body = String::new();
    let mut top = 0;
    for row in panels.chunks(COLUMNS) {
        for (left, panel) in (0..).step_by(PANEL_WIDTH.into()).zip(row) {
            body += &draw_panel(panel, left, top);
        }
        let bars = row.iter().map(|panel| panel.bars.len()).max().unwrap_or_default();
        top += TITLE_HEIGHT + ROW_HEIGHT * u16::try_from(bars).unwrap_or(u16::MAX) + GAP;
    }
    let width = PANEL_WIDTH * 2;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {top}\" width=\"{width}\" height=\"{top}\" \
         role=\"img\">\n<style>{STYLE}</style>\n{body}</svg>\n"
    )
}

fn draw_panel(panel: &Panel, left: u16, top: u16) -> String {
    let longest = panel.bars.iter().map(|bar| bar.spread.max).fold(f64::MIN_POSITIVE, f64::max);
    let scale = f64::from(BAR_LENGTH) / longest;
    let title = format!("<text class=\"title\" x=\"{left}\" y=\"{}\">{}</text>\n", top + 18, panel.title);
    let bars = (top + TITLE_HEIGHT..).step_by(ROW_HEIGHT.into()).zip(&panel.bars);
    let bars = bars.map(|(y, Bar { server, spread })| {
        let (x, baseline, middle) = (left + LABEL_WIDTH, y + 13, y + BAR_HEIGHT / 2);
        let class = if server.is_portcullis() { "ours" } else { "other" };
        let [min, median, max] = [spread.min, spread.median, spread.max].map(|value| value * scale);
        format!(
            "<text x=\"{left}\" y=\"{baseline}\">{}</text>\n\
             <rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{median:.1}\" height=\"{BAR_HEIGHT}\" rx=\"2\"/>\n\
             <path class=\"range\" d=\"M{x} {middle}m{min:.1} 0h{:.1}\"/>\n\
             <text x=\"{:.1}\" y=\"{baseline}\">{}</text>\n",
            server.name(),
            max - min,
            f64::from(x) + max + 6.0,
            number(spread.median),
        )
    });
    title + &bars.collect::<String>()
}
