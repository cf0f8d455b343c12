//! The SVG: well formed, complete, readable, to scale, the same every time.

use std::sync::Arc;

use resvg::usvg::{self, Node, Options, Rect, Tree, roxmltree::Document};

use super::samples;
use crate::report::{
    Candidate, Forest, GapChange, GroupRates, Measured, RateFrame, RateGroup, Sensitivity,
};

/// The contents of all text elements of a figure.
pub fn texts(figure: &str) -> Vec<String> {
    let document = Document::parse(figure).unwrap();
    let texts = document.descendants().filter(|n| n.has_tag_name("text"));
    texts.map(|n| n.text().unwrap_or("").to_string()).collect()
}

/// An attribute of all elements of one kind, as numbers.
fn numbers(figure: &str, tag: &str, attribute: &str) -> Vec<f64> {
    let document = Document::parse(figure).unwrap();
    document
        .descendants()
        .filter(|n| n.has_tag_name(tag))
        .filter_map(|n| n.attribute(attribute)?.parse().ok())
        .collect()
}

/// Every text with the box around its glyphs, as resvg draws them.
fn boxes(figure: &str) -> (usvg::Size, Vec<(String, Rect)>) {
    fn walk(group: &usvg::Group, found: &mut Vec<(String, Rect)>) {
        for node in group.children() {
            match node {
                Node::Group(group) => walk(group, found),
                Node::Text(text) => {
                    let words: String = text.chunks().iter().map(|c| c.text()).collect();
                    let glyphs = text.flattened().bounding_box();
                    let placed = glyphs.transform(text.abs_transform()).unwrap();
                    found.push((words, placed));
                }
                _ => {}
            }
        }
    }
    let mut fonts = usvg::fontdb::Database::new();
    fonts.load_font_data(crate::report::text::FONT.to_vec());
    let options = Options {
        fontdb: Arc::new(fonts),
        ..Options::default()
    };
    let tree = Tree::from_str(figure, &options).unwrap();
    let mut found = Vec::new();
    walk(tree.root(), &mut found);
    (tree.size(), found)
}

/// Fails where a text overlaps another one, leaves the page or has no glyphs.
pub fn texts_are_apart(stem: &str, figure: &str) {
    let (size, boxes) = boxes(figure);
    assert_eq!(
        boxes.len(),
        texts(figure).len(),
        "{stem}: a text has no glyphs"
    );
    for (i, (text, a)) in boxes.iter().enumerate() {
        let inside = a.left() >= 4.0
            && a.top() >= 4.0
            && a.right() <= size.width() - 4.0
            && a.bottom() <= size.height() - 4.0;
        assert!(inside, "{stem}: {text:?} leaves the page");
        for (other, b) in &boxes[i + 1..] {
            let apart = a.right() + 3.0 <= b.left()
                || b.right() + 3.0 <= a.left()
                || a.bottom() <= b.top()
                || b.bottom() <= a.top();
            assert!(apart, "{stem}: {text:?} overlaps {other:?}");
        }
    }
}

#[test]
fn no_text_overlaps_another_or_leaves_the_page() {
    for (stem, figure) in samples::all() {
        texts_are_apart(stem, &figure);
    }
}

#[test]
fn widths_are_those_of_the_drawn_glyphs() {
    let title = "Rates by group: mobilenet_v2 ± Δ ≥ 0.5";
    let figure = crate::report::page::empty(title, "nothing", "");
    let (_, boxes) = boxes(&figure);
    let drawn = f64::from(boxes[0].1.width());
    let measured = crate::report::text::width(title, 14.0);
    // Kerning and the space beside the outer glyphs: a few percent.
    assert!(
        (measured - drawn).abs() < 0.03 * measured,
        "{measured} {drawn}"
    );
}

