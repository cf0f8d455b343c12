//! Orders and batches: what training sees, and when.

use burn::tensor::Device;
use fairbit::data::{
    Augment, Batch, Faces, IMAGENET_MEAN, IMAGENET_STD, LastBatch, Sampler, Split, Table,
    epoch_order, loader,
};

use crate::fixture::Folder;

const N: usize = 64;
const FLIP: Augment = Augment::Flip { seed: 5, epoch: 2 };

fn faces() -> (Folder, Faces) {
    let folder = Folder::images(N);
    let faces = Faces::open_in(&folder.cache(), &folder.config, &()).unwrap();
    (folder, faces)
}

fn batches(faces: &Faces, order: &[usize], size: usize, augment: Augment) -> Vec<Batch> {
    let loader = loader(faces, order.to_vec(), size, augment, &Device::flex());
    loader.iter().map(|batch| batch.unwrap()).collect()
}

/// Everything in the batches: record indices and the bits of all values.
fn content(batches: &[Batch]) -> Vec<(Vec<usize>, Vec<u32>)> {
    let bits = |b: &Batch| {
        b.images
            .to_data()
            .try_to_vec::<f32>()
            .unwrap()
            .iter()
            .map(|v| v.to_bits())
            .collect()
    };
    batches
        .iter()
        .map(|b| (b.indices.clone(), bits(b)))
        .collect()
}

#[test]
fn a_batch_holds_normalised_pixels_with_their_labels() {
    let (_folder, faces) = faces();
    let order = [3, 60, 3, 17, 8];
    let got = batches(&faces, &order, 2, Augment::None);
    assert_eq!(
        got.iter().map(|b| b.images.dims()).collect::<Vec<_>>(),
        [[2, 3, 16, 16], [2, 3, 16, 16], [1, 3, 16, 16]]
    );
    let seen: Vec<usize> = got.iter().flat_map(|b| b.indices.clone()).collect();
    assert_eq!(seen, order);
    for batch in &got {
        let values = batch.images.to_data().try_to_vec::<f32>().unwrap();
        let labels = batch
            .labels
            .to_data()
            .convert::<i64>()
            .try_to_vec::<i64>()
            .unwrap();
        for (k, &record) in batch.indices.iter().enumerate() {
            let want = &faces.table().records[record];
            assert_eq!(
                (batch.label_list[k], labels[k]),
                (want.label, i64::from(want.label))
            );
            assert_eq!(batch.cells[k], faces.table().cell(record));
            for (i, byte) in faces.image(record).iter().enumerate() {
                let (pixel, c) = (i / 3, i % 3);
                let exact = (f64::from(*byte) / 255.0 - f64::from(IMAGENET_MEAN[c]))
                    / f64::from(IMAGENET_STD[c]);
                let got = f64::from(values[(k * 3 + c) * 256 + pixel]);
                // Three roundings to f32 of values below 1, then division by at least 0.224.
                assert!(
                    (got - exact).abs() < 4.0 * f64::from(f32::EPSILON) / 0.224,
                    "{got} {exact}"
                );
            }
        }
    }
}

#[test]
fn flips_mirror_half_of_the_images_and_are_drawn_per_seed_epoch_and_record() {
    let (_folder, faces) = faces();
    let order: Vec<usize> = (0..N).collect();
    let plain = content(&batches(&faces, &order, 1, Augment::None));
    let flipped = content(&batches(&faces, &order, 1, FLIP));
    let mut mirrored = Vec::new();
    for (i, ((_, a), (_, b))) in plain.iter().zip(&flipped).enumerate() {
        let mirror: Vec<u32> = a
            .chunks(16)
            .flat_map(|row| row.iter().rev().copied())
            .collect();
        assert!(b == a || *b == mirror);
        if *b == mirror {
            mirrored.push(i);
        }
    }
    // 64 fair draws: 32 ± 4; five standard deviations allowed.
    assert!((12..52).contains(&mirrored.len()), "{}", mirrored.len());
    // Where an image stands in the order does not matter.
    let mut backwards = content(&batches(
        &faces,
        &order.iter().rev().copied().collect::<Vec<_>>(),
        1,
        FLIP,
    ));
    backwards.reverse();
    assert_eq!(backwards, flipped);
    let later = content(&batches(
        &faces,
        &order,
        1,
        Augment::Flip { seed: 5, epoch: 3 },
    ));
    assert_ne!(later, flipped);
}

#[test]
fn a_resumed_epoch_sees_what_the_whole_one_would_have_seen() {
    let (_folder, faces) = faces();
    let order = epoch_order(
        faces.table(),
        &faces.split(Split::Train),
        &Sampler::Shuffled,
        1,
        4,
    )
    .unwrap();
    let whole = content(&batches(&faces, &order, 5, FLIP));
    assert_eq!(
        content(&batches(&faces, &order, 5, FLIP)),
        whole,
        "repetition"
    );
    for step in [1, 3, 6] {
        assert_eq!(
            content(&batches(&faces, &order[step * 5..], 5, FLIP)),
            whole[step..]
        );
    }
    for threads in [1, 3] {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        assert_eq!(
            pool.install(|| content(&batches(&faces, &order, 5, FLIP))),
            whole
        );
    }
}

