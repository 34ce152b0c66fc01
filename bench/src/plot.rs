//! Lines over logarithmic axes, as SVG.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use plotters::prelude::*;

/// What is shown of one kind of work.
pub(crate) struct Plot {
    pub(crate) name: &'static str,
    pub(crate) title: String,
    pub(crate) x: &'static str,
    pub(crate) y: &'static str,
    pub(crate) lines: Vec<Line>,
}

/// A line, and where it goes: x and y, both above zero.
pub(crate) struct Line {
    pub(crate) name: String,
    pub(crate) points: Vec<(f64, f64)>,
}

const COLORS: [RGBColor; 4] =
    [RGBColor(31, 119, 180), RGBColor(214, 39, 40), RGBColor(44, 160, 44), RGBColor(148, 103, 189)];

impl Plot {
    /// Draws it into a folder. Returns where.
    pub(crate) fn draw(&self, folder: &Path) -> Result<PathBuf> {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let file = folder.join(self.name).with_extension("svg");
        self.draw_to(&file)?;
        Ok(file)
    }

    fn draw_to(&self, file: &Path) -> Result<()> {
        const SIZE: (u32, u32) = (720, 420);
        let (x, y) = (self.span(|point| point.0), self.span(|point| point.1));
        let area = SVGBackend::new(file, SIZE).into_drawing_area();
        area.fill(&WHITE)?;
        let mut chart = ChartBuilder::on(&area)
            .caption(&self.title, ("sans-serif", 18))
            .margin(12)
            .x_label_area_size(40)
            .y_label_area_size(70)
            .build_cartesian_2d((x.0..x.1).log_scale(), (y.0 / 2.0..y.1 * 2.0).log_scale())?;
        chart.configure_mesh().x_desc(self.x).y_desc(self.y).light_line_style(WHITE).draw()?;
        for (line, color) in self.lines.iter().zip(COLORS.iter().cycle()) {
            let points = || line.points.iter().copied();
            chart
                .draw_series(LineSeries::new(points(), color.stroke_width(2)))?
                .label(&line.name)
                .legend(|(x, y)| PathElement::new([(x, y), (x + 16, y)], color.stroke_width(2)));
            chart.draw_series(points().map(|point| Circle::new(point, 3, color.filled())))?;
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperLeft)
            .background_style(WHITE.mix(0.8))
            .border_style(BLACK.mix(0.2))
            .draw()?;
        area.present()?;
        Ok(())
    }

    /// From the smallest to the largest, of all lines.
    fn span(&self, of: impl Fn(&(f64, f64)) -> f64) -> (f64, f64) {
        let values = || self.lines.iter().flat_map(|line| line.points.iter()).map(&of);
        (values().fold(f64::INFINITY, f64::min), values().fold(f64::MIN_POSITIVE, f64::max))
    }
}