#[test]
fn every_group_is_named_with_its_count_and_what_is_missing_says_so() {
    for (figure, missing) in [(samples::rates(), 0), (samples::rates_with_holes(), 5)] {
        let texts = texts(&figure.draw());
        for group in figure.frames.iter().flat_map(|f| &f.groups) {
            assert_eq!(texts.iter().filter(|t| **t == group.name).count(), 1);
        }
        let said = texts.iter().filter(|t| *t == "not estimable").count();
        assert_eq!(said, missing);
        assert!(texts.iter().any(|t| t == "1,171"));
    }
    let groups = samples::many_scored();
    let roc = texts(&samples::roc(&groups).draw());
    let calibration = texts(&samples::calibration(&groups).draw()).join(" ");
    for group in &groups {
        assert!(roc.contains(&group.name));
        assert!(calibration.contains(&group.name), "{}", group.name);
    }
    let missing = roc.iter().filter(|t| t.starts_with("AUC not estimable"));
    assert_eq!(missing.count(), 2);
    assert!(calibration.contains("ECE not estimable n = 0"));
}

#[test]
fn names_are_text_and_never_markup() {
    let figure = samples::rates_with_holes().draw();
    assert!(figure.contains("&lt;script&gt;") && !figure.contains("<script>"));
    let mut hostile = samples::forest();
    hostile.candidates[0].name = "a\u{1}b\"'><x y='&amp;".into();
    assert!(texts(&hostile.draw()).contains(&"a\u{fffd}b\"'><x y='&amp;".to_string()));
}

#[test]
fn equal_data_gives_equal_bytes() {
    for ((stem, once), (_, twice)) in samples::all().into_iter().zip(samples::all()) {
        assert!(once == twice, "{stem}");
    }
}

#[test]
fn nothing_to_show_is_said() {
    let rates = GroupRates {
        frames: vec![RateFrame {
            name: "male".into(),
            groups: Vec::new(),
        }],
        ..samples::rates()
    };
    let forest = Forest {
        candidates: Vec::new(),
        ..samples::forest()
    };
    let layers = Sensitivity {
        panels: Vec::new(),
        ..samples::sensitivity()
    };
    for (figure, words) in [
        (rates.draw(), "no groups to show"),
        (forest.draw(), "no candidates to show"),
        (samples::roc(&[]).draw(), "no scores to show"),
        (samples::calibration(&[]).draw(), "no scores to show"),
        (layers.draw(), "no layers to show"),
    ] {
        let texts = texts(&figure);
        assert!(texts.iter().any(|t| t == words), "{texts:?}");
        assert!(texts.iter().any(|t| t.contains("images)")), "{texts:?}");
    }
}

#[test]
fn numbers_that_are_not_finite_are_not_estimable() {
    let nan = Some(Measured::from((f64::NAN, 0.1, 0.2)));
    let open = Some(Measured::from((0.5, f64::NEG_INFINITY, 0.6)));
    let rates = GroupRates {
        frames: vec![RateFrame {
            name: "f".into(),
            groups: vec![RateGroup {
                name: "g".into(),
                n: 1,
                n_pos: 2,
                selection_rate: nan,
                tpr: open,
                fpr: nan,
                accuracy: Some(Measured::point(f64::INFINITY)),
            }],
        }],
        ..samples::rates()
    };
    let forest = Forest {
        candidates: vec![Candidate {
            name: "c".into(),
            gaps: vec![GapChange {
                gap: "DP gap".into(),
                delta: nan,
                p_adjusted: Some(f64::NAN),
                margin: Some(f64::INFINITY),
            }],
        }],
        limit: Some(f64::NAN),
        ..samples::forest()
    };
    for (figure, missing) in [(rates.draw(), 3), (forest.draw(), 1)] {
        let lower = figure.to_lowercase();
        assert!(!lower.contains("nan") && !lower.contains("inf"), "{figure}");
        let said = texts(&figure);
        assert_eq!(
            said.iter().filter(|t| *t == "not estimable").count(),
            missing
        );
    }
}

