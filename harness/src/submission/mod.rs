use std::collections::BTreeMap;
pub fn argv(run: &[String], contract: &[String], values: &BTreeMap<String, Vec<String>>) -> Vec<String> {
    let mut all: Vec<String> = run.to_vec();
    all.extend(contract.iter().cloned());
    all.iter().map(|a| { let mut a = a.clone(); for (k, v) in values { a = a.replace(&format!("{{{k}}}"), &v.join(" ")); } a }).collect()
}
