//! The decode cache and what becomes of bad images.

use std::fs;
use std::sync::atomic::Ordering;

use fairbit::data::{Faces, check};
use image::ImageFormat;

use crate::fixture::{Counter, Folder, encode, name, picture, write};

const N: usize = 64;

fn open(folder: &Folder) -> (fairbit::error::Result<Faces>, u64) {
    let counter = Counter::default();
    let faces = Faces::open_in(&folder.cache(), &folder.config, &counter);
    (faces, counter.steps.load(Ordering::Relaxed))
}

fn all_pixels(faces: &Faces) -> Vec<u8> {
    (0..faces.table().records.len())
        .flat_map(|i| faces.image(i).to_vec())
        .collect()
}

/// The only folder of decoded pixels.
fn home(folder: &Folder) -> std::path::PathBuf {
    let entries = fs::read_dir(folder.cache().join("decoded")).unwrap();
    let dirs: Vec<_> = entries
        .map(|e| e.unwrap().path())
        .filter(|p| p.is_dir())
        .collect();
    assert_eq!(dirs.len(), 1, "{dirs:?}");
    dirs[0].clone()
}

#[test]
fn images_are_decoded_once() {
    let folder = Folder::images(N);
    let (first, decoded) = open(&folder);
    let first = first.unwrap();
    assert_eq!(decoded, N as u64);
    let (second, decoded) = open(&folder);
    let second = second.unwrap();
    assert_eq!(decoded, 0);
    assert_eq!(all_pixels(&first), all_pixels(&second));
    assert_eq!(first.data_hash(), second.data_hash());
    // Nothing but the finished folder stays behind.
    assert_eq!(
        fs::read_dir(folder.cache().join("decoded"))
            .unwrap()
            .count(),
        1
    );

    let freed = fairbit::data::cache::clear_in(&folder.cache()).unwrap();
    assert!(freed >= (N * 16 * 16 * 3) as u64);
    assert_eq!(
        fs::read_dir(folder.cache().join("decoded"))
            .unwrap()
            .count(),
        0
    );
    assert_eq!(
        all_pixels(&first),
        all_pixels(&second),
        "maps outlive the files"
    );
}

#[test]
fn another_content_or_size_is_another_cache() {
    let mut folder = Folder::images(N);
    let before = open(&folder).0.unwrap();
    write(
        &folder.image(5),
        encode(&picture(99, 21, 27), ImageFormat::Jpeg),
    );
    let (after, decoded) = open(&folder);
    let after = after.unwrap();
    assert_eq!(decoded, N as u64);
    assert_ne!(before.data_hash(), after.data_hash());
    assert_ne!(before.image(5), after.image(5));
    assert_eq!(before.image(6), after.image(6));
    folder.config.px = 24;
    let (larger, decoded) = open(&folder);
    assert_eq!(decoded, N as u64);
    let larger = larger.unwrap();
    assert_eq!(larger.image(0).len(), 24 * 24 * 3);
    assert_eq!(
        larger.data_hash(),
        after.data_hash(),
        "the data are the same at any size"
    );
}

#[test]
fn a_change_under_the_same_size_and_date_is_noticed() {
    let folder = Folder::images(N);
    let before = open(&folder).0.unwrap();
    let path = folder.image(5);
    let date = fs::metadata(&path).unwrap().modified().unwrap();
    let mut bytes = fs::read(&path).unwrap();
    // The comment-free JPEG of the fixture: a value in the middle of its only scan.
    let middle = bytes.len() - 40;
    bytes[middle] ^= 1;
    fs::write(&path, bytes).unwrap();
    let file = fs::File::options().write(true).open(&path).unwrap();
    file.set_modified(date).unwrap();
    let (after, decoded) = open(&folder);
    assert_eq!(decoded, N as u64);
    assert_ne!(before.data_hash(), after.unwrap().data_hash());
}

#[test]
fn the_same_images_in_another_folder_are_not_decoded_again() {
    let folder = Folder::images(N);
    let before = open(&folder).0.unwrap();
    let moved = folder.dir().with_file_name("moved");
    fs::rename(folder.dir(), &moved).unwrap();
    let mut config = folder.config.clone();
    config.dir = Some(moved);
    let counter = Counter::default();
    let after = Faces::open_in(&folder.cache(), &config, &counter).unwrap();
    assert_eq!(counter.steps.load(Ordering::Relaxed), 0);
    assert_eq!(before.data_hash(), after.data_hash());
    assert_eq!(all_pixels(&before), all_pixels(&after));
}

#[test]
fn the_result_does_not_depend_on_the_number_of_threads() {
    let folder = Folder::images(N);
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        fairbit::data::cache::clear_in(&folder.cache()).unwrap();
        let faces = pool.install(|| open(&folder).0.unwrap());
        (all_pixels(&faces), faces.data_hash().to_string())
    };
    assert_eq!(run(1), run(3));
}