#[test]
fn panels_of_rates_share_one_scale() {
    let figure = samples::rates();
    let drawn = figure.draw();
    // First groups have circles, second ones squares: left sides of the lines of both intervals.
    let starts = |color: &str| -> Vec<f64> {
        let document = Document::parse(&drawn).unwrap();
        let lines = document
            .descendants()
            .filter(|n| n.has_tag_name("line") && n.attribute("stroke") == Some(color));
        lines
            .map(|n| n.attribute("x1").unwrap().parse().unwrap())
            .collect()
    };
    let (blue, red) = (starts("#0072B2"), starts("#D55E00"));
    assert_eq!((blue.len(), red.len()), (12, 12));
    let groups = &figure.frames[0].groups;
    let lo = |g: &RateGroup| {
        [g.selection_rate, g.tpr, g.fpr, g.accuracy].map(|m| m.unwrap().interval.unwrap().0)
    };
    let (first, second) = (lo(&groups[0]), lo(&groups[1]));
    let unit = (blue[0] - red[0]) / (first[0] - second[0]);
    for k in 1..4 {
        let found = (blue[k] - red[k]) / (first[k] - second[k]);
        // Positions are rounded to hundredths of a pixel.
        let slack = 0.02 / (first[k] - second[k]).abs();
        assert!((found - unit).abs() <= slack, "panel {k}: {found} {unit}");
    }
}

#[test]
fn a_forest_is_to_scale_and_fills_what_is_significant() {
    let drawn = samples::forest().draw();
    let document = Document::parse(&drawn).unwrap();
    let of = |tag: &'static str, fill: &'static str| {
        let found = document
            .descendants()
            .filter(move |n| n.has_tag_name(tag) && n.attribute("fill") == Some(fill));
        found.count()
    };
    // DP gaps are circles, EO gaps squares; adjusted p is 0.041, 0.0213, 0.0002 and 0.0004 in four rows.
    assert_eq!((of("circle", "#ffffff"), of("circle", "#0072B2")), (4, 1));
    assert_eq!((of("polygon", "#ffffff"), of("polygon", "#D55E00")), (1, 3));

    let zero = numbers(&drawn, "line", "x1")
        .into_iter()
        .zip(document.descendants().filter(|n| n.has_tag_name("line")))
        .find(|(_, n)| n.attribute("stroke") == Some("#595959"))
        .unwrap()
        .0;
    let circles = numbers(&drawn, "circle", "cx");
    let unit = (circles[4] - zero) / 4.70;
    for (x, points) in circles.iter().zip([0.05, -0.10, 0.80, 1.25, 4.70]) {
        assert!((x - zero - unit * points).abs() < 0.02, "{x} {points}");
    }
    let band = document
        .descendants()
        .find(|n| n.attribute("fill") == Some("#dcebf5"))
        .unwrap();
    let side = |name| band.attribute(name).unwrap().parse::<f64>().unwrap();
    assert!((side("x") - (zero - unit)).abs() < 0.02);
    assert!((side("width") - 2.0 * unit).abs() < 0.02);
    assert!(texts(&drawn).iter().any(|t| t.contains("±1 points")));
}

#[test]
fn a_forest_of_fifty_five_has_all_rows() {
    let figure = samples::large_forest();
    let drawn = figure.draw();
    let texts = texts(&drawn);
    for candidate in &figure.candidates {
        assert_eq!(texts.iter().filter(|t| **t == candidate.name).count(), 1);
    }
    assert_eq!(texts.iter().filter(|t| t.starts_with('[')).count(), 110);
    let height = |f: &str| numbers(f, "svg", "height")[0];
    let small = height(&samples::forest().draw());
    assert!(height(&drawn) > small + 100.0 * 16.0);
    assert!(texts.join(" ").contains("beyond the axis"));
    // One axis for all: what lies beyond it is an arrow at its end.
    assert!(drawn.contains("<polyline"));
    let free = Forest {
        limit: None,
        ..figure
    };
    assert!(!free.draw().contains("<polyline"));
}

