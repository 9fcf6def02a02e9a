//! Charts of figures: lines over time and bars of spreads, one below the other in one SVG.
//!
//! ```
//! use peristyle_peers::{
//!     Spread,
//!     chart::{self, Bars, Lines},
//! };
//!
//! # fn main() -> Result<(), peristyle_peers::Failure> {
//! let lines = Lines::new("Connects", "seconds", "connects per second")
//!     .area("spread", vec![(0.0, 480.0), (1.0, 510.0)])
//!     .line("limit", vec![(0.0, 600.0), (1.0, 600.0)]);
//! let bars = Bars::new("CPU time per delivery", "µs")
//!     .bar("floor", Spread::of(vec![5.1, 5.2, 5.4]))
//!     .bar("ours", Spread::of(vec![5.3, 5.3, 5.9]));
//! let svg = chart::svg(&[lines.into(), bars.into()])?;
//! assert!(svg.starts_with("<svg"));
//! # Ok(())
//! # }
//! ```

use plotters::{
    chart::{ChartBuilder, ChartContext, SeriesLabelPosition},
    coord::{Shift, types::RangedCoordf64},
    drawing::{DrawingArea, IntoDrawingArea},
    element::{EmptyElement, PathElement, Rectangle, Text},
    prelude::{Cartesian2d, Color, RGBColor, SVGBackend},
    series::{AreaSeries, LineSeries},
    style::{
        IntoFont, TextStyle, WHITE,
        text_anchor::{HPos, Pos, VPos},
    },
};

use crate::{Failure, Spread};

/// Pixels.
const WIDTH: u32 = 860;
const LINES_HEIGHT: u32 = 300;
/// What the numbers beside lines take, and what they are of.
const LEFT: u32 = 86;
const BAR_HEIGHT: u32 = 30;
/// What bars have above and below them.
const BARS_FRAME: u32 = 115;

/// Told apart by those who do not see all colours, and dark enough for white.
const COLOURS: [RGBColor; 5] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 135, 100),
    RGBColor(160, 80, 140),
    RGBColor(95, 95, 95),
];
const GRID: RGBColor = RGBColor(225, 225, 225);
const AXIS: RGBColor = RGBColor(120, 120, 120);
const TEXT: RGBColor = RGBColor(40, 40, 40);
const FONT: &str = "sans-serif";

/// Sizes of text, which come out a fifth smaller.
const TITLE: u32 = 21;
const AXIS_NAME: u32 = 17;
const LABEL: u32 = 16;

/// One of the charts in a picture.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Chart {
    /// Series over time.
    Lines(Lines),
    /// Named values.
    Bars(Bars),
}

/// Series over the same axes.
#[derive(Debug, Clone)]
pub struct Lines {
    title: String,
    x: String,
    y: String,
    series: Vec<Series>,
}

#[derive(Debug, Clone)]
struct Series {
    name: String,
    points: Vec<(f64, f64)>,
    filled: bool,
}

/// Named values with their spreads, which are a thin line from the least to the greatest.
#[derive(Debug, Clone)]
pub struct Bars {
    title: String,
    unit: String,
    bars: Vec<(String, Spread)>,
}

/// The picture of these charts, one below the other, on white.
///
/// # Errors
///
/// When one of them has nothing to show, or a value that is no number.
pub fn svg(charts: &[Chart]) -> Result<String, Failure> {
    let height = charts.iter().map(Chart::height).sum();
    let mut svg = String::new();
    let root = SVGBackend::with_string(&mut svg, (WIDTH, height)).into_drawing_area();
    root.fill(&WHITE)?;
    let mut rest = root;
    for chart in charts {
        let (area, below) = rest.split_vertically(chart.height());
        chart.draw(&area)?;
        rest = below;
    }
    rest.present()?;
    drop(rest);
    Ok(svg)
}

impl Chart {
    fn height(&self) -> u32 {
        match self {
            Self::Lines(_) => LINES_HEIGHT,
            Self::Bars(bars) => {
                let count = u32::try_from(bars.bars.len()).unwrap_or(u32::MAX);
                BARS_FRAME + count.saturating_mul(BAR_HEIGHT)
            }
        }
    }

    fn draw(&self, area: &Area<'_>) -> Result<(), Failure> {
        match self {
            Self::Lines(lines) => lines.draw(area),
            Self::Bars(bars) => bars.draw(area),
        }
    }
}

impl From<Lines> for Chart {
    fn from(lines: Lines) -> Self {
        Self::Lines(lines)
    }
}

