use burn::tensor::{Device, Distribution, Tensor};
use fairbit::compress::{
    attach::*, calibrate::calibrate, fold::fold, pack, plan::*, rows::layer_infos,
};
use fairbit::models::{Architecture, ModelConfig, create};
use fairbit::nn::{Stopwatch, UnitMut};
use fairbit::quant::{Learn, ScaleFit, observe::Observer};
use std::collections::BTreeMap;
use std::time::Instant;
fn main() {
    fairbit_kernels::memory::keep_freed();
    let px = 64;
    let n = 32;
    let only = std::env::args().nth(1);
    let act = match std::env::args().nth(2).as_deref() {
        Some("dynamic") => Activation::Dynamic8,
        _ => Activation::Static8,
    };
    for name in Architecture::ALL {
        if only
            .as_ref()
            .is_some_and(|o| o != "all" && *o != name.to_string())
        {
            continue;
        }
        let device = Device::flex();
        device.seed(1);
        let model = fold(create(&ModelConfig::new(name, 2, px), 3, &device).unwrap());
        let images = Tensor::<4>::random([n, 3, px, px], Distribution::Normal(0.0, 1.0), &device);
        let seen = calibrate(&model, [Ok((images.clone(), vec![1.0; n]))].into_iter()).unwrap();
        let plan = Plan {
            default: Some(LayerPlan {
                weight: WeightBits::Eight,
                granularity: Granularity::Channel,
                activation: act,
            }),
            layers: vec![],
        };
        let plan = plan
            .check(std::path::Path::new("p"), &layer_infos(&model))
            .unwrap();
        let g = Grids {
            observer: Observer::MinMax,
            scales: ScaleFit::Mse,
            learn: Learn::Fixed,
        };
        let mut packed = pack::pack(&attach(&model, &plan, &seen, &g).unwrap()).unwrap();
        let mut watches = Vec::new();
        packed.units_mut(&mut |path, unit| {
            let w = Stopwatch::default();
            let kind = match unit {
                UnitMut::Conv(u) => {
                    u.stopwatch = Some(w.clone());
                    let [_, _, k, _] = u.conv.weight.dims();
                    if u.conv.groups > 1 {
                        format!("dw{k}x{k} s{}", u.conv.stride[0])
                    } else if path.contains("se") || path.contains("fc1") || path.contains("fc2") {
                        format!("se {k}x{k}")
                    } else {
                        format!("conv{k}x{k}")
                    }
                }
                UnitMut::Linear(u) => {
                    u.stopwatch = Some(w.clone());
                    "linear".into()
                }
                _ => return,
            };
            watches.push((path.to_string(), kind, w));
        });
        let run = |m: &fairbit::models::Model| {
            m.forward(images.clone()).into_data();
        };
        for _ in 0..3 {
            run(&packed);
            run(&model);
        }
        let rounds = 20;
        watches.iter().for_each(|w| {
            w.2.take();
        });
        let (mut a, mut b) = (vec![], vec![]);
        for _ in 0..rounds {
            let t = Instant::now();
            run(&packed);
            a.push(t.elapsed().as_secs_f64());
            let t = Instant::now();
            run(&model);
            b.push(t.elapsed().as_secs_f64());
        }
        a.sort_by(f64::total_cmp);
        b.sort_by(f64::total_cmp);
        let mut by: BTreeMap<String, (f64, usize)> = BTreeMap::new();
        let mut sum = 0.0;
        for (p, kind, w) in &watches {
            let s = w.take() as f64 / 1e6 / rounds as f64;
            sum += s;
            let e = by.entry(kind.clone()).or_default();
            e.0 += s;
            e.1 += 1;
            if std::env::args().nth(3).is_some() {
                println!("   {p} {kind} {s:.3}");
            }
        }
        println!(
            "{name}: int8 {:.2} ms, float {:.2} ms ({:.2}x); leaves {sum:.2} ms, rest {:.2}",
            a[rounds / 2] * 1e3,
            b[rounds / 2] * 1e3,
            b[rounds / 2] / a[rounds / 2],
            a[rounds / 2] * 1e3 - sum
        );
        for (k, (s, c)) in by {
            println!("   {k}: {s:.2} ms in {c}");
        }
    }
}
