//! What is refused, in which words; what is kept wide; the plan of an allocation.

use super::*;

/// Three layers of 100, 200 and 300 bytes at 8 bits, each more sensitive than the one before; the
/// second group turns the order around.
fn three() -> Problem {
    let layer = |(path, size): (&str, u64)| {
        let choice = |(weight, bytes, fall): (WeightBits, u64, f64)| Choice {
            weight,
            bytes,
            nanos: Some(2_000 - bytes),
            loss: fall * (size * size / 100) as f64,
            group_loss: vec![fall * size as f64, 2.0 * fall * (400 - size) as f64],
        };
        let choices = [
            (WeightBits::Four, size / 2, 1.0),
            (WeightBits::Eight, size, 0.1),
            (WeightBits::Float, 4 * size, 0.0),
        ];
        LayerChoices {
            path: path.into(),
            choices: choices.map(choice).to_vec(),
        }
    };
    Problem {
        groups: vec!["male=0".into(), "male=1".into()],
        layers: [("conv1", 100), ("conv2", 200), ("fc", 300)]
            .map(layer)
            .to_vec(),
    }
}

fn refused(problem: &Problem, settings: &Settings) -> String {
    let e = allocate(problem, settings).unwrap_err();
    let random = allocate_at_random(problem, settings, 1).unwrap_err();
    assert_eq!(random.to_string(), e.to_string());
    let code = if matches!(e, crate::error::Error::Run(_)) {
        1
    } else {
        2
    };
    assert_eq!(e.exit_code(), code);
    e.to_string()
}

fn widths(problem: &Problem, settings: &Settings) -> String {
    let found = allocate(problem, settings).unwrap();
    let widths = found.choices.iter().map(|(_, weight)| weight.to_string());
    widths.collect::<Vec<_>>().join(" ")
}

#[test]
fn a_budget_that_cannot_be_kept_names_what_can() {
    let mut settings = settings(299, Objective::Total);
    let raise = "raise it, allow narrower `widths` or `keep` fewer layers";
    assert_eq!(
        refused(&three(), &settings),
        format!(
            "`budget`: found 299 bytes, expected 300 bytes at least, the smallest allocation; {raise}"
        )
    );
    settings.budget = Budget::Bytes(300);
    assert_eq!(widths(&three(), &settings), "4 4 4");
    settings.budget = Budget::ShareOf8Bit(0.5);
    assert_eq!(widths(&three(), &settings), "4 4 4");
    settings.budget = Budget::ShareOf8Bit(0.4999);
    assert!(refused(&three(), &settings).starts_with("`budget`: found 299 bytes"));
    // Each byte saves a nanosecond: all floats take 3600, and 400 bytes 5600.
    let mut slow = three();
    settings.budget = Budget::Bytes(400);
    settings.latency_nanos = Some(3_599);
    assert!(refused(&slow, &settings).starts_with(
        "`latency-nanos`: found 3599 nanoseconds, expected 3600 nanoseconds at least"
    ));
    settings.latency_nanos = Some(5_600);
    assert_eq!(widths(&slow, &settings), "4 8 4");
    settings.latency_nanos = Some(5_599);
    assert_eq!(
        refused(&slow, &settings),
        "`budget`: found 400 bytes within 5599 nanoseconds, expected 450 bytes at least within \
         that time; raise one of `budget` and `latency-nanos`: both cannot be kept"
    );
    slow.layers[1].choices[1].nanos = None;
    assert_eq!(
        refused(&slow, &settings),
        "`conv2`: no measured time at 8 bits; measure the layers' times, or leave out `latency-nanos`"
    );
    settings.widths = vec![WeightBits::Float];
    settings.budget = Budget::ShareOf8Bit(4.0);
    settings.latency_nanos = Some(3_600);
    assert_eq!(widths(&slow, &settings), "float float float");
}

