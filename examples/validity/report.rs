//! Shares with their simulation error, in markdown tables.

/// How often something happened.
#[derive(Debug, Clone, Copy)]
pub struct Share {
    pub hits: usize,
    pub of: usize,
    /// Data sets in which it was not defined.
    pub missing: usize,
}

impl Share {
    pub fn of(all: impl Iterator<Item = Option<bool>>) -> Self {
        let mut share = Self {
            hits: 0,
            of: 0,
            missing: 0,
        };
        for hit in all {
            match hit {
                Some(hit) => {
                    share.of += 1;
                    share.hits += usize::from(hit);
                }
                None => share.missing += 1,
            }
        }
        share
    }

    pub fn value(&self) -> f64 {
        self.hits as f64 / self.of as f64
    }

    /// Standard error of the simulation at a true share `p`.
    pub fn error(&self, p: f64) -> f64 {
        (p * (1.0 - p) / self.of as f64).sqrt()
    }

    /// Per cent, with an exclamation mark outside of a range.
    pub fn marked(&self, from: f64, to: f64) -> String {
        let inside = self.of == 0 || (from..=to).contains(&self.value());
        let mark = if inside { "" } else { " !" };
        format!("{}{mark}", self.text())
    }

    pub fn text(&self) -> String {
        let missing = match self.missing {
            _ if self.of == 0 => return "–".into(),
            0 => String::new(),
            n => format!(" ({n} without)"),
        };
        format!("{:.1} %{missing}", 100.0 * self.value())
    }
}

/// A markdown table.
pub struct Table {
    lines: Vec<String>,
}

impl Table {
    pub fn new<'a>(first: &[&'a str], rest: impl Iterator<Item = &'a str>) -> Self {
        let names: Vec<&str> = first.iter().copied().chain(rest).collect();
        let rule = vec!["---"; names.len()];
        Self {
            lines: vec![
                format!("| {} |", names.join(" | ")),
                format!("|{}|", rule.join("|")),
            ],
        }
    }

    pub fn row(&mut self, name: &str, cells: impl Iterator<Item = String>) {
        let cells: Vec<String> = cells.collect();
        self.lines
            .push(format!("| {name} | {} |", cells.join(" | ")));
    }

    pub fn print(&self) {
        println!("{}", self.lines.join("\n"));
    }
}
