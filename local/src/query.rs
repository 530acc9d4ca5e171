//! The query of a request.

use std::collections::BTreeMap;

use crate::problem::{Issue, Problem};

/// Parameters by name; of one that is repeated the last counts.
pub(crate) struct Query(BTreeMap<String, String>);

impl Query {
    pub(crate) fn parse(query: Option<&str>) -> Result<Self, Problem> {
        let parsed = serde_urlencoded::from_str::<Vec<(String, String)>>(query.unwrap_or_default());
        parsed
            .map(|pairs| Self(pairs.into_iter().collect()))
            .map_err(|error| Problem::invalid(vec![Issue::query("", error.to_string())]))
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    pub(crate) fn require(&self, name: &str) -> Result<&str, Problem> {
        self.get(name).ok_or_else(|| {
            Problem::invalid(vec![Issue::query(name, "Field required").with_kind("missing")])
        })
    }

    /// The pairs of `metadata[KEY]=VALUE`.
    pub(crate) fn metadata(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().filter_map(|(name, value)| {
            let key = name.strip_prefix("metadata[")?.strip_suffix(']')?;
            Some((key, value.as_str()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Query;

    #[test]
    fn metadata_and_plain_parameters() {
        let query = Query::parse(Some("status=running&metadata%5Brun%5D=r%2042&metadata[a]=b&x"));
        let query = query.expect("a query");
        assert_eq!(query.get("status"), Some("running"));
        assert_eq!(query.get("limit"), None);
        let pairs: Vec<_> = query.metadata().collect();
        assert_eq!(pairs, [("a", "b"), ("run", "r 42")]);
        assert!(query.require("path").is_err());
    }
}
