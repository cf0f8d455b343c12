//! The machine instructions of a kernel, by name.

use crate::compile::tool;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

/// How often each instruction stands in the code; loops are not unrolled for that.
pub struct Sass {
    counts: BTreeMap<String, usize>,
}

/// `nvdisasm 13.2.51`, or why there is none.
pub fn version() -> Result<String, String> {
    let text = tool(Command::new("nvdisasm").arg("--version"))?;
    let version = text.split(", V").nth(1).and_then(|v| v.lines().next());
    Ok(format!(
        "nvdisasm {}",
        version.unwrap_or("of unknown version")
    ))
}

/// The code of a cubin as text.
pub fn disassemble(cubin: &Path) -> Result<String, String> {
    tool(Command::new("nvdisasm").arg("-c").arg(cubin))
}

impl Sass {
    /// Of the lines `/*0010*/ @!P0 LDG.E.128 R4, [R2.64] ;`.
    pub fn parse(text: &str) -> Self {
        let mut counts = BTreeMap::new();
        for line in text.lines() {
            let Some((address, code)) = line
                .trim_start()
                .strip_prefix("/*")
                .and_then(|rest| rest.split_once("*/"))
            else {
                continue;
            };
            if address.is_empty() || !address.bytes().all(|b| b.is_ascii_hexdigit()) {
                continue;
            }
            let mut words = code.split_whitespace();
            let name = words.find(|w| !w.starts_with(['@', '{']));
            if let Some(name) = name {
                let name = name.trim_end_matches(';');
                // A product that adds zero is a product, rounded once.
                let product = name == "FFMA" && code.trim_end_matches([' ', ';']).ends_with(", RZ");
                let name = if product { "FMUL" } else { name };
                *counts.entry(name.to_string()).or_default() += 1;
            }
        }
        Self { counts }
    }

    /// Instructions in all.
    pub fn total(&self) -> usize {
        self.counts.values().sum()
    }

    /// How many are `name` or `name` with further suffixes.
    pub fn count(&self, name: &str) -> usize {
        let is = |found: &str| {
            found
                .strip_prefix(name)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        let found = self.counts.iter().filter(|(found, _)| is(found));
        found.map(|(_, count)| count).sum()
    }

    /// Loads from and stores to local memory.
    pub fn local(&self) -> usize {
        self.count("LDL") + self.count("STL")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "
.text.w4a8:
        /*0000*/                   MOV R1, c[0x0][0x28] ;
\t//## File \"kernel.cu\", line 40
        /*0010*/              @!P0 LDG.E.128 R4, [R2.64] ;
        /*0020*/                   LDG.E.128.CONSTANT R8, [R2.64+0x10] ;
        /*0030*/                   LDG.E R8, [R2.64+0x10] ;
        /*0040*/                   IDP.4A.S8.S8 R0, R4, R8, R0 ;
        /*0050*/               @P1 EXIT ;
.L_x_0:
        /*0060*/                   BRA `(.L_x_0);
";

    #[test]
    fn instructions_are_counted_by_name() {
        let sass = Sass::parse(TEXT);
        assert_eq!(sass.total(), 7);
        assert_eq!(sass.count("LDG.E.128"), 2);
        assert_eq!(sass.count("LDG.E"), 3);
        assert_eq!(sass.count("IDP.4A"), 1);
        assert_eq!(sass.count("EXIT"), 1);
        assert_eq!(sass.count("LDG.E.12"), 0);
        assert_eq!(sass.local(), 0);
    }

    #[test]
    fn a_product_that_adds_zero_is_not_fused() {
        let text = "/*0000*/ FFMA R2, R3, R4, RZ ;\n/*0010*/ FFMA R2, R3, R4, R2 ;";
        let sass = Sass::parse(text);
        assert_eq!((sass.count("FMUL"), sass.count("FFMA")), (1, 1));
    }

    #[test]
    fn local_memory_is_seen() {
        let text = "/*0000*/ STL [R1], R2 ;\n/*0010*/ @P0 LDL.LU R3, [R1+0x4] ;";
        assert_eq!(Sass::parse(text).local(), 2);
    }
}
