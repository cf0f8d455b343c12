//! A minimal `torch.save`: a stored zip archive with `data.pkl` and one entry per tensor.
//!
//! Zip: APPNOTE 4.3.7, 4.3.12, 4.3.14 to 4.3.16, zip64 records included, as torch writes them. Pickle: protocol 2, the opcodes that torch.save writes.

use std::path::Path;

use crate::formula::StateDict;

/// The pickle of a state dict whose tensors are numbered in order.
pub fn pickle(dict: &StateDict) -> Vec<u8> {
    let mut p = b"\x80\x02}(".to_vec();
    let text = |p: &mut Vec<u8>, s: &str| {
        p.push(b'X');
        p.extend((s.len() as u32).to_le_bytes());
        p.extend(s.as_bytes());
    };
    let int = |p: &mut Vec<u8>, n: usize| {
        p.push(b'J');
        p.extend((n as i32).to_le_bytes());
    };
    for (key, (name, (shape, values))) in dict.iter().enumerate() {
        text(&mut p, name);
        p.extend(b"ctorch._utils\n_rebuild_tensor_v2\n(");
        p.push(b'(');
        text(&mut p, "storage");
        p.extend(b"ctorch\nFloatStorage\n");
        text(&mut p, &key.to_string());
        text(&mut p, "cpu");
        int(&mut p, values.len());
        p.extend(b"tQ"); // end of tuple, persistent id
        int(&mut p, 0);
        for dims in [shape.clone(), strides(shape)] {
            p.push(b'(');
            dims.iter().for_each(|d| int(&mut p, *d));
            p.push(b't');
        }
        p.extend(b"\x89ccollections\nOrderedDict\n)RtR"); // False, OrderedDict(), end of tuple, call
    }
    p.extend(b"u.");
    p
}

fn strides(shape: &[usize]) -> Vec<usize> {
    (0..shape.len())
        .map(|i| shape[i + 1..].iter().product())
        .collect()
}

/// Writes a state dict as torch.save would.
pub fn write_pth(dict: &StateDict, path: &Path) {
    let storages = dict.values().enumerate().map(|(key, (_, values))| {
        (
            format!("data/{key}"),
            values.iter().flat_map(|v| v.to_le_bytes()).collect(),
        )
    });
    let entries = std::iter::once(("data.pkl".to_string(), pickle(dict)))
        .chain(storages)
        .collect();
    write_zip(entries, path);
}

/// Writes uncompressed entries under a folder named after the file.
pub fn write_zip(mut entries: Vec<(String, Vec<u8>)>, path: &Path) {
    entries.push(("version".into(), b"3\n".to_vec()));
    let folder = path.file_stem().unwrap().to_str().unwrap();
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for (name, data) in &entries {
        let name = format!("{folder}/{name}");
        let mut crc = flate2::Crc::new();
        crc.update(data);
        let size = (data.len() as u32).to_le_bytes();
        // Version 2.0, no flags, stored, no time; then checksum, both sizes, name length, no extra field.
        let mut common = vec![20, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        common.extend(crc.sum().to_le_bytes());
        common.extend(size);
        common.extend(size);
        common.extend((name.len() as u16).to_le_bytes());
        common.extend([0, 0]);
        directory.extend(b"PK\x01\x02\x14\x00");
        directory.extend(&common);
        directory.extend([0; 10]); // comment, disk, attributes
        directory.extend((out.len() as u32).to_le_bytes());
        directory.extend(name.as_bytes());
        out.extend(b"PK\x03\x04");
        out.extend(&common);
        out.extend(name.as_bytes());
        out.extend(data);
    }
    let (count, start, size) = (entries.len(), out.len(), directory.len());
    out.extend(&directory);
    let end64 = out.len();
    out.extend(b"PK\x06\x06");
    out.extend(44u64.to_le_bytes()); // bytes that follow
    out.extend([30, 3, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]); // versions, disks
    for value in [count, count, size, start] {
        out.extend((value as u64).to_le_bytes());
    }
    out.extend(b"PK\x06\x07\0\0\0\0");
    out.extend((end64 as u64).to_le_bytes());
    out.extend(1u32.to_le_bytes());
    out.extend(b"PK\x05\x06\0\0\0\0");
    out.extend((count as u16).to_le_bytes());
    out.extend((count as u16).to_le_bytes());
    out.extend((size as u32).to_le_bytes());
    out.extend((start as u32).to_le_bytes());
    out.extend([0, 0]);
    std::fs::write(path, out).unwrap();
}