#[test]
fn loaders_can_be_left_early_reused_and_sliced() {
    let (_folder, faces) = faces();
    let order: Vec<usize> = (0..N).collect();
    let loader = loader(&faces, order.clone(), 4, Augment::None, &Device::flex());
    let mut iterator = loader.iter();
    assert_eq!(iterator.next().unwrap().unwrap().indices, [0, 1, 2, 3]);
    assert_eq!(
        (
            iterator.progress().items_processed,
            iterator.progress().items_total
        ),
        (4, N)
    );
    drop(iterator);
    assert_eq!(loader.iter().count(), 16);
    let slice = loader.slice(8, 14);
    assert_eq!(slice.num_items(), 6);
    let seen: Vec<usize> = slice.iter().flat_map(|b| b.unwrap().indices).collect();
    assert_eq!(seen, order[8..14]);
    assert_eq!(LastBatch::Drop.trim(order.clone(), 5).len(), 60);
    assert_eq!(LastBatch::Keep.trim(order, 5).len(), N);
}

/// A table whose cells have 4, 12, 16 and 64 records in one split, and their indices.
fn unequal() -> (Table, Vec<usize>) {
    let table = Table::open(&Folder::tables(256).config).unwrap();
    let mut counts = [0; 4];
    let wanted = [4, 12, 16, 64];
    let records = (0..256)
        .filter(|&i| {
            let cell = table.cell(i) as usize;
            counts[cell] += 1;
            counts[cell] <= wanted[cell]
        })
        .collect();
    (table, records)
}

fn draws_per_cell(table: &Table, order: &[usize]) -> [usize; 4] {
    let mut n = [0; 4];
    order.iter().for_each(|&i| n[table.cell(i) as usize] += 1);
    n
}

#[test]
fn balanced_epochs_draw_every_cell_equally_and_spread_over_its_records() {
    let (table, records) = unequal();
    let order = epoch_order(&table, &records, &Sampler::GroupBalanced, 9, 0).unwrap();
    assert_eq!(draws_per_cell(&table, &order), [24, 24, 24, 24]);
    for cell in 0..4 {
        let mut times = std::collections::HashMap::new();
        order
            .iter()
            .filter(|&&i| table.cell(i) == cell)
            .for_each(|i| *times.entry(i).or_insert(0) += 1);
        let (least, most) = (times.values().min().unwrap(), times.values().max().unwrap());
        assert!(most - least <= 1, "cell {cell}: {least} to {most}");
    }
    let weighted = Sampler::GroupWeighted(vec![0.0, 1.0, 2.0, 5.0]);
    let order = epoch_order(&table, &records, &weighted, 9, 0).unwrap();
    assert_eq!(draws_per_cell(&table, &order), [0, 12, 24, 60]);
}

#[test]
fn orders_are_functions_of_seed_and_epoch() {
    let (table, records) = unequal();
    let weighted = Sampler::GroupWeighted(vec![1.0; 4]);
    for sampler in [Sampler::Shuffled, Sampler::GroupBalanced, weighted] {
        let order = |seed, epoch| epoch_order(&table, &records, &sampler, seed, epoch).unwrap();
        assert_eq!(order(1, 1), order(1, 1));
        assert_ne!(order(1, 1), order(1, 2));
        assert_ne!(order(1, 1), order(2, 1));
        assert_eq!(order(1, 1).len(), records.len());
    }
    let mut shuffled = epoch_order(&table, &records, &Sampler::Shuffled, 1, 1).unwrap();
    shuffled.sort_unstable();
    assert_eq!(shuffled, records);
    assert_eq!(
        epoch_order(&table, &records, &Sampler::Sequential, 1, 1).unwrap(),
        records
    );
}

#[test]
fn impossible_weights_are_refused() {
    let (table, mut records) = unequal();
    records.retain(|&i| table.cell(i) != 2);
    for (weights, reason) in [
        (vec![1.0; 3], "3 weights for the cells male=0*young=0"),
        (vec![1.0, -1.0, 0.0, 0.0], "male=0*young=1"),
        (vec![f64::NAN, 1.0, 0.0, 0.0], "NaN"),
        (vec![1.0; 4], "male=1*young=0, which has no images"),
        (vec![0.0; 4], "all 0"),
    ] {
        let sampler = Sampler::GroupWeighted(weights);
        let error = epoch_order(&table, &records, &sampler, 1, 1).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert!(error.to_string().contains(reason), "{error}");
    }
}