impl From<Bars> for Chart {
    fn from(bars: Bars) -> Self {
        Self::Bars(bars)
    }
}

impl Lines {
    /// A chart without series. `x` and `y` are under the axes: what it is, with its unit.
    pub fn new(title: &str, x: &str, y: &str) -> Self {
        Self {
            title: title.to_owned(),
            x: x.to_owned(),
            y: y.to_owned(),
            series: Vec::new(),
        }
    }

    /// A line through these points.
    #[must_use]
    pub fn line(self, name: &str, points: Vec<(f64, f64)>) -> Self {
        self.series(name, points, false)
    }

    /// A line through these points, with colour below it.
    #[must_use]
    pub fn area(self, name: &str, points: Vec<(f64, f64)>) -> Self {
        self.series(name, points, true)
    }

    fn series(mut self, name: &str, points: Vec<(f64, f64)>, filled: bool) -> Self {
        let name = name.to_owned();
        self.series.push(Series {
            name,
            points,
            filled,
        });
        self
    }

    fn draw(&self, area: &Area<'_>) -> Result<(), Failure> {
        let points = || self.series.iter().flat_map(|series| &series.points);
        let (least, greatest) = bounds(points().map(|point| point.0))?;
        let (_, top) = bounds(points().map(|point| point.1))?;
        let mut chart = framed(area, &self.title, LEFT)
            .build_cartesian_2d(least..greatest, 0.0..self.headroom(top))?;
        chart
            .configure_mesh()
            .max_light_lines(0)
            .bold_line_style(GRID)
            .axis_style(AXIS)
            .label_style(text(LABEL))
            .axis_desc_style(text(AXIS_NAME))
            .x_desc(&self.x)
            .y_desc(&self.y)
            .x_label_formatter(&|value| number(*value))
            .y_label_formatter(&|value| number_up_to(top, *value))
            .draw()?;
        for (series, colour) in self.series.iter().zip(COLOURS.iter().cycle()) {
            series.draw(&mut chart, *colour)?;
        }
        legend(&mut chart)
    }

    /// An axis that ends above what is on it, with room for the legend.
    fn headroom(&self, top: f64) -> f64 {
        let top = if top > 0.0 { top } else { 1.0 };
        self.series.iter().fold(top * 1.1, |top, _| top * 1.12)
    }
}

impl Series {
    fn draw(&self, chart: &mut Plane<'_>, colour: RGBColor) -> Result<(), Failure> {
        let points = self.points.iter().copied();
        if self.filled {
            chart.draw_series(AreaSeries::new(points.clone(), 0.0, colour.mix(0.18)))?;
        }
        chart
            .draw_series(LineSeries::new(points, colour.stroke_width(2)))?
            .label(&self.name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2)));
        Ok(())
    }
}

impl Bars {
    /// A chart without bars. `unit` is under the axis.
    pub fn new(title: &str, unit: &str) -> Self {
        Self {
            title: title.to_owned(),
            unit: unit.to_owned(),
            bars: Vec::new(),
        }
    }

    /// A bar below the others.
    #[must_use]
    pub fn bar(mut self, name: &str, spread: Spread) -> Self {
        self.bars.push((name.to_owned(), spread));
        self
    }

    fn draw(&self, area: &Area<'_>) -> Result<(), Failure> {
        let (_, longest) = bounds(self.bars.iter().map(|(_, spread)| spread.max))?;
        let names = self.bars.iter().map(|(name, _)| name.chars().count());
        let left = 20 + 8 * u32::try_from(names.max().unwrap_or(0))?;
        // The values are written behind the bars.
        let mut chart = framed(area, &self.title, left).build_cartesian_2d(
            0.0..longest * 1.15,
            0.0..f64::from(u32::try_from(self.bars.len())?),
        )?;
        chart
            .configure_mesh()
            .disable_y_mesh()
            .disable_y_axis()
            .max_light_lines(0)
            .bold_line_style(GRID)
            .axis_style(AXIS)
            .label_style(text(LABEL))
            .axis_desc_style(text(AXIS_NAME))
            .x_desc(&self.unit)
            .x_label_formatter(&|value| number(*value))
            .draw()?;
        for (index, (name, spread)) in (0_u32..).zip(self.bars.iter().rev()) {
            draw_bar(&mut chart, f64::from(index), name, *spread)?;
        }
        Ok(())
    }
}