/// Left and right ends of all lines of some colours.
fn lines(figure: &str, colors: &[&str]) -> Vec<(f64, f64)> {
    let document = Document::parse(figure).unwrap();
    document
        .descendants()
        .filter(|n| n.has_tag_name("line") && colors.contains(&n.attribute("stroke").unwrap()))
        .map(|n| ["x1", "x2"].map(|side| n.attribute(side).unwrap().parse().unwrap()))
        .map(|[from, to]: [f64; 2]| (from, to))
        .collect()
}

#[test]
fn intervals_stay_inside_their_panels_and_text_outside() {
    for figure in [samples::rates(), samples::rates_with_holes()] {
        let drawn = figure.draw();
        let panels = lines(&drawn, &["#8c8c8c"]);
        assert_eq!(panels.len(), 4);
        let intervals = lines(&drawn, &["#0072B2", "#D55E00", "#009E73", "#CC79A7"]);
        assert!(intervals.len() >= 14);
        for (from, to) in intervals {
            assert!(
                panels.iter().any(|(a, b)| *a <= from && to <= *b),
                "{from} {to} is in none of {panels:?}"
            );
        }
    }
    for figure in [samples::forest(), samples::large_forest()] {
        let drawn = figure.draw();
        let (left, right) = lines(&drawn, &["#8c8c8c"])[0];
        for (text, place) in boxes(&drawn).1 {
            // Arrows reach 8 px beyond the axis.
            let (a, b) = (f64::from(place.left()), f64::from(place.right()));
            match text.as_str() {
                "DP gap" | "EO gap" => assert!(b < left - 8.0, "{text} {b} {left}"),
                t if t.starts_with(['+', '[']) && !t.ends_with("gap") => {
                    let tick = t.len() <= 3;
                    assert!(tick || a > right + 8.0, "{text} {a} {right}");
                }
                _ => {}
            }
        }
    }
}

#[test]
fn sensitivities_keep_their_order_and_every_layer_has_its_marker() {
    let figure = samples::sensitivity();
    let drawn = figure.draw();
    let document = Document::parse(&drawn).unwrap();
    // Circles are convolutions: those of everybody are black.
    let black: Vec<f64> = document
        .descendants()
        .filter(|n| n.has_tag_name("circle") && n.attribute("fill") == Some("#000000"))
        .map(|n| n.attribute("cy").unwrap().parse().unwrap())
        .collect();
    let kinds = &figure.panels[0].kinds;
    let convs: Vec<usize> = (0..50).filter(|l| kinds[*l] == "conv").collect();
    // One of them stands in the legend, before all panels.
    assert_eq!(black.len(), 1 + figure.panels.len() * convs.len());
    for (panel, drawn) in figure.panels.iter().zip(black[1..].chunks(convs.len())) {
        let mut order: Vec<usize> = (0..convs.len()).collect();
        order.sort_by(|&a, &b| {
            let value = |i: usize| panel.values[0][convs[i]];
            value(a).total_cmp(&value(b))
        });
        // Larger is higher up, to the hundredth of a pixel that positions are rounded to.
        let heights: Vec<f64> = order.iter().map(|&i| drawn[i]).collect();
        assert!(
            heights.windows(2).all(|w| w[1] <= w[0] + 0.011),
            "{heights:?}"
        );
        assert!(heights[0] > heights[heights.len() - 1] + 50.0);
    }
    let texts = texts(&drawn);
    for word in [
        "depthwise",
        "linear",
        "all",
        "male=1*young=0",
        "1e−3",
        "−0.01",
    ] {
        assert!(texts.iter().any(|t| t == word), "{word}: {texts:?}");
    }
    let holes = samples::sensitivity_with_holes().draw();
    assert!(!holes.to_lowercase().contains("nan"));
}