#[test]
fn remains_of_an_interrupted_build_are_never_used_and_removed() {
    let folder = Folder::images(N);
    let want = all_pixels(&open(&folder).0.unwrap());
    let home = home(&folder);
    let building = home.with_file_name(format!(
        "{}.building",
        home.file_name().unwrap().to_str().unwrap()
    ));
    // Killed while writing: the folder still has its temporary name and half its pixels.
    fs::rename(&home, &building).unwrap();
    let pixels = building.join("pixels.u8");
    fs::write(&pixels, &fs::read(&pixels).unwrap()[..1000]).unwrap();
    let (faces, decoded) = open(&folder);
    assert_eq!(
        (all_pixels(&faces.unwrap()), decoded),
        (want.clone(), N as u64)
    );
    assert!(!building.exists());
    // Cut short by something else: not whole, so not used.
    fs::write(home.join("pixels.u8"), b"short").unwrap();
    let (faces, decoded) = open(&folder);
    assert_eq!((all_pixels(&faces.unwrap()), decoded), (want, N as u64));
}

#[test]
fn two_builds_at_once_both_end_with_the_same_pixels() {
    let folder = Folder::images(N);
    let results: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| open(&folder))).collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    });
    assert_eq!(
        results.iter().map(|r| r.1).sum::<u64>(),
        N as u64,
        "only one of them decodes"
    );
    let pixels: Vec<_> = results
        .into_iter()
        .map(|r| all_pixels(&r.0.unwrap()))
        .collect();
    assert!(pixels.iter().all(|p| *p == pixels[0]));
}

#[test]
fn bad_images_are_left_out_up_to_the_limit_and_named_beyond_it() {
    let mut folder = Folder::images(N);
    let jpeg = fs::read(folder.image(2)).unwrap();
    write(&folder.image(2), &jpeg[..jpeg.len() / 2]);
    write(&folder.image(7), "<html>not a picture</html>");
    write(&folder.image(9), "");
    let error = open(&folder).0.unwrap_err();
    assert_eq!(error.exit_code(), 3);
    let text = error.to_string();
    for wanted in [
        "list_attr_celeba.txt, line 5",
        "3 unusable images",
        "000003.jpg (truncated JPEG)",
        "000008.jpg (neither JPEG nor PNG)",
        "000010.jpg (empty file)",
        "at most 0",
    ] {
        assert!(text.contains(wanted), "{text} lacks {wanted}");
    }
    folder.config.max_bad_images = 0.05; // 3 of 64
    let faces = open(&folder).0.unwrap();
    assert_eq!(
        faces.bad().iter().map(|b| b.record).collect::<Vec<_>>(),
        [2, 7, 9]
    );
    let usable: usize = fairbit::data::Split::ALL
        .iter()
        .map(|&s| faces.split(s).len())
        .sum();
    assert_eq!(usable, N - 3);
    folder.config.max_bad_images = 0.04; // 2 of 64: the cache does not remember the limit
    assert!(open(&folder).0.is_err());
}

#[test]
fn a_missing_image_is_named_with_its_line_before_anything_is_decoded() {
    let mut folder = Folder::images(N);
    fs::remove_file(folder.image(9)).unwrap();
    let (error, decoded) = open(&folder);
    let text = error.unwrap_err().to_string();
    assert!(
        text.contains("line 12: found 1 unusable images: 000010.jpg (the file is missing)"),
        "{text}"
    );
    assert_eq!(decoded, 0);
    folder.config.max_bad_images = 0.02; // 1 of 64
    assert_eq!(open(&folder).0.unwrap().bad().len(), 1);
}

#[test]
fn a_missing_image_folder_is_named() {
    let folder = Folder::tables(N);
    let error = open(&folder).0.unwrap_err();
    assert_eq!(error.exit_code(), 3);
    assert!(
        error
            .to_string()
            .contains("img_align_celeba: found no such image folder"),
        "{error}"
    );
}

#[test]
fn the_check_counts_and_reports() {
    let folder = Folder::images(N);
    fs::remove_file(folder.image(0)).unwrap();
    let report = check::check_in(&folder.cache(), &folder.config, &()).unwrap();
    assert_eq!(report.images, N);
    assert_eq!(
        report
            .counts
            .iter()
            .map(|c| c.negative + c.positive)
            .sum::<usize>(),
        N - 1
    );
    let first = &report.counts[0];
    // Of 32 training images a quarter are neither male nor young, half of those smile.
    assert_eq!(
        (first.cell.as_str(), first.negative, first.positive),
        ("male=0*young=0", 3, 4)
    );
    let text = report.to_string();
    for wanted in [
        "unreadable: 1",
        &name(0),
        "content hash: ",
        "male=1*young=1",
        "Smiling rate",
    ] {
        assert!(text.contains(wanted), "{text}");
    }
}
