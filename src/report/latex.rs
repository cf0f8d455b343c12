//! Tables for LaTeX, in the style of `booktabs`.

use std::fmt::Write;

/// A table; every text in it is plain and is escaped when written.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// What stands above the table.
    pub caption: String,
    /// The key for `\ref`, `tab:gaps`; empty for none. Letters, digits and `:.-/_` only.
    pub label: String,
    /// The columns, from left to right.
    pub columns: Vec<Column>,
    /// What stands under the header, from top to bottom.
    pub rows: Vec<Row>,
    /// Small print below the table, one paragraph each.
    pub notes: Vec<String>,
}

/// One column.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// Its header.
    pub title: String,
    /// On which side its cells, and its header, are flush.
    pub align: Align,
}

/// On which side texts are flush.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// Names.
    Left,
    /// Short words.
    Center,
    /// Numbers with equally many decimals.
    Right,
    /// Sentences, wrapped to a width.
    Paragraph {
        /// The width, mm.
        mm: u16,
    },
}

/// One row under the header.
#[derive(Debug, Clone, PartialEq)]
pub enum Row {
    /// One text per column.
    Cells(Vec<String>),
    /// A line over all columns that names the rows below it.
    Heading(String),
    /// A thin rule.
    Rule,
}

impl Column {
    /// A column of names.
    pub fn left(title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            align: Align::Left,
        }
    }

    /// A column of numbers.
    pub fn right(title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            align: Align::Right,
        }
    }
}

impl Row {
    /// A row of cells.
    pub fn cells<T: Into<String>>(cells: impl IntoIterator<Item = T>) -> Self {
        Self::Cells(cells.into_iter().map(Into::into).collect())
    }
}

/// Longer tables than this go over several pages.
const MOST_ROWS: usize = 45;

/// Wider tables than this are shrunk to the width of the text.
const MOST_COLUMNS: usize = 6;

impl Table {
    /// The table as a `table` float; the document needs `\usepackage{booktabs}`. A table of more than six columns is
    /// shrunk to the width of the text where it is wider (`\usepackage{graphicx}`), and one of more than 45 rows is a
    /// `longtable` over several pages (`\usepackage{longtable}`).
    ///
    /// # Panics
    /// When there is no column, or a row has not one cell per column.
    pub fn to_latex(&self) -> String {
        assert!(!self.columns.is_empty(), "a table needs a column");
        let columns: String = self
            .columns
            .iter()
            .map(|c| match c.align {
                Align::Left => "l".to_string(),
                Align::Center => "c".into(),
                Align::Right => "r".into(),
                Align::Paragraph { mm } => format!("p{{{mm}mm}}"),
            })
            .collect();
        if self.rows.len() > MOST_ROWS {
            return self.over_pages(&columns);
        }
        let mut out = String::new();
        // Writing to a String cannot fail.
        let _ = writeln!(out, "\\begin{{table}}[tbp]\n\\centering");
        if !self.caption.is_empty() {
            let _ = writeln!(out, "\\caption{{{}}}", escape(&self.caption));
        }
        if !self.label.is_empty() {
            let _ = writeln!(out, "\\label{{{}}}", self.label);
        }
        let wide = self.columns.len() > MOST_COLUMNS;
        if wide {
            out.push_str(
                "\\resizebox{\\ifdim\\width>\\textwidth\\textwidth\\else\\width\\fi}{!}{%\n",
            );
        }
        let _ = writeln!(out, "\\begin{{tabular}}{{{columns}}}\n\\toprule");
        self.head(&mut out);
        self.body(&mut out);
        out.push_str("\\bottomrule\n\\end{tabular}");
        out.push_str(if wide { "}\n" } else { "\n" });
        self.small_print(&mut out);
        out.push_str("\\end{table}\n");
        out
    }

    /// In small print, with the header on every page.
    fn over_pages(&self, columns: &str) -> String {
        let mut out = String::from("{\\scriptsize\\setlength{\\tabcolsep}{3pt}\n");
        let _ = writeln!(out, "\\begin{{longtable}}{{{columns}}}");
        let _ = write!(out, "\\caption{{{}}}", escape(&self.caption));
        if !self.label.is_empty() {
            let _ = write!(out, "\\label{{{}}}", self.label);
        }
        out.push_str(" \\\\\n\\toprule\n");
        self.head(&mut out);
        out.push_str("\\endfirsthead\n\\toprule\n");
        self.head(&mut out);
        out.push_str("\\endhead\n\\bottomrule\n\\endfoot\n");
        self.body(&mut out);
        out.push_str("\\end{longtable}\n");
        self.small_print(&mut out);
        out.push_str("}\n");
        out
    }

    fn head(&self, out: &mut String) {
        let titles: Vec<&str> = self.columns.iter().map(|c| c.title.as_str()).collect();
        line(out, &titles);
        out.push_str("\\midrule\n");
    }

    fn body(&self, out: &mut String) {
        for row in &self.rows {
            match row {
                Row::Cells(cells) => {
                    assert_eq!(cells.len(), self.columns.len(), "one cell per column");
                    line(out, cells);
                }
                Row::Heading(text) => {
                    let (n, text) = (self.columns.len(), escape(text));
                    let _ = writeln!(out, "\\multicolumn{{{n}}}{{l}}{{\\itshape {text}}} \\\\");
                }
                Row::Rule => out.push_str("\\midrule\n"),
            }
        }
    }

