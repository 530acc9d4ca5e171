//! `/v1/sandboxes/volumes`.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use orkestr::api::types;
use serde_json::{Map, Value};

use crate::answer::{self, Json};
use crate::app::App;
use crate::plan;
use crate::problem::{Issue, Problem};
use crate::volumes::{ID_PREFIX, Lifetime, NewVolume, Volumes};

const LONGEST_NAME: usize = 63;
/// In GB.
const LARGEST: f64 = 16_384.0;
/// In GB.
const SMALLEST: f64 = 0.25;
const LONGEST_DAYS: u32 = 3650;
const LONGEST_HOURS: u32 = 24;

pub(crate) async fn create(
    State(app): State<Arc<App>>,
    Json(body): Json<types::CreateVolumeRequest>,
) -> Result<Response, Problem> {
    let new = check(body)?;
    let volume = with(&app, move |volumes| volumes.create(new)).await?;
    Ok(answer::json(StatusCode::CREATED, &volume))
}

pub(crate) async fn list(State(app): State<Arc<App>>) -> Response {
    let volumes = app.volumes.list();
    answer::json(StatusCode::OK, &types::VolumeList { volumes, ..types::VolumeList::default() })
}

pub(crate) async fn update(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    Json(body): Json<Map<String, Value>>,
) -> Result<Response, Problem> {
    let lifetime = lifetime_of(&body)?;
    let volume = with(&app, move |volumes| volumes.update(&id, lifetime)).await?;
    Ok(answer::json(StatusCode::OK, &volume))
}

pub(crate) async fn move_to(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    Json(body): Json<types::MoveVolumeRequest>,
) -> Result<Response, Problem> {
    let region = region(body.region).map_err(|issue| Problem::invalid(vec![issue]))?;
    let volume = with(&app, move |volumes| volumes.move_to(&id, region)).await?;
    Ok(answer::json(StatusCode::OK, &volume))
}

pub(crate) async fn delete(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    with(&app, move |volumes| volumes.delete(&id)).await?;
    Ok(answer::empty())
}

/// Where it may block, and to its end also for a client that leaves.
async fn with<T: Send + 'static>(
    app: &App,
    work: impl FnOnce(&Volumes) -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    let volumes = app.volumes.clone();
    tokio::task::spawn_blocking(move || work(&volumes)).await.map_err(Problem::internal)?
}

fn check(body: types::CreateVolumeRequest) -> Result<NewVolume, Problem> {
    let mut issues = Vec::new();
    if let Err(message) = check_name(&body.name) {
        issues.push(Issue::body("name", message));
    }
    if !(SMALLEST..=LARGEST).contains(&body.size_gb) {
        let message = format!("Input should be from {SMALLEST} to {LARGEST}");
        issues.push(Issue::body("size_gb", message));
    }
    let region = body.region.map(region).transpose().unwrap_or_else(|issue| {
        issues.push(issue);
        None
    });
    let mut lifetime = |name, value: Option<i64>, most| {
        let number = value.map(|number| whole(name, number, most)).transpose();
        number.unwrap_or_else(|issue| {
            issues.push(issue);
            None
        })
    };
    let days = lifetime("max_lifetime_days", body.max_lifetime_days.map(i64::from), LONGEST_DAYS);
    let hours =
        lifetime("max_lifetime_hours", body.max_lifetime_hours.map(i64::from), LONGEST_HOURS);
    if days.is_some() && hours.is_some() {
        let message = "Give a lifetime in days or in hours, not both";
        issues.push(Issue::body("max_lifetime_hours", message));
    }
    if !issues.is_empty() {
        return Err(Problem::invalid(issues));
    }
    #[allow(clippy::cast_possible_truncation, reason = "its range is checked")]
    let size_mb = (body.size_gb * 1024.0).ceil() as i64;
    Ok(NewVolume {
        name: body.name,
        size_mb,
        region,
        lifetime: days.map(Lifetime::Days).or(hours.map(Lifetime::Hours)),
    })
}

