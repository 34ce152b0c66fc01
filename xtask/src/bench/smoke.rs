//! One short round of each benchmark, and what must come of it.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::Benchmark;

/// As little work as there can be of each kind.
pub(super) fn options(benchmark: Benchmark, host: &Path) -> Vec<String> {
    let options = match benchmark {
        Benchmark::Messages => "--rounds 1 --round-millis 5 --tells 100 --callers 4",
        Benchmark::Streams => "--rounds 1 --round-millis 5 --items 100",
        Benchmark::Lives => "--rounds 1 --crashes 2 --handlers 20",
        Benchmark::Density => "--rounds 1 --actors 20",
        Benchmark::Http => "--rounds 1 --round-secs 1 --connections 4",
        Benchmark::Cliffs => {
            "--rounds 1 --round-millis 2 --actors 20 --handlers 20 --streams 20 --items 100 --crashes 20"
        }
        Benchmark::Isolation => "--rounds 1 --round-secs 1 --ends 1 --spinning 2 --hungry 1 --crashing 1",
        // One of each language: Python's take some ten seconds to compile.
        Benchmark::Languages => "--rounds 1 --asks 5 --only python-serial,javascript-serial,c",
        Benchmark::Pulsing | Benchmark::Rusm => "--rounds 1",
    };
    let mut options: Vec<_> = options.split(' ').map(str::to_owned).collect();
    if benchmark == Benchmark::Http {
        options.extend(["--program".to_owned(), host.display().to_string()]);
    }
    options
}

/// Checks that there are rows, and a positive number in each.
///
/// # Errors
///
/// Where that is not so.
pub(super) fn check(rows: &[Value]) -> Result<()> {
    ensure!(!rows.is_empty(), "it shows no figures");
    for row in rows {
        let work = row.get("work").and_then(Value::as_str).context("a row without a name")?;
        for figure in ["value", "baseline_value"] {
            // There is none beside what stands alone.
            if figure == "baseline_value" && row.get("baseline").and_then(Value::as_str) == Some("") {
                continue;
            }
            let value = row.get(figure).and_then(Value::as_f64);
            let value = value.with_context(|| format!("{work}: its {figure} is no number"))?;
            ensure!(value >= 0.0, "{work}: its {figure} is {value}");
        }
    }
    println!("    {} rows", rows.len());
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_benchmark_must_show_figures() {
        let alone = json!({"work": "a", "value": 1.5, "baseline": "", "baseline_value": null});
        let beside = json!({"work": "b", "value": 1.5, "baseline": "c", "baseline_value": 2.0});
        check(&[alone, beside.clone()]).unwrap();
        assert!(check(&[]).is_err());
        for (name, no_figure) in
            [("value", json!(null)), ("baseline_value", json!(null)), ("value", json!(-1))]
        {
            let mut row = beside.clone();
            row[name] = no_figure;
            assert!(check(&[row]).unwrap_err().to_string().starts_with("b: its "));
        }
    }
}
