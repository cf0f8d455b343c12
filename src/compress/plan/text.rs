//! The plan as TOML: what is written, and what a person may have made of it.

use std::fmt::{self, Write};
use std::path::Path;

use serde::de::{Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use toml::Spanned;

use super::{Activation, Granularity, LayerPlan, Plan, WeightBits};
use crate::error::{Error, Fault, Result};
use crate::toml_fault::toml_fault;

const HEADER: &str = "\
# In what precision each layer computes. Edit it and pass it back:
#   fairbit quantize MODEL --method FILE.toml --data DIR --plan plan.toml --out DIR
#
# weight       2, 4, 6, 8 (bits) or \"float\"
# granularity  weights under one scale: \"channel\", \"group-32\", \"group-64\" or \"group-128\"
# activation   the layer's activations: \"static-8\", \"dynamic-8\", \"static-4\" or \"float\"
#
# With a [default] of all three, layers and settings may be left out.
";

/// The file as it is read.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    default: Option<LayerPlan>,
    #[serde(default)]
    layers: Entries,
}

/// A layer as it is read: what is left out comes from the default.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    weight: Option<WeightBits>,
    granularity: Option<Granularity>,
    activation: Option<Activation>,
}

/// The layers in the order of the file, which `toml` does not keep by itself.
#[derive(Default)]
struct Entries(Vec<(String, Spanned<Entry>)>);

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(from: D) -> std::result::Result<Self, D::Error> {
        struct Visit;
        impl<'de> Visitor<'de> for Visit {
            type Value = Entries;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a table of layers")
            }

            fn visit_map<A: MapAccess<'de>>(
                self,
                mut map: A,
            ) -> std::result::Result<Entries, A::Error> {
                let mut entries: Vec<(String, Spanned<Entry>)> = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                entries.sort_by_key(|(_, entry)| entry.span().start);
                Ok(Entries(entries))
            }
        }
        from.deserialize_map(Visit)
    }
}

/// See [`Plan::read`].
pub(super) fn parse(file: &Path, text: &str) -> Result<Plan> {
    let File { default, layers } =
        toml::from_str(text).map_err(|e| match toml_fault(file, text, &e) {
            // `features.0 = …` without quotes is a table `features` with a key `0`.
            Error::Config(fault) if e.message().starts_with("unknown field") => fault
                .next("names of layers stand in quotes: \"layer1.0\" = { … }")
                .config(),
            other => other,
        })?;
    let whole = |(path, entry): (String, Spanned<Entry>)| {
        let line = text[..entry.span().start].matches('\n').count() + 1;
        let missing = |key: &str| {
            Fault::new(file, format!("`{path}` has no `{key}`"))
                .line(line)
                .next("give it, or a [default] for all layers")
                .config()
        };
        let entry = entry.into_inner();
        let weight = entry.weight.or(default.map(|d| d.weight));
        let weight = weight.ok_or_else(|| missing("weight"))?;
        // A float layer computes in float: its granularity means nothing, and the default's codes
        // are not meant for its input.
        let float = weight == WeightBits::Float;
        let activation = match (entry.activation, float) {
            (None, true) => Some(Activation::Float),
            (given, _) => given.or(default.map(|d| d.activation)),
        };
        let granularity = entry.granularity.or(default.map(|d| d.granularity));
        let granularity = granularity.or(float.then_some(Granularity::Channel));
        let plan = LayerPlan {
            weight,
            granularity: granularity.ok_or_else(|| missing("granularity"))?,
            activation: activation.ok_or_else(|| missing("activation"))?,
        };
        Ok((path, plan))
    };
    Ok(Plan {
        default,
        layers: layers.0.into_iter().map(whole).collect::<Result<_>>()?,
    })
}

/// See [`Plan::to_toml`].
pub(super) fn write(plan: &Plan) -> String {
    let mut text = HEADER.to_string();
    let out = &mut text;
    if let Some(default) = &plan.default {
        let LayerPlan {
            weight,
            granularity,
            activation,
        } = default;
        let _ = write!(
            out,
            "\n[default]\nweight = {}\ngranularity = {}\nactivation = {}\n",
            value(weight),
            value(granularity),
            value(activation)
        );
    }
    let _ = write!(out, "\n[layers]\n");
    for (path, layer) in &plan.layers {
        let _ = writeln!(
            out,
            "{} = {{ weight = {}, granularity = {}, activation = {} }}",
            value(path),
            value(&layer.weight),
            value(&layer.granularity),
            value(&layer.activation)
        );
    }
    text
}

/// A string or number as TOML. A basic string is also a valid key.
fn value(of: &impl Serialize) -> String {
    let value = toml::Value::try_from(of).expect("a string or a number");
    match &value {
        // Names with quotes would otherwise be written in apostrophes or over several lines.
        toml::Value::String(text) => {
            let escaped: String = text.chars().map(escape).collect();
            format!("\"{escaped}\"")
        }
        other => other.to_string(),
    }
}

