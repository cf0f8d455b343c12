//! The interface to fairness: one table with image, identity, sensitive attributes, label and score.
//!
//! All fairness numbers come from such a table, so that any tool's predictions can be audited.

use super::attribute::{AttributeColumn, check_name};
use super::names::{Codes, Names};
use crate::error::{Error, Fault, Result};

/// Predictions of one model on one set of images; row `i` of every column is the same image.
///
/// Always valid: at least one row and one attribute, columns of one length, image names unique,
/// labels 0 or 1, scores in [0, 1]. Memory: some 20 bytes a row beside the images' names.
#[derive(Debug, Clone, PartialEq)]
pub struct Predictions {
    image: Names,
    identity: Codes,
    attributes: Vec<AttributeColumn>,
    label: Vec<u8>,
    score: Vec<f64>,
}

impl Predictions {
    /// Puts the columns together.
    ///
    /// `identity` is `None` where the person is unknown (an empty name counts as unknown); `score` is
    /// the probability of the positive class, see [`exact_score`] for scores that are `f32`.
    ///
    /// # Errors
    /// Data error naming the image for anything that [`Predictions`] promises not to hold.
    pub fn new(
        image: Vec<String>,
        identity: Vec<Option<String>>,
        attributes: Vec<AttributeColumn>,
        label: Vec<u8>,
        score: Vec<f64>,
    ) -> Result<Self> {
        let n = image.len();
        if n == 0 {
            return Err(Fault::plain("no predictions")
                .expected("at least one image")
                .data());
        }
        check_attributes(&attributes)?;
        let lengths = [
            ("identity", identity.len()),
            ("label", label.len()),
            ("score", score.len()),
        ];
        let attribute_lengths = attributes.iter().map(|a| (a.name(), a.codes().len()));
        for (name, found) in lengths.into_iter().chain(attribute_lengths) {
            if found != n {
                return Err(Fault::plain(format!("{found} values"))
                    .key(name)
                    .expected(format!("{n}, one per image"))
                    .data());
            }
        }
        let mut people = Codes::default();
        for (i, name) in image.iter().enumerate() {
            let at = |f: Fault| -> Error { f.key(name.as_str()).data() };
            let person = identity[i].as_deref().unwrap_or_default();
            check_image(name).map_err(at)?;
            check_text(person).map_err(at)?;
            check_label(label[i]).map_err(at)?;
            check_score(score[i]).map_err(at)?;
            people.push(person);
        }
        let image: Names = image.iter().collect();
        if let Some([first, second]) = image.repeated() {
            return Err(
                Fault::plain(format!("the same image in rows {first} and {second}"))
                    .key(image.get(second))
                    .expected("every image once")
                    .data(),
            );
        }
        Ok(Self::from_checked(image, people, attributes, label, score))
    }

    /// For the reader, which has checked every row with its line number.
    pub(super) fn from_checked(
        image: Names,
        identity: Codes,
        attributes: Vec<AttributeColumn>,
        label: Vec<u8>,
        mut score: Vec<f64>,
    ) -> Self {
        for s in &mut score {
            // Adding zero turns -0 into 0, so that equal tables have equal bytes.
            *s += 0.0;
        }
        Self {
            image,
            identity,
            attributes,
            label,
            score,
        }
    }

    /// Number of images; never 0.
    pub fn n(&self) -> usize {
        self.image.len()
    }

    /// Image names, unique.
    pub fn image(&self) -> &Names {
        &self.image
    }

    /// Identity of the person in each image, where known.
    pub fn identity(&self) -> &Codes {
        &self.identity
    }

    /// The person in each image, as numbers from 0 on; `None` unless all are known.
    pub fn people(&self) -> Option<&[u32]> {
        let codes = self.identity.codes();
        (!codes.contains(&Codes::NONE)).then_some(codes)
    }

    /// The sensitive attributes, in file order.
    pub fn attributes(&self) -> &[AttributeColumn] {
        &self.attributes
    }

    /// True labels, 0 or 1.
    pub fn label(&self) -> &[u8] {
        &self.label
    }

    /// Probability of the positive class, in [0, 1].
    pub fn score(&self) -> &[f64] {
        &self.score
    }

    /// The images `rows`, in that order.
    ///
    /// # Panics
    /// When a row is out of range or named twice, or there is none.
    pub fn select(&self, rows: &[usize]) -> Self {
        assert!(!rows.is_empty(), "a table has at least one row");
        let mut identity = Codes::default();
        for row in rows {
            identity.push(self.identity.get(*row).unwrap_or_default());
        }
        let image: Names = rows.iter().map(|row| self.image.get(*row)).collect();
        assert_eq!(image.repeated(), None, "every row once");
        Self {
            image,
            identity,
            attributes: self.attributes.iter().map(|a| a.select(rows)).collect(),
            label: rows.iter().map(|row| self.label[*row]).collect(),
            score: rows.iter().map(|row| self.score[*row]).collect(),
        }
    }
}

/// The `f64` with the shortest decimal form that reads back as this `f32`.
///
/// Scores converted this way are written with as few digits as identify them (0.1, not
/// 0.10000000149011612), and casting back with `as f32` gives the model's score again.
pub fn exact_score(score: f32) -> f64 {
    // The shortest form always parses; NaN stays NaN and is refused by `Predictions::new`.
    format!("{score:?}").parse().unwrap_or(f64::NAN)
}

fn check_attributes(attributes: &[AttributeColumn]) -> Result<()> {
    if attributes.is_empty() {
        return Err(Fault::plain("no attribute column")
            .expected("at least one sensitive attribute")
            .data());
    }
    for (i, a) in attributes.iter().enumerate() {
        check_name(a.name()).map_err(|f| f.data())?;
        if attributes[..i].iter().any(|b| b.name() == a.name()) {
            return Err(Fault::plain("the column twice")
                .key(a.name())
                .expected("every attribute once")
                .data());
        }
    }
    Ok(())
}

pub(super) fn check_image(name: &str) -> std::result::Result<(), Fault> {
    if name.is_empty() {
        return Err(Fault::plain("an empty image name").expected("a name for every image"));
    }
    check_text(name)
}

pub(super) fn check_text(text: &str) -> std::result::Result<(), Fault> {
    if text.contains('\0') {
        return Err(Fault::plain("a NUL byte").expected("text"));
    }
    Ok(())
}

fn check_label(label: u8) -> std::result::Result<(), Fault> {
    if label > 1 {
        return Err(Fault::plain(format!("label {label}")).expected("0 or 1"));
    }
    Ok(())
}

pub(super) fn check_score(score: f64) -> std::result::Result<(), Fault> {
    // Written so that NaN fails too.
    if !(0.0..=1.0).contains(&score) {
        return Err(Fault::plain(format!("score {score}")).expected("a probability in [0, 1]"));
    }
    Ok(())
}
