//! Tables that a script can sort and filter, and that are plain tables without it.

use super::markup::Html;

/// A table of a page.
#[derive(Debug, Clone, Default)]
pub struct Grid {
    /// What it shows, above it.
    pub caption: String,
    /// Its name: letters and dashes; the name of what is saved.
    pub name: &'static str,
    /// From left to right.
    pub columns: Vec<Head>,
    /// From top to bottom.
    pub rows: Vec<Line>,
    /// Whether it can be filtered.
    pub tools: Tools,
}

/// What the script adds to a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tools {
    /// Buttons in the header that sort.
    #[default]
    Sort,
    /// And a field that filters, for long ones.
    SortAndFilter,
}

/// A column.
#[derive(Debug, Clone)]
pub struct Head {
    /// What stands in the header.
    pub title: String,
    /// What that means, shown on demand; may be empty.
    pub meaning: String,
    /// Whether its cells are numbers, flush right.
    pub numeric: bool,
}

/// A row.
#[derive(Debug, Clone, Default)]
pub struct Line {
    /// One per column.
    pub cells: Vec<Cell>,
    /// Whether a thin rule stands above it, as long as the table is not sorted.
    pub first: bool,
    /// What the filter finds it by, besides what it shows.
    pub words: String,
}

/// A cell.
#[derive(Debug, Clone, Default)]
pub struct Cell {
    /// What it shows.
    pub text: String,
    /// A second line in small print: an interval. May be empty.
    pub small: String,
    /// What it sorts by, where that is a number; a number that is not there comes last.
    pub sort: Option<f64>,
    /// Whether it is set apart.
    pub strong: bool,
    /// A drawing in place of the text.
    pub drawing: Option<String>,
}

impl Head {
    /// A column of names.
    pub fn name(title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            meaning: String::new(),
            numeric: false,
        }
    }

    /// A column of numbers.
    pub fn number(title: impl Into<String>) -> Self {
        Self {
            numeric: true,
            ..Self::name(title)
        }
    }

    /// Says what the title means.
    pub fn meaning(self, meaning: impl Into<String>) -> Self {
        Self {
            meaning: meaning.into(),
            ..self
        }
    }
}

impl Cell {
    /// A text.
    pub fn text(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            ..Self::default()
        }
    }

    /// A number, as it is written; `–` where it is not there.
    pub fn number(value: Option<f64>, write: impl Fn(f64) -> String) -> Self {
        let value = value.filter(|v| v.is_finite());
        Self {
            text: value.map_or_else(|| "–".into(), write),
            sort: value,
            ..Self::default()
        }
    }

    /// With its interval below, where there is one.
    pub fn interval(mut self, ends: Option<(f64, f64)>, write: impl Fn(f64) -> String) -> Self {
        if let Some((lo, hi)) = ends.filter(|(lo, hi)| lo.is_finite() && hi.is_finite()) {
            self.small = format!("[{}, {}]", write(lo), write(hi));
        }
        self
    }

    /// Set apart where `yes`.
    pub fn strong_if(self, yes: bool) -> Self {
        Self {
            strong: yes,
            ..self
        }
    }
}

impl Line {
    /// A row of these cells.
    pub fn of(cells: Vec<Cell>) -> Self {
        Self {
            cells,
            ..Self::default()
        }
    }
}

impl Grid {
    /// Without the columns that hold nothing in any row.
    pub fn without_empty_columns(mut self) -> Self {
        let empty = |cell: &Cell| cell.text == "–" && cell.drawing.is_none();
        let shown = |at: usize| self.rows.iter().any(|row| !empty(&row.cells[at]));
        let kept: Vec<bool> = (0..self.columns.len()).map(shown).collect();
        fn keep<T>(all: &mut Vec<T>, kept: &[bool]) {
            let mut flags = kept.iter();
            all.retain(|_| flags.next() == Some(&true));
        }
        keep(&mut self.columns, &kept);
        for row in &mut self.rows {
            keep(&mut row.cells, &kept);
        }
        self
    }

    /// The table in a box that it can be scrolled in.
    pub fn html(&self) -> Html {
        let mut html = Html::default();
        let tools = match self.tools {
            Tools::Sort => "sort",
            Tools::SortAndFilter => "filter",
        };
        let label = format!("Table: {}", self.caption);
        html.open("figure", &[("class", "table"), ("data-tools", tools)]);
        html.element("figcaption", &self.caption);
        // A box that scrolls has to be reachable by keyboard.
        html.open(
            "div",
            &[
                ("class", "scroll"),
                ("role", "region"),
                ("tabindex", "0"),
                ("aria-label", &label),
            ],
        );
        html.open("table", &[("data-name", self.name)])
            .raw("<thead><tr>");
        for column in &self.columns {
            let class = if column.numeric { "number" } else { "name" };
            let mut attributes = vec![("scope", "col"), ("class", class)];
            if !column.meaning.is_empty() {
                attributes.push(("title", &column.meaning));
            }
            html.open("th", &attributes).text(&column.title).close("th");
        }
        html.raw("</tr></thead>\n<tbody>\n");
        for row in &self.rows {
            self.row(&mut html, row);
        }
        html.raw("</tbody></table></div></figure>\n");
        html
    }

    fn row(&self, html: &mut Html, row: &Line) {
        let mut attributes = Vec::new();
        if row.first {
            attributes.push(("class", "first"));
        }
        if !row.words.is_empty() {
            attributes.push(("data-words", row.words.as_str()));
        }
        html.open("tr", &attributes);
        for (at, (column, cell)) in self.columns.iter().zip(&row.cells).enumerate() {
            let sort = cell.sort.map(|value| value.to_string());
            let mut class = String::from(if column.numeric { "number" } else { "name" });
            if cell.strong {
                class.push_str(" strong");
            }
            let mut attributes = vec![("class", class.as_str())];
            if let Some(sort) = &sort {
                attributes.push(("data-sort", sort));
            }
            let tag = if at == 0 { "th" } else { "td" };
            if at == 0 {
                attributes.push(("scope", "row"));
            }
            html.open(tag, &attributes);
            match &cell.drawing {
                Some(drawing) => html.drawing(drawing),
                None => html.text(&cell.text),
            };
            if !cell.small.is_empty() {
                html.raw(" ").classed("small", "interval", &cell.small);
            }
            html.close(tag);
        }
        html.raw("</tr>\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_columns_with_nothing_in_them_go() {
        let drawn = Cell {
            drawing: Some("<svg/>".into()),
            ..Cell::text("–")
        };
        let grid = Grid {
            columns: ["a", "b", "c"].map(Head::name).into(),
            rows: vec![
                Line::of(vec![Cell::text("1"), Cell::text("–"), drawn]),
                Line::of(vec![Cell::text("–"), Cell::text("–"), Cell::text("–")]),
            ],
            ..Grid::default()
        };
        let kept = grid.without_empty_columns();
        let titles: Vec<&str> = kept.columns.iter().map(|c| c.title.as_str()).collect();
        assert_eq!(titles, ["a", "c"]);
        assert!(kept.rows.iter().all(|row| row.cells.len() == 2));
        assert!(kept.rows[0].cells[1].drawing.is_some());
    }
}
