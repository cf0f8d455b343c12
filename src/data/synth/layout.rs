//! CelebA's own files, byte for byte: `list_attr_celeba.txt`, `list_eval_partition.txt`,
//! `identity_CelebA.txt` and the image names (Liu et al., ICCV 2015, as distributed: CRLF, a blank at the
//! end of the attribute header, values right-aligned in two columns).

use std::fmt::Write;

use super::person::{Beard, HairColor, Length, Person};
use super::population::Member;
use super::scene::Scene;

/// Folder of the images.
pub const IMAGES: &str = "img_align_celeba";
/// The 40 attributes.
pub const ATTRIBUTES: &str = "list_attr_celeba.txt";
/// Train, validation, test.
pub const PARTITIONS: &str = "list_eval_partition.txt";
/// Who is who.
pub const IDENTITIES: &str = "identity_CelebA.txt";

/// CelebA's attribute names in its order.
pub const NAMES: [&str; 40] = [
    "5_o_Clock_Shadow",
    "Arched_Eyebrows",
    "Attractive",
    "Bags_Under_Eyes",
    "Bald",
    "Bangs",
    "Big_Lips",
    "Big_Nose",
    "Black_Hair",
    "Blond_Hair",
    "Blurry",
    "Brown_Hair",
    "Bushy_Eyebrows",
    "Chubby",
    "Double_Chin",
    "Eyeglasses",
    "Goatee",
    "Gray_Hair",
    "Heavy_Makeup",
    "High_Cheekbones",
    "Male",
    "Mouth_Slightly_Open",
    "Mustache",
    "Narrow_Eyes",
    "No_Beard",
    "Oval_Face",
    "Pale_Skin",
    "Pointy_Nose",
    "Receding_Hairline",
    "Rosy_Cheeks",
    "Sideburns",
    "Smiling",
    "Straight_Hair",
    "Wavy_Hair",
    "Wearing_Earrings",
    "Wearing_Hat",
    "Wearing_Lipstick",
    "Wearing_Necklace",
    "Wearing_Necktie",
    "Young",
];

/// Name of image number `index`, from 1.
pub fn image_name(index: usize) -> String {
    format!("{index:06}.jpg")
}

/// The attributes that hold for an image; all others are −1, those that are not simulated always.
pub fn attributes(member: Member, person: &Person, scene: &Scene) -> [bool; 40] {
    let hair = |kind| person.length != Length::Bald && person.hair.0 == kind;
    let has = |name: &str| match name {
        "5_o_Clock_Shadow" => person.beard == Beard::Stubble,
        "Bald" => person.length == Length::Bald,
        "Bangs" => person.length != Length::Bald && person.bangs,
        "Black_Hair" => hair(HairColor::Black),
        "Blond_Hair" => hair(HairColor::Blond),
        "Brown_Hair" => hair(HairColor::Brown),
        "Gray_Hair" => hair(HairColor::Gray),
        "Eyeglasses" => scene.glasses.is_some(),
        "Goatee" => person.beard == Beard::Goatee,
        "Male" => member.group.male,
        "Mouth_Slightly_Open" => scene.open > 1.0,
        "No_Beard" => person.beard == Beard::None,
        "Pale_Skin" => person.skin_tone < 0.02,
        "Receding_Hairline" => person.receding > 0.0,
        "Smiling" => member.smiling,
        "Wavy_Hair" => person.length != Length::Bald && person.wave > 0.6,
        "Wearing_Lipstick" => scene.lipstick.is_some(),
        "Young" => member.group.young,
        _ => false,
    };
    NAMES.map(has)
}

/// `list_attr_celeba.txt`.
pub fn attribute_table(rows: &[[bool; 40]]) -> String {
    let mut text = format!("{}\r\n{} \r\n", rows.len(), NAMES.join(" "));
    for (i, row) in rows.iter().enumerate() {
        text.push_str(&image_name(i + 1));
        for &value in row {
            text.push_str(if value { "  1" } else { " -1" });
        }
        text.push_str("\r\n");
    }
    text
}

/// A table of an image name and a number per line: partitions, identities.
pub fn number_table(numbers: impl Iterator<Item = usize>) -> String {
    let mut text = String::new();
    for (i, number) in numbers.enumerate() {
        // Writing to a String cannot fail.
        let _ = write!(text, "{} {number}\r\n", image_name(i + 1));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_have_celebas_bytes() {
        let mut row = [false; 40];
        row[39] = true;
        let text = attribute_table(&[row]);
        assert!(text.starts_with("1\r\n5_o_Clock_Shadow Arched_Eyebrows "));
        assert!(text.contains(" Wearing_Necktie Young \r\n000001.jpg -1 -1"));
        assert!(text.ends_with(" -1  1\r\n"));
        assert_eq!(text.lines().nth(2).map(str::len), Some(10 + 40 * 3));
        assert_eq!(
            number_table([0, 2880].into_iter()),
            "000001.jpg 0\r\n000002.jpg 2880\r\n"
        );
    }

    #[test]
    fn the_header_is_celebas_where_celeba_is_at_hand() {
        let data = std::env::var("FAIRBIT_DATA").unwrap_or_else(|_| "../shared/data".into());
        let path = std::path::Path::new(&data)
            .join("celeba10k")
            .join(ATTRIBUTES);
        let Ok(real) = std::fs::read(&path) else {
            println!("skipped: no {} (set FAIRBIT_DATA)", path.display());
            return;
        };
        let real = String::from_utf8(real).unwrap();
        let header = real.lines().nth(1).unwrap();
        assert_eq!(header.trim_end(), NAMES.join(" "));
    }
}