/// Above `bottom`, where a bar and the space around it are 1 high.
fn draw_bar(chart: &mut Plane<'_>, bottom: f64, name: &str, spread: Spread) -> Result<(), Failure> {
    let middle = bottom + 0.5;
    let corners = [(0.0, bottom + 0.2), (spread.median, bottom + 0.8)];
    chart.draw_series([Rectangle::new(corners, COLOURS[0].mix(0.6).filled())])?;
    let reach = [(spread.min, middle), (spread.max, middle)];
    chart.draw_series([PathElement::new(reach, TEXT.stroke_width(2))])?;
    let beside = |written: String, x, away, side| {
        let style = text(LABEL).pos(Pos::new(side, VPos::Center));
        EmptyElement::at((x, middle)) + Text::new(written, (away, 0), style)
    };
    chart.draw_series([
        beside(number(spread.median), spread.max, 8, HPos::Left),
        beside(name.to_owned(), 0.0, -8, HPos::Right),
    ])?;
    Ok(())
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Plane<'a> = ChartContext<'a, SVGBackend<'a>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

fn framed<'a, 'b>(
    area: &'a Area<'b>,
    title: &str,
    left: u32,
) -> ChartBuilder<'a, 'b, SVGBackend<'b>> {
    let mut chart = ChartBuilder::on(area);
    chart
        .caption(title, text(TITLE))
        .margin(12)
        .x_label_area_size(44)
        .y_label_area_size(left);
    chart
}

fn legend(chart: &mut Plane<'_>) -> Result<(), Failure> {
    chart
        .configure_series_labels()
        .background_style(WHITE.mix(0.85))
        .label_font(text(LABEL))
        .position(SeriesLabelPosition::UpperRight)
        .draw()?;
    Ok(())
}

fn text(size: u32) -> TextStyle<'static> {
    (FONT, size).into_font().color(&TEXT)
}

/// # Errors
///
/// When there is none, or one is no number.
fn bounds(values: impl Iterator<Item = f64> + Clone) -> Result<(f64, f64), Failure> {
    if values.clone().any(|value| !value.is_finite()) {
        return Err("a value is no number".into());
    }
    let least = values.clone().reduce(f64::min);
    let greatest = values.reduce(f64::max);
    least.zip(greatest).ok_or_else(|| "nothing to show".into())
}

/// With as many digits as it needs, three of which say something, as on the axes.
pub fn number(value: f64) -> String {
    let digits = match value.abs() {
        large if large >= 100.0 => 0,
        middle if middle >= 10.0 => 1,
        _ => 2,
    };
    let written = format!("{value:.digits$}");
    if !written.contains('.') {
        return grouped(&written);
    }
    written
        .trim_end_matches('0')
        .trim_end_matches('.')
        .to_owned()
}

/// Nothing for what is above all that is shown: beside the legend numbers would say nothing.
fn number_up_to(top: f64, value: f64) -> String {
    if value > top {
        return String::new();
    }
    number(value)
}

/// 12345 as 12,345.
fn grouped(digits: &str) -> String {
    let mut written = String::new();
    for (index, digit) in digits.char_indices() {
        let rest = digits.len() - index;
        if rest % 3 == 0 && written.ends_with(|before: char| before.is_ascii_digit()) {
            written.push(',');
        }
        written.push(digit);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let written = [0.0, 0.25, 5.3, 12.0, 12.34, 12_345.6, 1_234_567.0].map(number);
        assert_eq!(
            written,
            ["0", "0.25", "5.3", "12", "12.3", "12,346", "1,234,567"]
        );
    }

    #[test]
    fn a_picture_names_all_that_is_in_it() {
        let lines = Lines::new("Connects", "seconds", "connects per second")
            .area("spread", vec![(0.0, 1.0), (1.0, 2.0)])
            .line("limit", vec![(0.0, 3.0), (1.0, 3.0)]);
        let spread = Spread::of(vec![5.0, 6.0, 7.0]);
        let bars = Bars::new("CPU time", "µs").bar("floor", spread);
        let svg = svg(&[lines.into(), bars.into()]).unwrap();
        for name in [
            "Connects",
            "seconds",
            "connects per second",
            "spread",
            "limit",
            "CPU time",
            "µs",
            "floor",
        ] {
            assert!(svg.contains(&format!(">\n{name}\n<")), "{name}: {svg}");
        }
    }

    #[test]
    fn what_is_no_number_is_refused() {
        let lines = Lines::new("", "", "").line("", vec![(0.0, f64::NAN)]);

        assert!(svg(&[lines.into()]).is_err());
        assert!(svg(&[Bars::new("", "").into()]).is_err());
    }
}
