//! JSON Schemas of the files that people and other programs read and write. Generated from the types,
//! so that an editor knows the task language exactly as gradus reads it.

use schemars::{Schema, schema_for};

/// The files that have a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum File {
    /// `task.yaml`
    Task,
    /// `submission.yaml`
    Submission,
    /// The report in JSON.
    Report,
    /// A course's rules for grades (`policy.yaml`).
    Policy,
    /// The gradebook in JSON.
    Gradebook,
}

impl File {
    pub const ALL: [File; 5] = [
        File::Task,
        File::Submission,
        File::Report,
        File::Policy,
        File::Gradebook,
    ];

    /// `task`, `submission`, `report`…: as the command line and the schema's file name have it.
    pub fn name(self) -> &'static str {
        match self {
            File::Task => "task",
            File::Submission => "submission",
            File::Report => "report",
            File::Policy => "policy",
            File::Gradebook => "gradebook",
        }
    }
}

/// The schema as a JSON document.
pub fn of(file: File) -> String {
    let (mut schema, title): (Schema, _) = match file {
        File::Task => (schema_for!(super::Task), "gradus: task pack (task.yaml)"),
        File::Submission => (
            schema_for!(crate::submission::Manifest),
            "gradus: submission.yaml",
        ),
        File::Report => (schema_for!(crate::report::Report), "gradus: report"),
        File::Policy => (schema_for!(crate::class::Policy), "gradus: policy.yaml"),
        File::Gradebook => (schema_for!(crate::class::book::Book), "gradus: gradebook"),
    };
    schema.insert("title".to_owned(), title.into());
    // Keys are strings: there is nothing in it that JSON can't hold.
    serde_json::to_string_pretty(&schema).unwrap_or_default() + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn committed_schemas_are_fresh() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("schema");
        for file in File::ALL {
            let path = folder.join(format!("{}.json", file.name()));
            if std::env::var_os("GRADUS_WRITE_SCHEMAS").is_some() {
                std::fs::write(&path, of(file)).expect("written");
            }
            let committed = std::fs::read_to_string(&path).unwrap_or_default();
            let name = file.name();
            assert!(
                committed == of(file),
                "harness/schema/{name}.json is stale: run `GRADUS_WRITE_SCHEMAS=1 cargo test -p gradus schema` or \
                 `gradus schema {name} > harness/schema/{name}.json`, and commit it"
            );
        }
    }

    #[test]
    fn shipped_packs_fit_the_schema() {
        let schema: serde_json::Value = serde_json::from_str(&of(File::Task)).expect("json");
        let validator = jsonschema::validator_for(&schema).expect("a sound schema");
        let library = crate::task::Library::Embedded;
        for name in library.names().unwrap_or_default() {
            let pack = library.find(&name).expect("a right pack");
            let value: serde_json::Value = serde_yaml::from_str(&pack.source).expect("yaml");
            let errors: Vec<String> = validator
                .iter_errors(&value)
                .map(|e| format!("{}: {e}", e.instance_path()))
                .collect();
            assert!(errors.is_empty(), "{name}: {errors:#?}");
        }
        let wrong = serde_json::json!({ "schema": 1, "task": "x", "sceanrios": [] });
        assert!(!validator.is_valid(&wrong));
    }
}