fn escape(c: char) -> String {
    match c {
        '"' | '\\' => format!("\\{c}"),
        c if c.is_control() => format!("\\u{:04X}", c as u32),
        c => c.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Plan> {
        parse(Path::new("plan.toml"), text)
    }

    fn refused(text: &str) -> String {
        let e = read(text).unwrap_err();
        assert_eq!(e.exit_code(), 2);
        e.to_string()
    }

    fn layer(weight: WeightBits, granularity: Granularity, activation: Activation) -> LayerPlan {
        LayerPlan {
            weight,
            granularity,
            activation,
        }
    }

    #[test]
    fn what_is_written_is_read_back_in_its_order() {
        use Activation::{Dynamic8, Float, Static4, Static8};
        use Granularity::{Channel, Group32, Group64, Group128};
        let mut plan = Plan {
            default: None,
            layers: vec![
                ("z.0".into(), layer(WeightBits::Two, Group64, Static4)),
                ("a.10".into(), layer(WeightBits::Four, Group32, Static8)),
                ("a.9".into(), layer(WeightBits::Eight, Group128, Dynamic8)),
                (
                    "odd \"name\" \\ \u{1}\n#é".into(),
                    layer(WeightBits::Float, Channel, Float),
                ),
            ],
        };
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("plan.toml");
        for default in [None, Some(layer(WeightBits::Eight, Channel, Static8))] {
            plan.default = default;
            plan.write(&file).unwrap();
            assert_eq!(Plan::read(&file).unwrap(), plan);
        }
        let text = plan.to_toml();
        let ends = "[default]\nweight = 8\ngranularity = \"channel\"\nactivation = \"static-8\"\n\n\
                    [layers]\n\
                    \"z.0\" = { weight = 2, granularity = \"group-64\", activation = \"static-4\" }\n";
        assert!(
            text.starts_with("# In what precision") && text.contains(ends),
            "{text}"
        );
        assert_eq!(read(&Plan::default().to_toml()).unwrap(), Plan::default());
    }

    #[test]
    fn an_edited_plan_may_leave_out_what_the_default_says() {
        let plan = read(
            "[default]\nweight = 4\ngranularity = \"group-32\"\nactivation = \"static-8\"\n\
             # the classifier is kept\n\
             [layers.\"fc\"]\nweight = \"float\"\n\
             [layers]\n\"conv.1\" = { weight = 8 }\nconv2 = {}\n",
        );
        let plan = plan.unwrap();
        let [fc, conv1, conv2] = &plan.layers[..] else {
            panic!("three layers")
        };
        let group = Granularity::Group32;
        assert_eq!(fc.1, layer(WeightBits::Float, group, Activation::Float));
        assert_eq!(conv1.0, "conv.1");
        assert_eq!(
            conv1.1,
            layer(WeightBits::Eight, group, Activation::Static8)
        );
        assert_eq!(conv2.1, layer(WeightBits::Four, group, Activation::Static8));
        let float = read("[layers]\nfc = { weight = \"float\" }\n").unwrap();
        assert_eq!(float.layers[0].1, LayerPlan::FLOAT);
    }

    #[test]
    fn mistakes_name_their_line_and_what_is_nearest() {
        let fc = |settings: &str| refused(&format!("# by hand\n[layers]\nfc = {{ {settings} }}\n"));
        let wide = fc("weight = 5, granularity = \"channel\", activation = \"static-8\"");
        assert!(
            wide.starts_with("plan.toml, line 3: ") && wide.contains("`5`"),
            "{wide}"
        );
        assert!(wide.contains("expected 2, 4, 6, 8 or \"float\""), "{wide}");
        assert!(fc("weight = -4").contains("2, 4, 6, 8 or \"float\""));
        assert!(fc("weight = 4.0").contains("2, 4, 6, 8 or \"float\""));
        assert!(fc("weight = \"int8\"").contains("2, 4, 6, 8 or \"float\""));
        assert!(fc("granularity = \"group-16\"").contains("did you mean `group-"));
        assert!(fc("activation = \"static8\"").contains("did you mean `static-8`?"));
        assert!(
            fc("weights = 4").contains("line 3: unknown key `weights`; did you mean `weight`?")
        );
        assert_eq!(
            fc("weight = 4, granularity = \"channel\""),
            "plan.toml, line 3: `fc` has no `activation`; give it, or a [default] for all layers"
        );
        assert!(refused("[layer]\n").contains("did you mean `layers`?"));
        assert!(refused("[default]\nweight = 8\n").contains("line 1: missing field"));
        let bare = refused("[layers]\nfeatures.0 = { weight = 8 }\n");
        assert!(bare.contains("names of layers stand in quotes"), "{bare}");
        let twice = refused("[layers]\nfc = { weight = \"float\" }\nfc = { weight = \"float\" }\n");
        assert!(
            twice.starts_with("plan.toml, line 3: duplicate key"),
            "{twice}"
        );
        let none = Plan::read(Path::new("no-such-plan.toml")).unwrap_err();
        assert!(
            none.to_string()
                .starts_with("no-such-plan.toml: cannot be read")
        );
    }
}