    fn small_print(&self, out: &mut String) {
        if !self.notes.is_empty() {
            let notes: Vec<String> = self.notes.iter().map(|n| escape(n)).collect();
            let notes = notes.join("\\par\n");
            let _ = writeln!(
                out,
                "\\begin{{flushleft}}\\footnotesize\n{notes}\n\\end{{flushleft}}"
            );
        }
    }
}

fn line(out: &mut String, cells: &[impl AsRef<str>]) {
    let cells: Vec<String> = cells.iter().map(|c| escape(c.as_ref())).collect();
    out.push_str(&cells.join(" & "));
    out.push_str(" \\\\\n");
}

/// Plain text as LaTeX text: special characters print as themselves, and the mathematical signs that
/// reports use become math, so that pdfLaTeX knows them too.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        let replacement = match c {
            '_' => "\\_",
            '%' => "\\%",
            '&' => "\\&",
            '#' => "\\#",
            '$' => "\\$",
            '{' => "\\{",
            '}' => "\\}",
            '~' => "\\textasciitilde{}",
            '^' => "\\textasciicircum{}",
            '\\' => "\\textbackslash{}",
            // After `\\` at the end of a row a star or a bracket would be read as its argument.
            '*' => "{*}",
            '[' => "{[}",
            ']' => "{]}",
            // Other characters than these in the old text encoding.
            '<' => "$<$",
            '>' => "$>$",
            '|' => "\\textbar{}",
            '\u{2212}' => "$-$",
            '\u{2013}' => "--",
            '±' => "$\\pm$",
            '×' => "$\\times$",
            '·' => "$\\cdot$",
            '≤' => "$\\leq$",
            '≥' => "$\\geq$",
            '≈' => "$\\approx$",
            '≠' => "$\\neq$",
            '→' => "$\\to$",
            '∞' => "$\\infty$",
            'Δ' => "$\\Delta$",
            'α' => "$\\alpha$",
            'δ' => "$\\delta$",
            'ρ' => "$\\rho$",
            '⁺' => "$^{+}$",
            '⁻' => "$^{-}$",
            '\n' | '\r' | '\t' => " ",
            c => {
                out.push(c);
                continue;
            }
        };
        out.push_str(replacement);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_characters_print_as_themselves() {
        assert_eq!(
            escape(r"a_b 5% & #1 $x {y} ~ ^ \ *"),
            r"a\_b 5\% \& \#1 \$x \{y\} \textasciitilde{} \textasciicircum{} \textbackslash{} {*}"
        );
        assert_eq!(escape("Δ −0.01, p < 0.05"), r"$\Delta$ $-$0.01, p $<$ 0.05");
    }

    #[test]
    fn a_table_is_written_to_the_letter() {
        let table = Table {
            caption: "Gaps on male*young, 95 % intervals".into(),
            label: "tab:gaps".into(),
            columns: vec![Column::left("method"), Column::right("DP gap")],
            rows: vec![
                Row::cells(["fp32", "0.210 [0.190, 0.230]"]),
                Row::Rule,
                Row::Heading("4 bits".into()),
                Row::cells(["int4_ptq", "–"]),
            ],
            notes: vec!["– not estimable".into(), "n = 2,000".into()],
        };
        assert_eq!(
            table.to_latex(),
            r"\begin{table}[tbp]
\centering
\caption{Gaps on male{*}young, 95 \% intervals}
\label{tab:gaps}
\begin{tabular}{lr}
\toprule
method & DP gap \\
\midrule
fp32 & 0.210 {[}0.190, 0.230{]} \\
\midrule
\multicolumn{2}{l}{\itshape 4 bits} \\
int4\_ptq & -- \\
\bottomrule
\end{tabular}
\begin{flushleft}\footnotesize
-- not estimable\par
n = 2,000
\end{flushleft}
\end{table}
"
        );
    }

    #[test]
    fn long_tables_go_over_pages_and_wide_ones_shrink() {
        let table = |columns: usize, rows: usize| Table {
            caption: "c".into(),
            label: "tab:l".into(),
            columns: (0..columns).map(|_| Column::right("x")).collect(),
            rows: (0..rows).map(|_| Row::cells(vec!["1"; columns])).collect(),
            notes: vec!["n".into()],
        };
        let small = table(6, 45).to_latex();
        assert!(!small.contains("resizebox") && !small.contains("longtable"));
        assert!(table(7, 45).to_latex().contains("\\end{tabular}}\n"));
        let long = table(7, 46).to_latex();
        assert_eq!(long.matches("longtable").count(), 2);
        assert_eq!(long.matches(" & x \\\\\n").count(), 2);
        for text in [small, long] {
            assert_eq!(text.matches('{').count(), text.matches('}').count());
        }
    }

    #[test]
    #[should_panic(expected = "one cell per column")]
    fn a_row_that_is_too_short_is_refused() {
        let table = Table {
            caption: String::new(),
            label: String::new(),
            columns: vec![Column::left("a"), Column::left("b")],
            rows: vec![Row::cells(["1"])],
            notes: Vec::new(),
        };
        table.to_latex();
    }
}