/// A create's `volume` takes names and ids alike, so no name may look like an id.
pub(crate) fn check_name(name: &str) -> Result<(), String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.is_empty() || name.len() > LONGEST_NAME || !name.chars().all(is_plain) {
        Err(format!(
            "A name should be 1 to {LONGEST_NAME} letters, digits, hyphens, underscores and dots"
        ))
    } else if !name.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        Err("A name should begin with a letter or a digit".to_owned())
    } else if name.starts_with(ID_PREFIX) {
        Err(format!("A name should not begin as an id does, with '{ID_PREFIX}'"))
    } else {
        Ok(())
    }
}

pub(crate) fn region(region: String) -> Result<String, Issue> {
    if plan::REGIONS.iter().any(|(id, _)| *id == region) {
        return Ok(region);
    }
    let known: Vec<&str> = plan::REGIONS.iter().map(|(id, _)| *id).collect();
    let known = known.join(", ");
    Err(Issue::body("region", format!("'{region}' is no region; known: {known}")))
}

/// Read from the members themselves: to the contract's type null is the same as absent.
fn lifetime_of(body: &Map<String, Value>) -> Result<Option<Lifetime>, Problem> {
    let invalid = |issue| Problem::invalid(vec![issue]);
    let read = |name: &'static str, most| {
        let value = body.get(name)?;
        // As the contract's numbers are read: 30.0 is 30.
        let number = serde_json::from_value::<Option<orkestr::api::Integer>>(value.clone());
        Some(match number {
            Ok(None) => Ok(None),
            Ok(Some(number)) => whole(name, number.0, most).map(Some),
            Err(_) => Err(Issue::body(name, "Input should be a whole number or null")),
        })
    };
    match (read("max_lifetime_days", LONGEST_DAYS), read("max_lifetime_hours", LONGEST_HOURS)) {
        (Some(days), None) => Ok(days.map_err(invalid)?.map(Lifetime::Days)),
        (None, Some(hours)) => Ok(hours.map_err(invalid)?.map(Lifetime::Hours)),
        _ => Err(invalid(Issue::body(
            "",
            "Give exactly one of max_lifetime_days and max_lifetime_hours",
        ))),
    }
}

fn whole(name: &str, number: i64, most: u32) -> Result<u32, Issue> {
    u32::try_from(number)
        .ok()
        .filter(|number| (1..=most).contains(number))
        .ok_or_else(|| Issue::body(name, format!("Input should be from 1 to {most}")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_are_plain_and_no_ids() {
        for good in ["a", "models", "Cache-2.x_y", &"x".repeat(63)] {
            assert_eq!(check_name(good), Ok(()), "{good}");
        }
        for bad in ["", "-a", ".", "..", "a/b", "a b", "a\n", "vol_1", "ä", &"x".repeat(64)] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_lifetime_is_set_cleared_or_left() {
        let of = |body: Value| lifetime_of(body.as_object().expect("an object"));
        assert!(matches!(of(json!({"max_lifetime_days": 30})), Ok(Some(Lifetime::Days(30)))));
        assert!(matches!(
            of(json!({"max_lifetime_hours": 5.0, "x": 1})),
            Ok(Some(Lifetime::Hours(5)))
        ));
        for clear in ["max_lifetime_days", "max_lifetime_hours"] {
            assert!(matches!(of(json!({clear: null})), Ok(None)));
        }
        for bad in [
            json!({}),
            json!({"max_lifetime_days": 1, "max_lifetime_hours": null}),
            json!({"max_lifetime_days": 0}),
            json!({"max_lifetime_days": "1"}),
            json!({"max_lifetime_days": 3651}),
            json!({"max_lifetime_hours": 25}),
        ] {
            assert_eq!(of(bad.clone()).expect_err("not valid").status.as_u16(), 422, "{bad}");
        }
    }
}