#[test]
fn sensitive_layers_are_kept_wide() {
    let mut settings = settings(450, Objective::Total);
    assert_eq!(widths(&three(), &settings), "4 4 8");
    let keep = |which, at| Some(Keep { which, at });
    let named = |path: &str| Kept::Named(vec![path.into()]);
    settings.keep = keep(named("conv2"), WeightBits::Eight);
    assert_eq!(widths(&three(), &settings), "8 8 4");
    // Not what `widths` allows the others.
    settings.widths = vec![WeightBits::Four];
    assert_eq!(widths(&three(), &settings), "4 8 4");
    settings.keep = keep(named("conv3"), WeightBits::Eight);
    let unknown = refused(&three(), &settings);
    assert!(unknown.starts_with("`conv3`: the model has no such layer; did you mean `conv"));
    settings.keep = keep(Kept::MostSensitive(1), WeightBits::Float);
    assert_eq!(
        refused(&three(), &settings).split("; ").next().unwrap(),
        "`budget`: found 450 bytes, expected 1350 bytes at least, the smallest allocation"
    );
    settings.budget = Budget::Bytes(5_000);
    assert_eq!(widths(&three(), &settings), "4 4 float");
    settings.keep = keep(Kept::MostSensitiveShare(0.34), WeightBits::Eight);
    assert_eq!(widths(&three(), &settings), "4 8 8");
    settings.objective = Objective::WorstGroup;
    assert_eq!(widths(&three(), &settings), "8 8 4");
    let mut lacking = three();
    lacking.layers[0].choices.remove(1);
    let lacks = refused(&lacking, &settings);
    assert_eq!(
        lacks,
        "`conv1`: no choice of 8 bits; keep another layer, or at another width"
    );
    settings.keep = None;
    settings.budget = Budget::ShareOf8Bit(0.5);
    let lacks = refused(&lacking, &settings);
    assert_eq!(
        lacks,
        "`conv1`: no choice of 8 bits; give the `budget` in bytes"
    );
    settings.widths = vec![WeightBits::Two];
    let lacks = refused(&three(), &settings);
    assert_eq!(
        lacks,
        "`conv1`: no choice of an allowed width; allow more `widths`"
    );
}

#[test]
fn losses_are_finite_and_a_worst_group_needs_groups() {
    let mut settings = settings(1_000, Objective::WorstGroup);
    settings.widths.clear();
    assert!(refused(&three(), &settings).starts_with("`widths`: found none"));
    settings.widths = WeightBits::ALL.to_vec();
    let mut problem = three();
    problem.layers[2].choices[1].group_loss[1] = f64::NAN;
    assert_eq!(
        refused(&problem, &settings),
        "`fc at 8 bits`: found a loss of NaN over male=1, expected a finite loss; \
         look for values that are not finite in the model and its inputs"
    );
    problem.groups.clear();
    let choices = problem.layers.iter_mut().flat_map(|l| &mut l.choices);
    choices.for_each(|choice| choice.group_loss.clear());
    assert!(refused(&problem, &settings).starts_with("`objective`: found no groups"));
    settings.objective = Objective::Total;
    assert!(allocate(&problem, &settings).unwrap().group_loss.is_empty());
    problem.layers.clear();
    let empty = allocate(&problem, &settings).unwrap();
    assert_eq!(
        (empty.choices.len(), empty.bytes, empty.objective),
        (0, 0, 0.0)
    );
}

#[test]
fn an_allocation_becomes_a_plan() {
    let mut settings = settings(1_450, Objective::Total);
    settings.keep = Some(Keep {
        which: Kept::Named(vec!["fc".into()]),
        at: WeightBits::Float,
    });
    let found = allocate(&three(), &settings).unwrap();
    let plan = found.to_plan(Granularity::Group32, Activation::Dynamic8);
    let coded = |weight| LayerPlan {
        weight,
        granularity: Granularity::Group32,
        activation: Activation::Dynamic8,
    };
    let layers = [
        ("conv1", coded(WeightBits::Four)),
        ("conv2", coded(WeightBits::Eight)),
        ("fc", LayerPlan::FLOAT),
    ];
    let layers = layers.map(|(path, plan)| (path.to_string(), plan));
    assert_eq!((plan.default, plan.layers), (None, layers.to_vec()));
    assert_eq!((found.bytes, found.objective), (1_450, 140.0));
}
