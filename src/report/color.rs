//! Mixed colours, for cells and for degrees.

/// `share` of a colour on white: 0 is white, 1 the colour. Colours are `#rrggbb`.
pub fn tint(color: &str, share: f64) -> String {
    mix("#ffffff", color, share)
}

/// From one colour to another.
pub fn mix(from: &str, to: &str, share: f64) -> String {
    let share = share.clamp(0.0, 1.0);
    let part = |color: &str, k: usize| {
        let digits = color.get(1 + 2 * k..3 + 2 * k).unwrap_or("00");
        f64::from(u8::from_str_radix(digits, 16).unwrap_or(0))
    };
    let mixed = |k| (part(from, k) + share * (part(to, k) - part(from, k))).round() as u8;
    format!("#{:02x}{:02x}{:02x}", mixed(0), mixed(1), mixed(2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tint_runs_from_white_to_the_colour() {
        assert_eq!(tint("#0072B2", 0.0), "#ffffff");
        assert_eq!(tint("#0072B2", 1.0), "#0072b2");
        assert_eq!(mix("#000000", "#ffffff", 0.5), "#808080");
    }
}
